"""How far a drain is, from rows alone: the migrations since it was requested, and the VMs that are still there.

Nothing of it is stored, so nothing of it can be stuck or wrong after a crash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from apps.compute.drain_plan import Fate, PlannedMove, plan_drain
from apps.compute.verbs import VM_MIGRATE
from apps.infrastructure.models import Host
from apps.infrastructure.verbs import HOST_DRAIN
from apps.lifecycle.models import Operation, OperationStatus

#: A VM is tried on so many hosts.
TRIES = 3


@dataclass(frozen=True)
class DrainProgress:
    """VMs that have left, those that are moving, those that can be asked to, that wait, and that stay."""

    moved: int
    moving: Sequence[PlannedMove]
    ready: Sequence[PlannedMove]
    waiting: Sequence[PlannedMove]
    staying: Sequence[PlannedMove]
    #: The last failed migration of a VM, by the VM's id.
    failed: Mapping[UUID, Operation] = field(default_factory=dict)

    @property
    def left(self) -> int:
        """How many are still there."""
        return len(self.moving) + len(self.ready) + len(self.waiting) + len(self.staying)

    @property
    def total(self) -> int:
        """How many there are in all."""
        return self.moved + self.left

    def error_of(self, move: PlannedMove) -> dict[str, Any]:
        """Return why the last migration of a VM failed, {} when none did."""
        failed = self.failed.get(move.vm.pk)
        return failed.error if failed is not None else {}


def last_drain(host: Host) -> Operation | None:
    """Return the newest drain of a host."""
    return Operation.objects.filter(target_id=host.pk, verb=HOST_DRAIN.name).order_by("-sequence").first()


def drain_progress(host: Host, drain: Operation) -> DrainProgress:
    """Return how far a drain of the host is."""
    done, failed = _migrations(host, drain)
    avoid: dict[UUID, set[UUID]] = {
        vm_id: {UUID(op.args["host"]) for op in tries if "host" in op.args} for vm_id, tries in failed.items()
    }
    plan = plan_drain(host, avoid)
    there = {move.vm.pk for move in plan.moves}
    tried_out = {vm_id for vm_id, tries in failed.items() if len(tries) >= TRIES}
    moving = [move for move in plan.moves if is_moving(move, host)]
    rest = [move for move in plan.moves if not is_moving(move, host)]
    waiting = [move for move in rest if move.fate is Fate.WAITS]
    can_move = [move for move in rest if move.fate in (Fate.LIVE, Fate.STOPPED)]
    return DrainProgress(
        moved=len(done - there),
        moving=moving,
        ready=[move for move in can_move if move.vm.pk not in tried_out],
        waiting=waiting,
        staying=[
            *(move for move in rest if move.fate is Fate.STAYS),
            *(move for move in can_move if move.vm.pk in tried_out),
        ],
        failed={vm_id: tries[-1] for vm_id, tries in failed.items()},
    )


def is_moving(move: PlannedMove, host: Host) -> bool:
    """Whether a VM is being moved off the host."""
    running = move.vm.open_operation
    return running is not None and running.verb == VM_MIGRATE.name and move.vm.host_id == host.pk


def _migrations(host: Host, drain: Operation) -> tuple[set[UUID], dict[UUID, list[Operation]]]:
    """Return the VMs whose migration off the host is done since the drain was requested, and the failed ones."""
    since = Operation.objects.filter(
        verb=VM_MIGRATE.name, created_at__gte=drain.created_at, args__from_host=str(host.pk)
    )
    done: set[UUID] = set()
    failed: dict[UUID, list[Operation]] = {}
    for operation in since.order_by("sequence"):
        if operation.status == OperationStatus.DONE:
            done.add(operation.target_id)
        elif not operation.is_open:
            failed.setdefault(operation.target_id, []).append(operation)
    return done, failed
