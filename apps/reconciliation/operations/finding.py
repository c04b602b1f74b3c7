"""The removal of what has no row."""

from __future__ import annotations

from apps.lifecycle.handlers import handles
from apps.lifecycle.operation_context import OperationContext
from apps.reconciliation.models import Finding
from apps.reconciliation.operations.common import repairing
from apps.reconciliation.orphans import remove_orphan
from apps.reconciliation.verbs import FINDING_FORCE_CLEAN


@handles(FINDING_FORCE_CLEAN)
@repairing
def force_clean_finding(run: OperationContext) -> None:
    """Remove what has no row, or the copy of a VM on a host that is not its own."""
    finding = Finding.objects.filter(pk=run.target_id).first()
    if finding is not None:
        remove_orphan(run, finding)
