"""Handlers of elastic NICs that concern the network only. Each is safe to run again from its top.

The port of an elastic NIC is there from its creation to its deletion, whichever VM has it: a move takes nothing away
from the network and gives nothing to it. A port that no host has answers nothing.
"""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext_noop as _

from apps.drivers.protocols import Fabric
from apps.drivers.specs import ExternalPortSpec, PortSpec
from apps.infrastructure import backends
from apps.lifecycle import push
from apps.lifecycle.bulk_insert import remove
from apps.lifecycle.handlers import Settle, handles
from apps.lifecycle.operation_context import OperationContext
from apps.network.elastic_specs import eni_port_spec
from apps.network.models import Eni, SegmentAddress
from apps.network.operations.probing import ensure_free_address
from apps.network.selectors import elastic_nics
from apps.network.services.addresses import free_nics
from apps.network.services.quarantine import quarantine_address
from apps.network.verbs.eni import (
    ENI_CREATE,
    ENI_DELETE,
    ENI_RETRY,
    ENI_SET_BANDWIDTH,
    ENI_SET_SECURITY_GROUP,
)
from apps.quotas.services import release_quota


@handles(ENI_CREATE)
@handles(ENI_RETRY)
def create_eni(run: OperationContext) -> None:
    """Make sure that nothing answers at an external address, then make the port."""
    eni = elastic_nics().get(pk=run.target_id)
    if eni.segment is not None:
        ensure_free_address(run, eni, eni.segment, SegmentAddress.Use.ENI, str(eni.chosen or ""))
        eni = elastic_nics().get(pk=run.target_id)
    run.step(_("Connecting to the network"), 60)
    ensure_eni_port(run, eni)


@handles(ENI_SET_SECURITY_GROUP)
@handles(ENI_SET_BANDWIDTH)
def apply_eni(run: OperationContext) -> None:
    """Bring the port up to the rows."""
    eni = load_eni(run.target_id)
    if eni is not None:
        run.step(_("Updating the port"), 50)
        ensure_eni_port(run, eni)


@handles(ENI_DELETE)
def delete_eni(run: OperationContext) -> Settle | None:
    """Remove the port, then the rows: its address is free once the network has lost it."""
    eni = load_eni(run.target_id)
    if eni is None:
        return None
    run.step(_("Removing from the network"), 50)
    ensure_eni_port_absent(run, eni)
    return lambda: settle_eni_deleted(eni)


def load_eni(pk: UUID) -> Eni | None:
    """Return an elastic NIC with what its specs need; None when it is gone."""
    return elastic_nics().filter(pk=pk).first()


def ensure_eni_port(run: OperationContext, eni: Eni) -> None:
    """Make its port as its rows say."""
    _fabric(run, eni).ensure(eni_port_spec(eni))


def ensure_eni_port_absent(run: OperationContext, eni: Eni) -> None:
    """Remove its port."""
    kind = ExternalPortSpec if eni.is_external else PortSpec
    _fabric(run, eni).ensure_absent(kind, str(eni.nic.pk))


def settle_eni_deleted(eni: Eni) -> None:
    """Remove the rows of one that is gone from the network; give its address and quota back. Call in a transaction."""
    quarantine_address(eni)
    free_nics(eni)
    remove([eni])
    push.resource_changed(eni, "deleted")
    if eni.tenant_id is not None:
        release_quota(eni.tenant_id, {"eni": 1})


def _fabric(run: OperationContext, eni: Eni) -> Fabric:
    assert eni.region is not None, "network resources have a region"
    return backends.fabric(eni.region, run)
