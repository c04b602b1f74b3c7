"""The instance types that a VM can be resized to, and why not to others: for dialogs and for the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Exists, F, OuterRef
from django.utils.translation import gettext as _

from apps.compute import selectors
from apps.compute.models import InstanceType, Vm
from apps.compute.quota import size_amounts
from apps.compute.services.resize import size_of
from apps.infrastructure.models import Host
from apps.infrastructure.need import Need
from apps.infrastructure.placement import healthy
from apps.quotas.forecast import used_by
from apps.quotas.metrics import metrics

NOTHING = Need(0, 0)


@dataclass(frozen=True)
class SizeChoice:
    """An instance type as offered. reason: why it cannot be chosen, "" when it can. moves: to another host."""

    type: InstanceType
    reason: str = ""
    moves: bool = False


def resize_choices(vm: Vm) -> list[SizeChoice]:
    """Return all types of the VM's cluster, judged for a resize: a constant number of queries."""
    return list(_judged(vm, _own_size, may_move=not vm.is_on))


def hot_add_choices(vm: Vm) -> list[SizeChoice]:
    """Return all types of the VM's cluster, judged for growing while it runs."""
    return list(_judged(vm, _not_grown, may_move=False))


def _own_size(vm: Vm, new: Need) -> str:
    if new == vm.size:
        return _("current size")
    return _("already prepared") if new == vm.resize else ""


def _not_grown(vm: Vm, new: Need) -> str:
    if new == vm.size and not vm.resize_unsettled:
        return _("current size")
    if (vm.need if vm.resize_unsettled else vm.size).beyond(new) != NOTHING:
        return _("smaller: needs a restart")
    if new.vcpu > vm.hot_vcpu or new.memory_mib > vm.hot_memory_mib:
        return _("too large: needs a restart")
    return ""


def _judged(vm: Vm, why_not: Callable[[Vm, Need], str], *, may_move: bool) -> Iterator[SizeChoice]:
    if vm.tenant_id is None or vm.host_id is None:
        return
    elsewhere = healthy(vm.cluster).exclude(pk=vm.host_id)
    fits_elsewhere = Exists(
        elsewhere.filter(
            vcpu_capacity__gte=F("vcpu_reserved") + OuterRef("vcpu"),
            memory_capacity_mib__gte=F("memory_reserved_mib") + OuterRef("memory_gib") * 1024,
        )
    )
    types = selectors.usable_types(vm.tenant_id).filter(cluster=vm.cluster_id)
    free, left = _free(vm.host_id), used_by(vm.tenant_id)
    for kind in types.annotate(elsewhere=fits_elsewhere).order_by("vcpu", "memory_gib"):
        new = size_of(kind)
        more = new.beyond(vm.need)
        if reason := why_not(vm, new):
            yield SizeChoice(kind, reason)
        elif short := _over_quota(more, left):
            yield SizeChoice(kind, _("over quota: %(what)s") % {"what": ", ".join(short)})
        elif more.beyond(free) == NOTHING:
            yield SizeChoice(kind)
        elif may_move and kind.elsewhere:
            yield SizeChoice(kind, moves=True)
        else:
            yield SizeChoice(kind, _("no room") if may_move else _("no room on its host"))


def _free(host_id: UUID) -> Need:
    """Return what is free on a host."""
    columns = ("vcpu_capacity", "vcpu_reserved", "memory_capacity_mib", "memory_reserved_mib")
    row = Host.objects.filter(pk=host_id).values_list(*columns).first()
    if row is None:
        return NOTHING
    return Need(max(row[0] - row[1], 0), max(row[2] - row[3], 0))


def _over_quota(more: Need, left: dict[str, tuple[int, int]]) -> list[str]:
    short = []
    for metric, units in size_amounts(more).items():
        used, limit = left.get(metric, (0, units))
        if units and used + units > limit:
            short.append(str(metrics()[metric].label))
    return short
