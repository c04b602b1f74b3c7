"""What every hypervisor says when it refuses, so that all implementations refuse alike."""

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _

UNREACHABLE = "host.unreachable"
VM_MISSING = "hypervisor.vm_missing"


def missing_vm(vm_id: str) -> DriverError:
    """The host has no such VM. Not permanent: the next attempt defines it first."""
    return DriverError(
        _("The VM %(vm_id)s does not exist on the host."),
        values={"vm_id": vm_id},
        code=VM_MISSING,
        hint=_("Retry, or resync the VM."),
    )


def missing_firmware() -> DriverError:
    """The host has no UEFI firmware of the kind that the VM starts with."""
    return DriverError(
        _("The host has no UEFI firmware for this VM."),
        code="hypervisor.no_firmware",
        permanent=True,
        hint=_("Install the host’s UEFI firmware (Debian: ovmf), then retry."),
    )


def missing_volume(vm_id: str, volume_id: str) -> DriverError:
    """A disk of the VM is not there."""
    return DriverError(
        _("VM %(vm_id)s cannot use volume %(volume_id)s: the volume is missing."),
        values={"vm_id": vm_id, "volume_id": volume_id},
        code="hypervisor.volume_missing",
        hint=_("Resync the VM’s disks, then retry."),
    )


def locked_volume(vm_id: str, volume_id: str) -> DriverError:
    """A disk of the VM is open in another running VM, perhaps the same VM on another host."""
    return DriverError(
        _("VM %(vm_id)s cannot use volume %(volume_id)s: the volume is in use elsewhere."),
        values={"vm_id": vm_id, "volume_id": volume_id},
        code="hypervisor.volume_in_use",
        hint=_("Check that the VM does not run on another host."),
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


def limits_not_set(vm_id: str, volume_id: str) -> DriverError:
    """The hypervisor accepted limits of a disk, and has others."""
    return DriverError(
        _("VM %(vm_id)s did not take the limits of volume %(volume_id)s."),
        values={"vm_id": vm_id, "volume_id": volume_id},
        code="hypervisor.limits_not_set",
        hint=_("See the host’s libvirt log."),
    )


def taken_nic_slot(vm_id: str, slot: int) -> DriverError:
    """Where a NIC shall be plugged in there is another that the guest has not let go yet."""
    return DriverError(
        _("VM %(vm_id)s still uses the NIC that was detached from slot %(slot)s."),
        values={"vm_id": vm_id, "slot": slot},
        code="hypervisor.nic_slot_taken",
        hint=_("The platform retries automatically. If this continues, restart the VM."),
    )


def no_head_room(vm_id: str, vcpu: int, memory_mib: int) -> DriverError:
    """The VM was not started so that it can grow that far."""
    return DriverError(
        _("VM %(vm_id)s can grow to %(vcpu)s vCPUs and %(memory)s MiB while it runs, no further."),
        values={"vm_id": vm_id, "vcpu": vcpu, "memory": memory_mib},
        code="hypervisor.no_head_room",
        permanent=True,
        hint=_("Restart the VM to apply the new size."),
    )


def unguarded_nic(vm_id: str, words: str) -> DriverError:
    """A NIC was plugged in, and the host could not be guarded against it: it stays disconnected."""
    return DriverError(
        _("The NIC of VM %(vm_id)s stays disconnected: the host’s guard failed: %(words)s"),
        values={"vm_id": vm_id, "words": words},
        code="hypervisor.nic_not_guarded",
        hint=_("Check guard-taps on the host. The platform retries automatically."),
    )


def slow_hypervisor(vm_id: str, seconds: float) -> DriverError:
    """The hypervisor did not answer in time: its storage may hang."""
    return DriverError(
        _("The hypervisor did not answer within %(seconds)s s for VM %(vm_id)s."),
        values={"vm_id": vm_id, "seconds": round(seconds)},
        code="hypervisor.slow",
        hint=_("Check the storage cluster of the VM’s disks. The platform retries automatically."),
    )


def silent_guest_agent(vm_id: str) -> DriverError:
    """The guest agent has stopped answering."""
    return DriverError(
        _("The guest agent of VM %(vm_id)s did not answer."),
        values={"vm_id": vm_id},
        code="hypervisor.guest_agent_silent",
        hint=_("Check the guest agent in the VM. The platform retries automatically."),
    )


def no_guest_agent(vm_id: str) -> DriverError:
    """No guest agent has opened its end of the channel: the guest still boots, or has none."""
    return DriverError(
        _("VM %(vm_id)s has no running guest agent."),
        values={"vm_id": vm_id},
        code="hypervisor.no_guest_agent",
        hint=_("Wait until the guest has started. If it has no guest agent, install qemu-guest-agent."),
    )


def refused_password(vm_id: str, user: str) -> DriverError:
    """The guest agent refused to set the password: no such user, or the guest forbids it."""
    return DriverError(
        _("The guest of VM %(vm_id)s refused the new password of %(user)s."),
        values={"vm_id": vm_id, "user": user},
        code="hypervisor.password_refused",
        permanent=True,
        hint=_("Check that the user exists and that the guest agent may set passwords."),
    )


def unreachable(host: str) -> DriverError:
    """No answer from the host in time."""
    return DriverError(
        _("Host %(host)s did not respond."),
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
        _("Host %(host)s has not finished earlier commands."),
        values={"host": host},
        code="host.busy",
        hint=_(
            "The platform retries automatically. If this continues, check the load of the host and its "
            "storage."
        ),
    )


def restarted_agent(host: str) -> DriverError:
    """The agent has been started again since it was asked, and what it was at is lost."""
    return DriverError(
        _("The agent of host %(host)s restarted in the meantime."),
        values={"host": host},
        code="host.restarted",
        hint=_("The platform checks again automatically."),
    )


def senseless_answer(host: str) -> DriverError:
    """What came back is not what the order's answer must be."""
    return DriverError(
        _("Host %(host)s sent an invalid reply."),
        values={"host": host},
        code="host.broken_answer",
        hint=_("Update the host’s agent, or enrol the host again."),
    )


def already_here(vm_id: str) -> DriverError:
    """A VM that is to arrive is defined on the host already. The next attempt looks where it is, and clears that."""
    return DriverError(
        _("VM %(vm_id)s is already defined on the host."),
        values={"vm_id": vm_id},
        code="hypervisor.already_here",
        hint=_("The platform checks where the VM runs, and retries."),
    )


def cpu_lacks(vm_id: str, features: str) -> DriverError:
    """The host a VM is to move to has processors that lack what the guest uses."""
    return DriverError(
        _("The target host’s CPU lacks features that VM %(vm_id)s uses: %(features)s."),
        values={"vm_id": vm_id, "features": features},
        code="hypervisor.cpu_lacks",
        permanent=True,
        hint=_("Choose a host with the same or a newer CPU. Or stop the VM and migrate it then."),
    )


def migration_failed(vm_id: str, words: str) -> DriverError:
    """The hypervisors have given a migration up."""
    return DriverError(
        _("The migration of VM %(vm_id)s failed: %(words)s"),
        values={"vm_id": vm_id, "words": words},
        code="hypervisor.migration_failed",
        permanent=True,
        hint=_("The VM stays on its host. See the libvirt logs of both hosts, then retry."),
    )


def migration_cancelled(vm_id: str) -> DriverError:
    """Somebody had the migration given up."""
    return DriverError(
        _("The migration of VM %(vm_id)s was cancelled."),
        values={"vm_id": vm_id},
        code="hypervisor.migration_cancelled",
        permanent=True,
        hint=_("The VM stays on its host."),
    )


def failed_host(name: str) -> DriverError:
    """The host is off for certain, and its VMs are started elsewhere: nothing may start there before it is back."""
    return DriverError(
        _("Host %(host)s is marked as off."),
        values={"host": name},
        code="host.marked_off",
        hint=_("The task goes on when the host has been taken back."),
    )
