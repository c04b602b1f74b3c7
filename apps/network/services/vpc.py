"""VPCs."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.infrastructure.models import Region
from apps.lifecycle.actor import Actor
from apps.lifecycle.in_use import refuse_while_used
from apps.lifecycle.models import Operation
from apps.lifecycle.requests import request
from apps.network.models import Vpc
from apps.network.ranges import vpc_block
from apps.network.services.choosing import chosen_region
from apps.network.services.subnet import add_subnet
from apps.network.verbs import VPC_CREATE, VPC_DELETE, VPC_RETRY
from apps.quotas.services import hold, take
from apps.tenancy.access import allow, begin
from apps.tenancy.choosing import chosen_project
from apps.tenancy.labels import clean_labels
from apps.tenancy.models import Project


@transaction.atomic
def create_vpc(
    actor: Actor,
    *,
    name: str,
    cidr: str,
    region: str | None = None,
    project: UUID | None = None,
    subnet_cidr: str = "",
    remark: str = "",
) -> Operation:
    """Make a VPC, with a first subnet if `subnet_cidr` is given; return the VPC's operation.

    `region` is a region's name, `project` a project's id; both may be left out where there is one choice.
    Raises Invalid, Forbidden, QuotaExceeded.
    """
    owner = chosen_project(actor, project)
    allow(actor, VPC_CREATE, project=owner, tenant_id=owner.tenant_id)
    hold(owner.tenant_id, ("vpc", "subnet") if subnet_cidr else ("vpc",))
    operation, vpc = add_vpc(actor, owner, chosen_region(region), name=name, cidr=cidr, remark=remark)
    if subnet_cidr:
        add_subnet(actor, vpc, name=name, cidr=subnet_cidr, field="subnet_cidr")
    return operation


def add_vpc(
    actor: Actor, project: Project, region: Region, *, name: str, cidr: str, remark: str = ""
) -> tuple[Operation, Vpc]:
    """Insert and request a VPC, the right to do so having been checked. Call in a transaction."""
    name, remark = clean_labels(name, remark)
    vpc = Vpc(
        kind="vpc",
        name=name,
        remark=remark,
        tenant_id=project.tenant_id,
        project=project,
        region=region,
        cidr=vpc_block(cidr),
    )
    take(project.tenant_id, {"vpc": 1})
    vpc.save(force_insert=True)
    return request(actor, VPC_CREATE, vpc, args={"cidr": str(vpc.cidr)}), vpc


@transaction.atomic
def retry_vpc(actor: Actor, vpc: Vpc) -> Operation:
    """Try again to make what could not be made. Raises what `begin` raises."""
    vpc = begin(actor, VPC_RETRY, vpc)
    return request(actor, VPC_RETRY, vpc)


@transaction.atomic
def delete_vpc(actor: Actor, vpc: Vpc) -> Operation:
    """Delete an empty VPC. Raises InUse, listing its subnets, and what `begin` raises."""
    vpc = begin(actor, VPC_DELETE, vpc)
    refuse_while_used(vpc, vpc.subnets.all(), hint=_("Delete its subnets first."))
    return request(actor, VPC_DELETE, vpc)
