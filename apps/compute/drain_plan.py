"""What draining a host would do with each of its VMs. Rows only: no host is asked.

Room is given out in the plan as it would be by placement, VM after VM and the largest first, so that the plan fits as
a whole. What happens meanwhile may differ: each VM's host is chosen again when its turn comes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from apps.compute.models import Vm
from apps.compute.platform_settings import DRAIN_AT_ONCE, MIGRATION_MIB_PER_SECOND
from apps.compute.verbs import VM_MIGRATE
from apps.infrastructure.models import Host
from apps.infrastructure.need import Need
from apps.infrastructure.placement import healthy
from apps.lifecycle.errors import Busy
from apps.lifecycle.legality import possibility
from apps.lifecycle.models import State
from apps.lifecycle.selectors import with_open_operations

#: What one network card carries between two hosts beside the guests' own traffic: a third of 10 Gbit/s. All migrations
#: of a host share it. Nothing is measured; memory that is never written is skipped, so most are faster.
ASSUMED_MIB_PER_SECOND = 400
#: Preparing the target, binding ports and cleaning up, for each VM.
SECONDS_EACH = 5


class Fate(StrEnum):
    """What becomes of a VM."""

    LIVE = "moves_live"
    STOPPED = "moves_stopped"
    #: Something else is under way on it; it moves afterwards.
    WAITS = "waits"
    STAYS = "stays"


@dataclass(frozen=True)
class PlannedMove:
    """One VM. target: where it would move, None where it stays. reason, hint: why it stays or waits, and what helps."""

    vm: Vm
    fate: Fate
    target: Host | None = None
    reason: str = ""
    hint: str = ""


@dataclass(frozen=True)
class DrainPlan:
    """All VMs of a host, those that stay first."""

    host: Host
    moves: Sequence[PlannedMove]

    def having(self, fate: Fate) -> list[PlannedMove]:
        """Return the VMs of one fate."""
        return [move for move in self.moves if move.fate is fate]

    @property
    def can_be_emptied(self) -> bool:
        """Whether every VM has somewhere to go."""
        return all(move.target is not None for move in self.moves)

    @property
    def estimate(self) -> timedelta:
        """Return about how long it takes: memory to copy over the speed, and a few seconds for each VM."""
        moving = [move for move in self.moves if move.target is not None]
        memory = sum(move.vm.memory_mib for move in moving if move.vm.is_on)
        return timedelta(seconds=memory / speed() + SECONDS_EACH * len(moving) / DRAIN_AT_ONCE.value())


@dataclass
class _Room:
    host: Host
    vcpu: int
    memory_mib: int

    def share_after(self, need: Need) -> float:
        """Return how full it is with that on it, by what is scarcer."""
        return max(
            1 - (self.vcpu - need.vcpu) / self.host.vcpu_capacity,
            1 - (self.memory_mib - need.memory_mib) / self.host.memory_capacity_mib,
        )

    def fits(self, need: Need) -> bool:
        return self.vcpu >= need.vcpu and self.memory_mib >= need.memory_mib

    def take(self, need: Need) -> None:
        self.vcpu -= need.vcpu
        self.memory_mib -= need.memory_mib


def speed() -> int:
    """Return the MiB/s that are assumed of all migrations of a host together."""
    limit = MIGRATION_MIB_PER_SECOND.value()
    return min(limit * DRAIN_AT_ONCE.value(), ASSUMED_MIB_PER_SECOND) if limit else ASSUMED_MIB_PER_SECOND


def vms_of(host: Host) -> QuerySet[Vm]:
    """Return the VMs that keep a host from being empty: those on it, and those on their way to it."""
    return Vm.objects.filter(Q(host=host) | Q(next_host=host) | Q(resize_host=host))


def plan_drain(host: Host, avoid: Mapping[UUID, Collection[UUID]] | None = None) -> DrainPlan:
    """Return the plan for a host. avoid: hosts not to be chosen for a VM, by the VM's id."""
    avoid = avoid or {}
    rooms = [
        _Room(
            each, each.vcpu_capacity - each.vcpu_reserved, each.memory_capacity_mib - each.memory_reserved_mib
        )
        for each in healthy(host.cluster).exclude(pk=host.pk).order_by("name")
        if each.vcpu_capacity and each.memory_capacity_mib
    ]
    vms = with_open_operations(vms_of(host).select_related("host", "tenant")).order_by("name", "pk")
    judged = [_judged(vm, host) for vm in vms]
    # What waits is given its room as well: it moves later.
    for move in sorted(judged, key=lambda move: (-move.vm.need.memory_mib, -move.vm.need.vcpu)):
        if move.fate is not Fate.STAYS and move.vm.host_id == host.pk:
            placed = _placed(move, host, rooms, avoid.get(move.vm.pk, ()))
            judged[judged.index(move)] = placed
    order = list(reversed(Fate))
    return DrainPlan(host, sorted(judged, key=lambda move: (order.index(move.fate), move.vm.name)))


def _judged(vm: Vm, host: Host) -> PlannedMove:
    """Return what its own state allows, without a target yet."""
    running = vm.open_operation
    if vm.next_host_id is not None and (running is None or running.verb != VM_MIGRATE.name):
        return PlannedMove(
            vm,
            Fate.WAITS,
            reason=_("It is not settled yet where the VM runs after its last migration."),
            hint=_("The platform settles it as soon as both hosts respond."),
        )
    judged = possibility(VM_MIGRATE, vm, running)
    if vm.host_id != host.pk or judged.code == Busy.code or vm.state == State.PENDING:
        return PlannedMove(
            vm,
            Fate.WAITS,
            reason=judged.reason or _("It is on its way to this host."),
            hint=_("It moves afterwards."),
        )
    if not judged.allowed:
        failed = vm.state == State.ERROR
        hint = _("Retry or delete the VM.") if failed else _("Restart the VM, or power it off.")
        return PlannedMove(vm, Fate.STAYS, reason=judged.reason, hint=hint)
    return PlannedMove(vm, Fate.LIVE if vm.is_on else Fate.STOPPED)


def _placed(move: PlannedMove, host: Host, rooms: Sequence[_Room], avoid: Collection[UUID]) -> PlannedMove:
    """Return the move with the least full host that takes the VM, its room taken; or why there is none."""
    vm, need = move.vm, move.vm.need
    alike = [r for r in rooms if (r.host.driver, r.host.virtualisation) == (host.driver, host.virtualisation)]
    usable = [r for r in alike if not vm.is_on or r.host.cpu_model == host.cpu_model]
    fitting = [r for r in usable if r.fits(need) and r.host.pk not in avoid]
    if fitting:
        room = min(fitting, key=lambda each: each.share_after(need))
        room.take(need)
        return replace(move, target=room.host)
    reason, hint = _why_nowhere(vm, rooms, alike, usable, host)
    if move.fate is Fate.WAITS:  # what is under way may change that: it may be powered off
        return replace(move, hint=reason)
    return replace(move, fate=Fate.STAYS, reason=reason, hint=hint)


def _why_nowhere(
    vm: Vm, rooms: Sequence[_Room], alike: Sequence[_Room], usable: Sequence[_Room], host: Host
) -> tuple[str, str]:
    if not rooms:
        return (
            _("No other host of the cluster takes VMs."),
            _("Enable scheduling on another host, or add one."),
        )
    if not alike:
        return (
            _("All other hosts virtualise differently."),
            _("Add a host of the same type to the cluster."),
        )
    if not usable:
        return (
            _("No other host has the CPU model %(model)s.") % {"model": host.cpu_model or "-"},
            _("Stop the VM, then it can move. Or migrate it to a host that you choose."),
        )
    if not any(room.fits(vm.need) for room in usable):
        return (
            _("No other host has %(vcpu)s vCPUs and %(memory)s GiB of memory free.")
            % {"vcpu": vm.need.vcpu, "memory": f"{vm.need.memory_mib / 1024:.4g}"},
            _("Free capacity in the cluster, or add a host."),
        )
    return (
        _("Migration failed to every host that has room."),
        _("See the VM’s last task for the cause."),
    )
