"""Starting, stopping, renaming and retrying VMs."""

from __future__ import annotations

from django.db.models import F

from apps.accounts.acts import changes, renames
from apps.compute.models import Power, Vm
from apps.compute.services.image_copy import hold_image_again
from apps.compute.services.recovery import leave_dead_host
from apps.compute.verbs import (
    VM_FINISH_FIRST_BOOT,
    VM_POWER_OFF,
    VM_RENAME,
    VM_RESTART,
    VM_RESUME,
    VM_RETRY,
    VM_SHUT_DOWN,
    VM_START,
)
from apps.lifecycle.models import Operation
from apps.lifecycle.requests import Change


@changes(VM_START)
def start_vm(change: Change[Vm]) -> Operation:
    """Switch a stopped VM on."""
    Vm.objects.filter(pk=change.row.pk).update(power=Power.ON, boot=F("boot") + 1)
    change.bump()
    return change.request()


@changes(VM_SHUT_DOWN)
def shut_down_vm(change: Change[Vm]) -> Operation:
    """Ask the guest to shut down. Whether it does is the guest's choice, so only the outcome changes what is wanted."""
    return change.request()


@changes(VM_POWER_OFF)
def power_off_vm(change: Change[Vm]) -> Operation:
    """Take a VM's power, whatever else is going on with it."""
    Vm.objects.filter(pk=change.row.pk).update(power=Power.OFF)
    change.bump()
    return change.request()


@changes(VM_RESTART)
def restart_vm(change: Change[Vm]) -> Operation:
    """Shut the guest down, by force if it does not listen, and start it again."""
    Vm.objects.filter(pk=change.row.pk).update(power=Power.ON, boot=F("boot") + 1)
    change.bump()
    return change.request()


@changes(VM_RESUME)
def resume_vm(change: Change[Vm]) -> Operation:
    """Let a VM go on that its host paused, now that the cause is gone."""
    return change.request()


@changes(VM_FINISH_FIRST_BOOT)
def finish_first_boot(change: Change[Vm]) -> Operation:
    """Remove a VM's first-boot data from its host and from the database, now that its guest has read it."""
    return change.request()


@changes(VM_RETRY)
def retry_vm(change: Change[Vm], *, left: str = "") -> Operation:
    """Take up again the creation of a VM that failed; its reservation and addresses are still its own.

    On another host if its own is certainly off. `left`: the host that an earlier retry left. Raises NoCapacity.
    """
    Vm.objects.filter(pk=change.row.pk).update(power=Power.ON)
    hold_image_again(change.row)
    dead = leave_dead_host(change.row)
    left = str(dead) if dead else left
    return change.request(args={"left": left} if left else None)


rename_vm = renames(VM_RENAME)
