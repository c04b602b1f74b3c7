"""Resizing VMs: those that are off at once, those that run at their next start, or at once where they can grow."""

from __future__ import annotations

from django.db.models import Q
from django.utils.translation import gettext as _

from apps.accounts.acts import changes
from apps.compute import selectors
from apps.compute.given_up import drop_resize
from apps.compute.models import InstanceType, Vm
from apps.compute.quota import size_amounts
from apps.compute.services.migration import ensure_settled
from apps.compute.verbs import VM_DISCARD_RESIZE, VM_HOT_ADD, VM_RESIZE
from apps.infrastructure import placement
from apps.infrastructure.models import ComputeCluster
from apps.infrastructure.need import Need
from apps.lifecycle import push
from apps.lifecycle.errors import Invalid, NoCapacity, Refused
from apps.lifecycle.models import Operation
from apps.lifecycle.requests import Change
from apps.quotas.services import hold, release_quota, reserve_quota


@changes(VM_RESIZE)
def resize_vm(change: Change[Vm], *, instance_type: int) -> Operation:
    """Give a VM another size, larger or smaller; one that runs gets it at its next start.

    A VM that is off moves to another host of its cluster when its own has no room. Raises Invalid, QuotaExceeded,
    NoCapacity.
    """
    vm, wanted = change.row, _type(change.row, instance_type)
    ensure_settled(vm)
    new = size_of(wanted)
    _ensure_other(vm, new)
    if not vm.is_on:
        change.bump()
    return _request(change, wanted, moves=not vm.is_on)


@changes(VM_HOT_ADD)
def hot_add(change: Change[Vm], *, instance_type: int) -> Operation:
    """Add vCPUs and memory to a VM that runs. Raises Invalid, Refused, QuotaExceeded, NoCapacity."""
    vm, wanted = change.row, _type(change.row, instance_type)
    ensure_settled(vm)
    new, least = size_of(wanted), vm.need if vm.resize_unsettled else vm.size
    if least.beyond(new) != Need(0, 0):
        raise Refused(
            _("A running VM cannot get smaller than %(size)s.") % {"size": shown(least)},
            code="vm.no_online_downgrade",
            field="instance_type",
            hint=_("Use Resize. The smaller size takes effect at the next restart."),
        )
    if new == vm.size and not vm.resize_unsettled:
        raise Invalid({"instance_type": [_("The VM already has this size.")]})
    if new.vcpu > vm.hot_vcpu or new.memory_mib > vm.hot_memory_mib:
        raise Refused(
            _("This VM can grow to %(size)s while it runs.")
            % {"size": shown(Need(vm.hot_vcpu, vm.hot_memory_mib))},
            code="vm.no_head_room",
            field="instance_type",
            hint=_("Use Resize. The larger size takes effect at the next restart."),
        )
    change.bump()
    return _request(change, wanted, moves=False)


@changes(VM_DISCARD_RESIZE)
def discard_resize(change: Change[Vm]) -> Vm:
    """Keep the size that a VM has; what was reserved for another one is given back."""
    ensure_settled(change.row)
    drop_resize(change.row)
    change.record()
    return Vm.objects.get(pk=change.row.pk)


def size_of(kind: InstanceType) -> Need:
    """Return the size that an instance type has."""
    return Need(kind.vcpu, kind.memory_gib * 1024)


def shown(size: Need) -> str:
    """Return a size for people."""
    return _("%(vcpu)s vCPU · %(memory)s GiB") % {"vcpu": size.vcpu, "memory": size.memory_mib // 1024}


def _request(change: Change[Vm], wanted: InstanceType, *, moves: bool) -> Operation:
    """Reserve what the new size needs beside the present one. Locks in the order everybody keeps: quota, host."""
    vm, new = change.row, size_of(wanted)
    before, after = vm.need, vm.size.larger(new)
    more, less = after.beyond(before), before.beyond(after)
    if vm.tenant_id is not None:
        hold(vm.tenant_id, size_amounts(new))
        reserve_quota(vm.tenant_id, size_amounts(more))
        release_quota(vm.tenant_id, size_amounts(less))
    operation = change.request(args={"instance_type": wanted.pk})
    host_id = _place(vm, new, more, less, wanted, moves=moves)
    Vm.objects.filter(pk=vm.pk).update(
        resize_type=wanted,
        resize_vcpu=new.vcpu,
        resize_memory_mib=new.memory_mib,
        resize_host=host_id,
        # Of what a hot add may have given it already, this one is at least as large.
        resize_unsettled=vm.resize_unsettled and vm.is_on,
    )
    push.resource_changed(vm)
    return operation


def _place(vm: Vm, new: Need, more: Need, less: Need, wanted: InstanceType, *, moves: bool) -> object:
    """Reserve room on the VM's host, else on another one if it may move there; return that one's ID."""
    assert vm.host_id is not None
    if placement.reserve_more(vm.host_id, more):
        placement.release(vm.host_id, less)
        return None
    if not moves:
        raise NoCapacity(
            _("The VM’s host has no room for %(type)s.") % {"type": wanted.name},
            field="instance_type",
            hint=_("Stop the VM, so that it can move to another host, or choose a smaller instance type."),
        )
    cluster = ComputeCluster.objects.get(pk=vm.cluster_id)
    (host_id,) = placement.place(cluster, new, among=~Q(pk=vm.host_id))
    placement.release(vm.host_id, vm.need.beyond(vm.size))
    return host_id


def _type(vm: Vm, pk: int) -> InstanceType:
    """Return an instance type of the VM's cluster. Raises Invalid."""
    assert vm.tenant_id is not None
    found = selectors.usable_types(vm.tenant_id).filter(pk=pk, cluster=vm.cluster_id).first()
    if found is None:
        raise Invalid({"instance_type": [_("Instance type not found in the VM’s cluster.")]})
    return found


def _ensure_other(vm: Vm, new: Need) -> None:
    """Raise Invalid for the size that a VM has or gets anyway; of one whose last task failed, it is set again."""
    if vm.error:
        return
    if vm.resize is not None and new == vm.size:
        text = _("The VM has this size now. Discard the prepared resize to keep it.")
        raise Invalid({"instance_type": [text]})
    if new == vm.resize:
        raise Invalid({"instance_type": [_("This size is already prepared.")]})
    if new == vm.size:
        raise Invalid({"instance_type": [_("The VM already has this size.")]})
