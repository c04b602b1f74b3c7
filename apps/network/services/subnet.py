"""Subnets."""

from __future__ import annotations

from ipaddress import IPv6Network
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.accounts.access import allow, get_visible
from apps.accounts.acts import changes, renames, requested
from apps.accounts.labels import clean_labels
from apps.infrastructure.regions import ensure_open
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.errors import Invalid, NotNow
from apps.lifecycle.in_use import ensure_unused
from apps.lifecycle.models import Operation, Resource, State
from apps.lifecycle.requests import Allowed, Change, lock
from apps.lifecycle.usable import is_being_removed
from apps.network.models import Subnet, Vpc
from apps.network.prefixes import AUTOMATIC, free_prefix, read_prefix
from apps.network.ranges import subnet_block
from apps.network.services.overlaps import ensure_clear_of_addresses
from apps.network.services.segment_use import ensure_clear_of_segments, ipv6_segments
from apps.network.verbs import SUBNET_ADD_IPV6, SUBNET_CREATE, SUBNET_DELETE, SUBNET_RENAME, SUBNET_RETRY
from apps.quotas.services import reserve_quota


@serves(SUBNET_CREATE)
@transaction.atomic
def create_subnet(
    actor: Actor, *, vpc: UUID, name: str, cidr: str, cidr6: str = "", description: str = ""
) -> Operation:
    """Make a subnet in the VPC with that id, of the same project and region.

    `cidr6`: IPv6 prefix, "auto" for a free unique local one, "" for none. Raises Invalid (fields "cidr": outside the
    VPC, too small, overlapping; "cidr6"), NotFound, Forbidden, NotNow, QuotaExceeded.
    """
    parent = get_visible(actor, Vpc.objects.select_related("project", "region"), vpc)
    allowed = allow(actor, SUBNET_CREATE, project=parent.project, tenant_id=parent.tenant_id)
    ensure_open(actor, parent.region, "vpc")
    return add_subnet(allowed, parent, name=name, cidr=cidr, cidr6=cidr6, description=description)


def add_subnet(
    allowed: Allowed,
    vpc: Vpc,
    *,
    name: str,
    cidr: str,
    cidr6: str = "",
    description: str = "",
    field: str = "cidr",
) -> Operation:
    """Insert and request a subnet (`allowed` is SUBNET_CREATE). Call in a transaction.

    The VPC may still be on its way: the subnet's operation waits for it. `field` is where a bad block is reported.
    """
    name, description = clean_labels(name, description)
    vpc = lock(vpc)
    _ensure_staying(vpc)
    block = subnet_block(cidr, vpc.cidr, field)
    ensure_clear_of_addresses(vpc, block, field)
    prefix = _ipv6_prefix(vpc, cidr6) if cidr6.strip() else None
    subnet = Subnet(
        kind="subnet",
        name=name,
        description=description,
        tenant_id=vpc.tenant_id,
        project_id=vpc.project_id,
        region_id=vpc.region_id,
        vpc=vpc,
        cidr=block,
        gateway=block.network_address + 1,
        cidr6=prefix,
        gateway6=prefix[1] if prefix else None,
        last_given=block.network_address + 1,
    )
    assert vpc.tenant_id is not None, "every VPC belongs to a tenant"
    reserve_quota(vpc.tenant_id, {"subnet": 1})
    _insert(subnet, field)
    args = {"vpc": str(vpc.pk), "cidr": str(block)} | ({"cidr6": str(prefix)} if prefix else {})
    return allowed.request(subnet, args=args)


retry_subnet = requested(SUBNET_RETRY)
rename_subnet = renames(SUBNET_RENAME)


@changes(SUBNET_ADD_IPV6)
def add_ipv6(change: Change[Subnet], *, cidr6: str) -> Operation:
    """Give a subnet without IPv6 a prefix: its own, or "auto". NICs that are in it keep IPv4 only. Raises Invalid."""
    vpc = lock(change.row.vpc)
    if not cidr6.strip():
        raise Invalid({"cidr6": [_("Enter an IPv6 prefix, or “auto”.")]})
    prefix = _ipv6_prefix(vpc, cidr6)
    Subnet.objects.filter(pk=change.row.pk).update(cidr6=prefix, gateway6=prefix[1])
    change.bump()
    return change.request(args={"cidr6": str(prefix)})


@changes(SUBNET_DELETE)
def delete_subnet(change: Change[Subnet]) -> Operation:
    """Delete a subnet nothing is in. Raises InUse, listing what is."""
    subnet = change.row
    users = Resource.objects.filter(nics__subnet=subnet).distinct()
    ensure_unused(subnet, users, hint=_("Delete these first."))
    return change.request()


def _ensure_staying(vpc: Vpc) -> None:
    # Not `hold_for_use`: a VPC still being created will do.
    if vpc.state == State.ERROR:
        raise NotNow(
            _("VPC %(name)s has failed.") % {"name": vpc.name}, hint=_("Delete the VPC and create another.")
        )
    if is_being_removed(vpc):
        raise NotNow(_("VPC %(name)s is being deleted.") % {"name": vpc.name})


def _ipv6_prefix(vpc: Vpc, text: str) -> IPv6Network:
    """Return the prefix of a subnet of a locked VPC: the one that is typed, or a free one. Raises Invalid."""
    rows = Subnet.objects.filter(vpc=vpc.pk, cidr6__isnull=False)
    if text.strip().lower() == AUTOMATIC:
        taken = rows.values_list("cidr6", flat=True)
        free = free_prefix(vpc.pk, taken, ipv6_segments(vpc.region_id))
        if free is None:
            raise Invalid({"cidr6": [_("The VPC has no free prefix. Enter one.")]})
        return free
    prefix = read_prefix(text, "cidr6")
    other = rows.filter(cidr6=str(prefix)).first()
    if other is not None:
        raise _overlaps("cidr6", other.name, other.cidr6)
    ensure_clear_of_segments(vpc, prefix, "cidr6")
    return prefix


def _insert(subnet: Subnet, field: str) -> None:
    try:
        with transaction.atomic():
            subnet.save(force_insert=True)
    except IntegrityError as error:
        if "subnets_of_a_vpc_do_not_overlap" not in str(error):
            raise
        other = Subnet.objects.filter(vpc=subnet.vpc_id, cidr__net_overlaps=str(subnet.cidr)).first()
        raise _overlaps(field, other.name if other else "", other.cidr if other else "") from None


def _overlaps(field: str, name: str, block: object) -> Invalid:
    return Invalid({field: [_("Overlaps subnet %(name)s (%(cidr)s).") % {"name": name, "cidr": block}]})
