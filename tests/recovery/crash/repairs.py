"""Doing what is offered for what failed."""

from __future__ import annotations

from itertools import count

from apps.lifecycle.legality import holding, possibilities
from apps.lifecycle.models import Operation, OperationStatus, Resource, State
from apps.lifecycle.verbs import verb_named
from apps.reconciliation.repair import settle_repaired
from apps.storage.models import Snapshot
from tests.recovery.crash.environment import Environment
from tests.recovery.crash.recipes import RECIPES, load

_numbers = count()
#: A restart may have failed half way: the VM is off, and what is left of it is to start it. A VM whose resuming failed
#: may run by now.
INSTEAD = {"vm.restart": "vm.start", "vm.resume": "vm.restart"}


def repair_all(environment: Environment) -> None:
    """Ask for what is offered, for each resource whose last operation failed and has not been settled since."""
    settle_repaired()  # as beat does: what could not be repaired is open again
    for operation in Operation.objects.filter(status=OperationStatus.FAILED).order_by("created_at"):
        if operation.target_kind == "finding":
            RECIPES[operation.verb].ask(environment, load(operation))
        elif operation.resource is not None and not _is_settled(operation):
            repair(environment, operation)
    # What was to be taken beside the target of something that was pushed aside or failed.
    for snapshot in Snapshot.objects.filter(state=State.ERROR):
        if not holding([snapshot]):
            RECIPES["snapshot.delete"].ask(environment, snapshot)


def _is_settled(operation: Operation) -> bool:
    """Whether something later has settled what failed: the resource then no longer bears its error.

    What runs beside others leaves none there. It is done again, by people or by the platform itself, only where that
    is still possible: no console of a VM that has been powered off since.
    """
    assert operation.resource is not None
    if operation.exclusive:
        return operation.resource.error.get("operation") != str(operation.pk)
    return operation.verb not in _possible(load(operation))


def _possible(row: Resource) -> set[str]:
    return {one.verb.name for one in possibilities(row) if one.allowed}


def repair(environment: Environment, operation: Operation) -> Operation:
    """Ask for what is offered: to try again or, for every other thing that was never created, to delete it."""
    row = load(operation)
    possible = _possible(row)
    wanted = operation.verb
    if row.state == State.ERROR and not wanted.endswith(".delete"):
        wanted = f"{row.kind}.{'retry' if next(_numbers) % 2 else 'delete'}"
    if wanted not in possible:
        wanted = INSTEAD.get(wanted, verb_named(wanted).retry)
    assert wanted in possible, f"{wanted} is not offered for {operation}, only {sorted(possible)}"
    return RECIPES[wanted].ask(environment, row)
