"""What an account finds ready: a VPC with a subnet, and a security group, in every region that is open (VP-5).

Made with the account; when a region opens; and later by request, where quota did not suffice.
"""

from __future__ import annotations

import logging
from ipaddress import IPv4Network
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from apps.accounts.access import allow
from apps.accounts.models import Project
from apps.accounts.references import chosen_project
from apps.infrastructure.models import Region
from apps.infrastructure.regions import chosen_region
from apps.lifecycle.actor import SYSTEM, Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.errors import QuotaExceeded, Refused
from apps.lifecycle.models import Operation
from apps.lifecycle.requests import Allowed
from apps.network.models import Vpc
from apps.network.ranges import allowed_ranges
from apps.network.services.security_group import add_security_group
from apps.network.services.subnet import add_subnet
from apps.network.services.vpc import add_vpc
from apps.network.verbs import DEFAULT_NETWORK_CREATE, SECURITY_GROUP_CREATE, SUBNET_CREATE, VPC_CREATE
from apps.quotas.services import hold

log = logging.getLogger(__name__)

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


@serves(DEFAULT_NETWORK_CREATE)
@transaction.atomic
def make_default_network(
    actor: Actor, *, project: UUID | None = None, region: str | None = None
) -> list[Operation]:
    """Make a project's default network in a region, or in each open one where it has no VPC.

    Raises Forbidden, Invalid, QuotaExceeded, and Refused `default_network.exists` when there is nothing to make.
    """
    owner = chosen_project(actor, project)
    allow(actor, DEFAULT_NETWORK_CREATE, project=owner, tenant_id=owner.tenant_id)
    wanted = regions_without(owner)
    if region is not None:
        wanted = wanted.filter(pk=chosen_region(actor, owner, region).pk)
    operations = [made for place in wanted for made in create_in_region(actor, owner, place)]
    if not operations:
        raise Refused(
            _("Project %(name)s already has a VPC in every open region.") % {"name": owner.name},
            code="default_network.exists",
            hint=_("Create a VPC and a security group yourself."),
        )
    return operations


@transaction.atomic
def create_default_network(actor: Actor, project: Project) -> None:
    """Make the default network of a new account, in every open region. The right to do so is the caller's to check.

    An account does not depend on it: where quota does not suffice, the network is left for `make_default_network`.
    """
    for region in regions_without(project):
        _try_in_region(actor, project, region)


def make_due_networks() -> int:
    """Give every account its default network in regions that were opened; return how many were made.

    May run any number of times and at once: a project that has a VPC in the region is left out.
    """
    made = 0
    for region in Region.objects.filter(default_networks_due=True):
        for project in projects_without(region).select_related("tenant").iterator():
            made += _try_in_region(SYSTEM, project, region)
        Region.objects.filter(pk=region.pk).update(default_networks_due=False)
    return made


def regions_without(project: Project) -> QuerySet[Region]:
    """Return the open regions in which the project has no VPC."""
    there = Vpc.objects.filter(project=project, region=OuterRef("pk"))
    return Region.objects.filter(~Exists(there), open_to_tenants=True).order_by("pk")


def projects_without(region: Region) -> QuerySet[Project]:
    """Return the projects whose default network is due: tenants' default ones, and others that have one elsewhere."""
    here = Vpc.objects.filter(project=OuterRef("pk"), region=region)
    elsewhere = Vpc.objects.filter(project=OuterRef("pk"), name=NAME)
    return Project.objects.filter(~Exists(here), Q(is_default=True) | Exists(elsewhere)).order_by("pk")


def _try_in_region(actor: Actor, project: Project, region: Region) -> bool:
    try:
        with transaction.atomic():
            return bool(create_in_region(actor, project, region))
    except QuotaExceeded as error:
        log.info("no default network for project %s in %s: %s", project.uid, region.name, error.message)
        return False


def create_in_region(actor: Actor, project: Project, region: Region) -> list[Operation]:
    """Make the default network of a project in one region; nothing where it has a VPC by now. Call in a transaction."""
    hold(project.tenant_id, ("vpc", "subnet", "security_group"))
    if Vpc.objects.filter(project=project, region=region).exists():
        return []
    block, part = default_blocks()
    vpc_made, vpc = add_vpc(
        Allowed(actor, VPC_CREATE),
        project,
        region,
        name=NAME,
        cidr=str(block),
        description=_("Created automatically"),
    )
    subnet_made = add_subnet(Allowed(actor, SUBNET_CREATE), vpc, name=NAME, cidr=str(part))
    group_made, _group = add_security_group(
        Allowed(actor, SECURITY_GROUP_CREATE),
        project,
        region,
        name=NAME,
        rules=DEFAULT_RULES,
        description=_("Accepts inbound SSH and ping, and all outbound traffic"),
    )
    return [vpc_made, subnet_made, group_made]


def default_blocks() -> tuple[IPv4Network, IPv4Network]:
    """Return the largest block of the first allowed range, and its first /20 (or all of it)."""
    first = allowed_ranges()[0]
    block = next(first.cidr.subnets(new_prefix=first.min_prefix))
    part = next(block.subnets(new_prefix=max(SUBNET_PREFIX, block.prefixlen)))
    return block, part
