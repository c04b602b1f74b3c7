"""Binding elastic NICs to VMs, moving and unbinding them, and repairing that.

While one moves, its row says that it is at the VM it comes from: it is written as the other's only when that guest has
released it. So a move that failed leaves it bound where it was, and a bind that failed half-way is finished by the same
request.
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.access import begin, begin_stale, ensure_may, visible
from apps.compute.models import Vm
from apps.drivers.specs import ELASTIC_SLOTS
from apps.infrastructure.models import ComputeCluster
from apps.infrastructure.regions import ensure_one_region
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.errors import Invalid, NotNow, Refused
from apps.lifecycle.models import Operation, State
from apps.lifecycle.requests import Change
from apps.lifecycle.usable import ensure_usable
from apps.network.models import Eni
from apps.network.services.carrier_locks import BOUND_ENI, beside
from apps.network.services.overlaps import ensure_apart, segments_at, vpcs_at
from apps.network.verbs.eni import ENI_BIND, ENI_FORCE_CLEAN, ENI_RESYNC, ENI_UNBIND
from apps.reconciliation.usage import ensure_not_needed

#: Elastic NICs that a VM can have, by the architecture of its hosts.
MOST_NICS = {ComputeCluster.Architecture.X86: 6, ComputeCluster.Architecture.ARM: 3}


@BOUND_ENI.changes(ENI_BIND)
def bind_eni(change: Change[Eni], *, vm: UUID | str) -> Operation:
    """Bind an elastic NIC to a VM, running or stopped, or move it from the VM that has it.

    To the VM that it has been bound to in part, this finishes it. Raises Invalid (field "vm"), Refused
    `region.mismatch` and `vm.too_many_elastic_nics`, NotNow, Busy.
    """
    eni, machine = change.row, _machine(change, vm)
    if eni.vm_id == machine.pk and not eni.error:
        raise NotNow(_("The elastic NIC is already bound to %(name)s.") % {"name": machine.name})
    also = beside(change, machine.pk, eni.vm_id)
    if eni.vm_id != machine.pk:
        slot = _free_slot(machine)
        _ensure_apart(eni, machine)
        Eni.objects.filter(pk=eni.pk).update(next_vm=machine.pk, next_slot=slot)
    change.bump()
    return change.request(args={"vm": str(machine.pk)}, also=also)


@serves(ENI_UNBIND)
@transaction.atomic
def unbind_eni(actor: Actor, row: Eni, /, *, vm: UUID | str | None = None) -> Operation:
    """Unbind an elastic NIC once its guest has released it.

    `vm`: the VM that it is believed to be bound to; bound elsewhere or not at all, the operation changes nothing.
    Raises NotNow when it is not bound and no VM was named, Busy.
    """
    held = BOUND_ENI.lock_others(actor, row.pk)
    if vm and (stale := _stale(actor, row, UUID(str(vm)))) is not None:
        return stale
    change = begin(actor, ENI_UNBIND, Eni(pk=row.pk))
    BOUND_ENI.ensure_held(change.row, held)
    args = {"vm": str(change.row.vm_id)}
    return change.request(args=args, also=beside(change, change.row.vm_id))


@BOUND_ENI.changes(ENI_RESYNC)
def resync_eni(change: Change[Eni]) -> Operation:
    """Make network and VM match the row."""
    return change.request(also=beside(change, change.row.vm_id))


@BOUND_ENI.changes(ENI_FORCE_CLEAN)
def force_clean_eni(change: Change[Eni]) -> Operation:
    """Unbind an elastic NIC as far as possible and remove it, whatever state it is in. Raises InUse, Busy."""
    ensure_not_needed(change.row)
    return change.request(also=beside(change, change.row.vm_id))


def _stale(actor: Actor, row: Eni, vm: UUID) -> Operation | None:
    """Return the operation that changes nothing, of a NIC that is not bound to `vm` any more."""
    change = begin_stale(
        actor, ENI_UNBIND, Eni(pk=row.pk), lambda eni: eni.state == State.READY and eni.vm_id != vm
    )
    return change.request(args={"vm": str(vm)}) if change is not None else None


def _machine(change: Change[Eni], pk: UUID | str) -> Vm:
    """Return the VM, of the NIC's tenant and region. Raises Invalid, Forbidden, Refused or NotNow."""
    eni = change.row
    rows = Vm.objects.select_related("region", "cluster").filter(tenant=eni.tenant_id)
    found = visible(change.actor, rows).filter(pk=pk).first()
    if found is None:
        raise Invalid({"vm": [_("VM not found.")]})
    ensure_may(change.actor, change.verb, found.project_id, found.tenant_id, found.pk)
    ensure_one_region(eni, found, field="vm")
    ensure_usable(found)
    return found


def _ensure_apart(eni: Eni, vm: Vm) -> None:
    """Raise Invalid where a segment would overlap a subnet at the VM."""
    if eni.segment_id is not None:
        ensure_apart(vpcs_at(vm.pk), [eni.segment_id], "vm")
    elif eni.nic.subnet is not None:
        ensure_apart([eni.nic.subnet.vpc_id], segments_at(vm.pk), "vm")


def _free_slot(vm: Vm) -> int:
    """Return the lowest free slot of a locked VM; one that is on its way there has its place. Raises Refused."""
    most = MOST_NICS[ComputeCluster.Architecture(vm.cluster.architecture)]
    taken = {
        *Eni.objects.filter(vm=vm.pk).values_list("slot", flat=True),
        *Eni.objects.filter(next_vm=vm.pk).values_list("next_slot", flat=True),
    }
    free = [slot for slot in ELASTIC_SLOTS[:most] if slot not in taken]
    if not free:
        raise Refused(
            _("VM %(name)s already has %(most)s elastic NICs. %(arch)s VMs can have no more.")
            % {"name": vm.name, "most": most, "arch": vm.cluster.get_architecture_display()},
            code="vm.too_many_elastic_nics",
            field="vm",
            hint=_("Unbind an elastic NIC from this VM first, or choose another VM."),
        )
    return free[0]
