"""Resync and force clean of networks and images, and the removal of what has no row."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from apps.compute.models import Image
from apps.drivers.specs import FabricKind
from apps.infrastructure import backends
from apps.lifecycle.handlers import Handler, Settle, handles
from apps.lifecycle.models import Resource
from apps.lifecycle.running import Run
from apps.network.operations import apply_rules, create_subnet, create_vpc
from apps.quotas.services import give_back
from apps.reconciliation.models import Finding
from apps.reconciliation.operations.common import leave_what_stays, mending
from apps.reconciliation.orphans import remove
from apps.reconciliation.verbs import (
    FINDING_FORCE_CLEAN,
    IMAGE_FORCE_CLEAN,
    SECURITY_GROUP_FORCE_CLEAN,
    SECURITY_GROUP_RESYNC,
    SUBNET_FORCE_CLEAN,
    SUBNET_RESYNC,
    VPC_FORCE_CLEAN,
    VPC_RESYNC,
)

handles(VPC_RESYNC)(mending(create_vpc))
handles(SUBNET_RESYNC)(mending(create_subnet))
handles(SECURITY_GROUP_RESYNC)(mending(apply_rules))


@handles(IMAGE_FORCE_CLEAN)
@mending
def force_clean_image(run: Run) -> Settle:
    """Remove the image's file, if it can be, and its row."""
    image = Image.objects.select_related("cluster__region").get(pk=run.target_id)
    run.step(_("Removing the image"), 30)
    leave_what_stays(run, lambda: backends.volumes(image.cluster, run).ensure_image_absent(image.spec()))
    return _forgotten(image, "image")


def _network(kind: FabricKind) -> Handler:
    def force_clean(run: Run) -> Settle:
        row = Resource.objects.select_related("region").get(pk=run.target_id)
        run.step(_("Removing it from the network"), 50)
        if row.region is not None:
            fabric = backends.fabric(row.region, run)
            leave_what_stays(run, lambda: fabric.ensure_absent(kind, str(row.pk)))
        return _forgotten(row, kind.value)

    return mending(force_clean)


handles(VPC_FORCE_CLEAN)(_network(FabricKind.VPC))
handles(SUBNET_FORCE_CLEAN)(_network(FabricKind.SUBNET))
handles(SECURITY_GROUP_FORCE_CLEAN)(_network(FabricKind.SECURITY_GROUP))


@handles(FINDING_FORCE_CLEAN)
@mending
def force_clean_finding(run: Run) -> None:
    """Remove what has no row, or the copy of a VM on a host that is not its own."""
    finding = Finding.objects.filter(pk=run.target_id).first()
    if finding is not None:
        remove(run, finding)


def _forgotten(row: Resource, metric: str) -> Settle:
    def settle() -> None:
        row.delete()
        if row.tenant_id is not None:
            give_back(row.tenant_id, {metric: 1})

    return settle
