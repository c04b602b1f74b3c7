"""What every hypervisor says when it refuses, so that all implementations refuse alike."""

from apps.drivers.errors import DriverError


def missing_vm(vm_id: str) -> DriverError:
    """The host has no such VM. Not permanent: the next attempt defines it first."""
    return DriverError(
        f"The host does not know VM {vm_id}.", code="hypervisor.vm_missing", hint="Retry, or resync the VM."
    )


def missing_volume(vm_id: str, volume_id: str) -> DriverError:
    """A disk of the VM is not there to start from."""
    return DriverError(
        f"VM {vm_id} cannot start without its volume {volume_id}.",
        code="hypervisor.volume_missing",
        hint="Resync the VM's disks, then retry.",
    )


def locked_volume(vm_id: str, volume_id: str) -> DriverError:
    """A disk of the VM is open in another running VM, perhaps the same VM on another host."""
    return DriverError(
        f"VM {vm_id} cannot start: its volume {volume_id} is open elsewhere.",
        code="hypervisor.volume_in_use",
        hint="Make sure that the VM does not run on another host.",
    )


def vm_is_off(vm_id: str) -> DriverError:
    """The verb needs a running VM."""
    return DriverError(
        f"VM {vm_id} is not running.", code="hypervisor.vm_off", permanent=True, hint="Start the VM."
    )


def unreachable(host: str) -> DriverError:
    """No answer from the host in time."""
    return DriverError(
        f"Host {host} did not answer.",
        code="host.unreachable",
        hint="Check that the host is up and its agent is running.",
    )
