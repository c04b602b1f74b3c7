"""VPCs."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.access import allow
from apps.accounts.acts import changes, renames, requested
from apps.accounts.labels import clean_labels
from apps.accounts.models import Project
from apps.accounts.references import chosen_project
from apps.infrastructure.models import Region
from apps.infrastructure.regions import chosen_region
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.in_use import ensure_unused
from apps.lifecycle.models import Operation
from apps.lifecycle.requests import Allowed, Change
from apps.network.models import Vpc
from apps.network.ranges import vpc_block
from apps.network.services.subnet import add_subnet
from apps.network.verbs import SUBNET_CREATE, VPC_CREATE, VPC_DELETE, VPC_RENAME, VPC_RETRY
from apps.quotas.services import hold, reserve_quota


@serves(VPC_CREATE)
@transaction.atomic
def create_vpc(
    actor: Actor,
    *,
    name: str,
    cidr: str,
    region: str | None = None,
    project: UUID | None = None,
    subnet_cidr: str = "",
    description: str = "",
) -> Operation:
    """Make a VPC, with a first subnet if `subnet_cidr` is given; return the VPC's operation.

    `region` is a region's name, by default that where the tenant has things and there is room; `project` is a
    project's id.
    Raises Invalid, Forbidden, QuotaExceeded.
    """
    owner = chosen_project(actor, project)
    allowed = allow(actor, VPC_CREATE, project=owner, tenant_id=owner.tenant_id)
    hold(owner.tenant_id, ("vpc", "subnet") if subnet_cidr else ("vpc",))
    operation, vpc = add_vpc(
        allowed, owner, chosen_region(actor, owner, region), name=name, cidr=cidr, description=description
    )
    if subnet_cidr:
        add_subnet(Allowed(actor, SUBNET_CREATE), vpc, name=name, cidr=subnet_cidr, field="subnet_cidr")
    return operation


def add_vpc(
    allowed: Allowed, project: Project, region: Region, *, name: str, cidr: str, description: str = ""
) -> tuple[Operation, Vpc]:
    """Insert and request a VPC (`allowed` is VPC_CREATE). Call in a transaction."""
    name, description = clean_labels(name, description)
    block = vpc_block(cidr)
    vpc = Vpc(
        kind="vpc",
        name=name,
        description=description,
        tenant_id=project.tenant_id,
        project=project,
        region=region,
        cidr=block,
    )
    reserve_quota(project.tenant_id, {"vpc": 1})
    vpc.save(force_insert=True)
    return allowed.request(vpc, args={"cidr": str(vpc.cidr)}), vpc


retry_vpc = requested(VPC_RETRY)
rename_vpc = renames(VPC_RENAME)


@changes(VPC_DELETE)
def delete_vpc(change: Change[Vpc]) -> Operation:
    """Delete an empty VPC. Raises InUse, listing its subnets."""
    vpc = change.row
    ensure_unused(vpc, vpc.subnets.all(), hint=_("Delete its subnets first."))
    return change.request()
