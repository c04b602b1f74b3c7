"""Removing what no row knows. Each looks for a row once more: there may be one by now."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from apps.drivers.errors import DriverError
from apps.infrastructure import backends
from apps.lifecycle.operation_context import OperationContext
from apps.reconciliation.declared import Reconciled, kinds
from apps.reconciliation.models import Finding
from apps.reconciliation.places import InFabric, InPool, OnHosts
from apps.reconciliation.rules import ABANDONED, DOUBLED, MISPLACED, PARTIAL


def remove_orphan(run: OperationContext, finding: Finding) -> None:
    """Remove what the finding is about from where it was found. Raises DriverError."""
    kind, id = kinds()[finding.kind], str(finding.target_id)
    if finding.aspect in (DOUBLED, MISPLACED):
        _remove_copy(run, finding, kind, id)
    elif finding.aspect == PARTIAL:
        _discard_unfinished(run, finding, kind, id)
    else:
        _refuse_known(kind, id)
        run.step(_("Force cleaning"), 50)
        _remove_orphan(run, finding, kind, id)


def _remove_orphan(run: OperationContext, finding: Finding, kind: Reconciled, id: str) -> None:
    match kind.place:
        case OnHosts(remove=removed) if finding.host is not None:
            removed(backends.hypervisor(finding.host, run), id)
        case InFabric(kind=fabric_kind) if finding.region is not None:
            backends.fabric(finding.region, run).ensure_absent(fabric_kind, id)
        case InPool(remove=removed_file) if finding.storage_cluster is not None:
            cluster = finding.storage_cluster
            removed_file(backends.volumes(cluster, run), id, cluster.spec())


def _discard_unfinished(run: OperationContext, finding: Finding, kind: Reconciled, id: str) -> None:
    assert finding.storage_cluster is not None and isinstance(kind.place, InPool)
    run.step(_("Removing unfinished files"), 50)
    pool = finding.storage_cluster.spec()
    backends.volumes(finding.storage_cluster, run).discard_unfinished(
        pool, kind.place.kind, id, ABANDONED.total_seconds()
    )


def _remove_copy(run: OperationContext, finding: Finding, kind: Reconciled, id: str) -> None:
    """Remove a definition from a host that is not its row's; never one that runs."""
    host = finding.host
    assert host is not None and isinstance(kind.place, OnHosts)
    if kind.model._default_manager.filter(pk=id, host=host).exists():
        raise _changed()
    hypervisor = backends.hypervisor(host, run)
    run.step(_("Looking for the VM on %(host)s"), 30, host=host.name)
    if kind.place.is_on(hypervisor, id):
        raise DriverError(
            _("The VM runs on host %(host)s."),
            values={"host": host.name},
            code="reconciliation.running",
            permanent=True,
            hint=_("Roll back to keep it there, or shut down the guest first."),
        )
    run.step(_("Removing from %(host)s"), 60, host=host.name)
    kind.place.remove(hypervisor, id)


def _refuse_known(kind: Reconciled, id: str) -> None:
    if kind.model._default_manager.filter(pk=id).exists():
        raise _changed()


def _changed() -> DriverError:
    return DriverError(_("A database record now exists."), code="reconciliation.changed", permanent=True)
