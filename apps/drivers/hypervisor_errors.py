"""What every hypervisor says when it refuses, so that all implementations refuse alike."""

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _


def missing_vm(vm_id: str) -> DriverError:
    """The host has no such VM. Not permanent: the next attempt defines it first."""
    return DriverError(
        _("The host does not know VM %(vm_id)s."),
        values={"vm_id": vm_id},
        code="hypervisor.vm_missing",
        hint=_("Retry, or resync the VM."),
    )


def missing_volume(vm_id: str, volume_id: str) -> DriverError:
    """A disk of the VM is not there to start from."""
    return DriverError(
        _("VM %(vm_id)s cannot start without its volume %(volume_id)s."),
        values={"vm_id": vm_id, "volume_id": volume_id},
        code="hypervisor.volume_missing",
        hint=_("Resync the VM's disks, then retry."),
    )


def locked_volume(vm_id: str, volume_id: str) -> DriverError:
    """A disk of the VM is open in another running VM, perhaps the same VM on another host."""
    return DriverError(
        _("VM %(vm_id)s cannot start: its volume %(volume_id)s is open elsewhere."),
        values={"vm_id": vm_id, "volume_id": volume_id},
        code="hypervisor.volume_in_use",
        hint=_("Make sure that the VM does not run on another host."),
    )


def vm_is_off(vm_id: str) -> DriverError:
    """The verb needs a running VM."""
    return DriverError(
        _("VM %(vm_id)s is not running."),
        values={"vm_id": vm_id},
        code="hypervisor.vm_off",
        permanent=True,
        hint=_("Start the VM."),
    )


def unreachable(host: str) -> DriverError:
    """No answer from the host in time."""
    return DriverError(
        _("Host %(host)s did not answer."),
        values={"host": host},
        code="host.unreachable",
        hint=_("Check that the host is up and its agent is running."),
    )
