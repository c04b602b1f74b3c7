"""What handlers share: settling findings with their operation, and removing what can be removed."""

from __future__ import annotations

from collections.abc import Callable

from django.utils.translation import gettext_noop as _

from apps.drivers.errors import DriverError
from apps.lifecycle.handlers import Handler, Settle
from apps.lifecycle.operation_context import OperationContext
from apps.reconciliation.repair import mark_repaired

#: A force clean tries each removal so often; then it leaves behind what does not go, to be listed as an orphan.
PATIENCE = 3


def repairing(handler: Handler) -> Handler:
    """Have the findings that an operation is at settled together with it."""

    def run_it(run: OperationContext) -> Settle:
        settle = handler(run)

        def settle_all() -> None:
            if settle is not None:
                settle()
            mark_repaired(run.operation)

        return settle_all

    return run_it


def keep_remaining(run: OperationContext, remove_it: Callable[[], None]) -> None:
    """Remove, with a few attempts; what cannot be removed then is left behind and said in the step log."""
    try:
        remove_it()
    except DriverError as error:
        if not error.permanent and run.operation.attempt < PATIENCE:
            raise
        run.step(_("Not cleaned up: %(error)s"), None, error=error.message)
