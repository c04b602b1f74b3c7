"""Starting, stopping, trying again and deleting VMs."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F

from apps.compute.models import Power, Vm
from apps.compute.verbs import (
    VM_DELETE,
    VM_FINISH_FIRST_BOOT,
    VM_POWER_OFF,
    VM_RESTART,
    VM_RESUME,
    VM_RETRY,
    VM_SHUT_DOWN,
    VM_START,
)
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Operation
from apps.lifecycle.requests import bump, request
from apps.tenancy.access import begin


@transaction.atomic
def start_vm(actor: Actor, vm: Vm) -> Operation:
    """Switch a stopped VM on."""
    vm = begin(actor, VM_START, vm)
    Vm.objects.filter(pk=vm.pk).update(power=Power.ON, boot=F("boot") + 1)
    bump(vm)
    return request(actor, VM_START, vm)


@transaction.atomic
def shut_down_vm(actor: Actor, vm: Vm) -> Operation:
    """Ask the guest to shut down. Whether it does is the guest's choice, so only the outcome changes what is wanted."""
    vm = begin(actor, VM_SHUT_DOWN, vm)
    return request(actor, VM_SHUT_DOWN, vm)


@transaction.atomic
def power_off_vm(actor: Actor, vm: Vm) -> Operation:
    """Take a VM's power, whatever else is going on with it."""
    vm = begin(actor, VM_POWER_OFF, vm)
    Vm.objects.filter(pk=vm.pk).update(power=Power.OFF)
    bump(vm)
    return request(actor, VM_POWER_OFF, vm)


@transaction.atomic
def restart_vm(actor: Actor, vm: Vm) -> Operation:
    """Shut the guest down, by force if it does not listen, and start it again."""
    vm = begin(actor, VM_RESTART, vm)
    Vm.objects.filter(pk=vm.pk).update(power=Power.ON, boot=F("boot") + 1)
    bump(vm)
    return request(actor, VM_RESTART, vm)


@transaction.atomic
def resume_vm(actor: Actor, vm: Vm) -> Operation:
    """Let a VM go on that its host paused, now that the cause is gone."""
    vm = begin(actor, VM_RESUME, vm)
    return request(actor, VM_RESUME, vm)


@transaction.atomic
def finish_first_boot(actor: Actor, vm: Vm) -> Operation:
    """Remove a VM's first-boot data from its host and from the database, now that its guest has read it."""
    vm = begin(actor, VM_FINISH_FIRST_BOOT, vm)
    return request(actor, VM_FINISH_FIRST_BOOT, vm)


@transaction.atomic
def retry_vm(actor: Actor, vm: Vm) -> Operation:
    """Take up again the creation of a VM that failed; its reservation and addresses are still its own."""
    vm = begin(actor, VM_RETRY, vm)
    Vm.objects.filter(pk=vm.pk).update(power=Power.ON)
    return request(actor, VM_RETRY, vm)


@transaction.atomic
def delete_vm(actor: Actor, vm: Vm) -> Operation:
    """Delete a VM with its system disk and NICs, whatever else is going on with it (VM-10)."""
    vm = begin(actor, VM_DELETE, vm)
    Vm.objects.filter(pk=vm.pk).update(power=Power.OFF)
    bump(vm)
    return request(actor, VM_DELETE, vm)
