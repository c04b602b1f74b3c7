"""What a new tenant or sub-account finds ready: a VPC with a subnet, and a security group, in every region (VP-5)."""

from __future__ import annotations

from ipaddress import IPv4Network

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import Project
from apps.infrastructure.models import Region
from apps.lifecycle.actor import Actor
from apps.lifecycle.requests import Allowed
from apps.network.ranges import allowed_ranges
from apps.network.services.security_group import add_security_group
from apps.network.services.subnet import add_subnet
from apps.network.services.vpc import add_vpc
from apps.network.verbs import SECURITY_GROUP_CREATE, SUBNET_CREATE, VPC_CREATE
from apps.quotas.services import hold

#: 4093 addresses, and room for fifteen more subnets of that size in a /16.
SUBNET_PREFIX = 20

NAME = "default"

#: What one expects of a first VM: log in, ping it, and reach everything from it.
DEFAULT_RULES = (
    {"direction": "in", "protocol": "ssh", "address": "0.0.0.0/0"},
    {"direction": "in", "protocol": "ping", "address": "0.0.0.0/0"},
    {"direction": "in", "protocol": "ssh", "address": "::/0"},
    {"direction": "in", "protocol": "ping", "address": "::/0"},
    {"direction": "out", "protocol": "all", "address": "0.0.0.0/0"},
    {"direction": "out", "protocol": "all", "address": "::/0"},
)


@transaction.atomic
def create_default_network(actor: Actor, project: Project) -> None:
    """Make the default network of a project, in every region. The right to do so is the caller's to check.

    Raises QuotaExceeded.
    """
    for region in Region.objects.order_by("pk"):
        create_in_region(actor, project, region)


def create_in_region(actor: Actor, project: Project, region: Region) -> None:
    """Make the default network of a project in one region."""
    hold(project.tenant_id, ("vpc", "subnet", "security_group"))
    block, part = default_blocks()
    _operation, vpc = add_vpc(
        Allowed(actor, VPC_CREATE), project, region, name=NAME, cidr=str(block), remark=_("Made for you")
    )
    add_subnet(Allowed(actor, SUBNET_CREATE), vpc, name=NAME, cidr=str(part))
    add_security_group(
        Allowed(actor, SECURITY_GROUP_CREATE),
        project,
        region,
        name=NAME,
        rules=DEFAULT_RULES,
        remark=_("Lets in SSH and ping, and everything out"),
    )


def default_blocks() -> tuple[IPv4Network, IPv4Network]:
    """Return the largest block of the first allowed range, and its first /20 (or all of it)."""
    first = allowed_ranges()[0]
    block = next(first.cidr.subnets(new_prefix=first.min_prefix))
    part = next(block.subnets(new_prefix=max(SUBNET_PREFIX, block.prefixlen)))
    return block, part
