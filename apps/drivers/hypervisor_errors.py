"""What every hypervisor says when it refuses, so that all implementations refuse alike."""

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _

UNREACHABLE = "host.unreachable"


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
        code=UNREACHABLE,
        hint=_("Check that the host is up and its agent is running."),
    )


def silent_host(host: str, seconds: float) -> DriverError:
    """The host's agent has not been heard of for so long that it is not asked."""
    return DriverError(
        _("Host %(host)s has not reported for %(seconds)s s."),
        values={"host": host, "seconds": round(seconds)},
        code=UNREACHABLE,
        hint=_("Check that the host is up and its agent is running."),
    )


def busy_host(host: str) -> DriverError:
    """As many orders as may be are waiting for the host's answer."""
    return DriverError(
        _("Host %(host)s has not answered earlier orders yet."),
        values={"host": host},
        code="host.busy",
        hint=_("It is asked again by itself. If it goes on, check the load of the host and its storage."),
    )


def restarted_agent(host: str) -> DriverError:
    """The agent has been started anew since it was asked, and what it was at is lost."""
    return DriverError(
        _("The agent of host %(host)s was started anew meanwhile."),
        values={"host": host},
        code="host.restarted",
        hint=_("It is asked again by itself."),
    )


def senseless_answer(host: str) -> DriverError:
    """What came back is not what the order's answer must be."""
    return DriverError(
        _("What host %(host)s answered makes no sense."),
        values={"host": host},
        code="host.broken_answer",
        hint=_("Update the host's agent, or enrol the host again."),
    )
