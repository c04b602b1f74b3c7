"""How far a rebalancing is, move by move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from apps.balancing.models import Rebalancing
from apps.lifecycle.models import BatchItem, BatchOutcome, Operation, OperationStatus
from apps.lifecycle.stored_messages import rendered_error


class MoveState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"


@dataclass(frozen=True)
class MoveProgress:
    """One move and how it stands; `message` says why it was refused or failed."""

    item: BatchItem
    source: str
    source_name: str
    target: str
    target_name: str
    state: MoveState
    message: str

    @property
    def operation(self) -> Operation | None:
        """The migration, once it was requested."""
        return self.item.operation


def moves_of(found: Rebalancing) -> Sequence[MoveProgress]:
    """Return the moves in their order. Reads the batch's items with their operations: prefetch them."""
    items = sorted(found.batch.items.all(), key=lambda item: item.position)
    return [_progress(item, found.moves[item.target]) for item in items]


def _progress(item: BatchItem, move: dict[str, str]) -> MoveProgress:
    state = _state(item)
    failed = item.operation is not None and state is MoveState.FAILED
    message = rendered_error(item.operation.error)["message"] if failed and item.operation else item.message
    return MoveProgress(item, move["from"], move["from_name"], move["to"], move["to_name"], state, message)


def _state(item: BatchItem) -> MoveState:
    operation = item.operation
    if operation is None:
        if item.outcome == BatchOutcome.WAITING:
            return MoveState.WAITING
        return MoveState.CANCELLED if item.code == "balancing.cancelled" else MoveState.REFUSED
    if operation.is_open:
        return MoveState.RUNNING
    if operation.status == OperationStatus.DONE:
        return MoveState.DONE
    return MoveState.FAILED if operation.status == OperationStatus.FAILED else MoveState.CANCELLED
