"""The picture of a VPC: which subnets, machines and other things it shows. All of it is bounded.

Drawn are the first subnets, and of each the first addresses in use; the rest is counted. The number of queries depends
on neither. Apps above add NAT gateways, EIPs, external segments and VPNs in the slot `TOPOLOGY`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Count, QuerySet

from apps.lifecycle.selectors import with_open_operations
from apps.lifecycle.slots import Slot
from apps.lifecycle.state_labels import StateLabel
from apps.network.models import Nic, Subnet, Vpc
from apps.network.selectors import visible_nics, visible_subnets

if TYPE_CHECKING:
    from apps.lifecycle.actor import Actor
    from apps.portal.detail import DetailPage

#: Subnets drawn of a VPC, machines of a subnet, and things of apps above at the router, a subnet or a machine.
MOST_SUBNETS = 12
MOST_MACHINES = 24
MOST_ITEMS = 12


@dataclass(frozen=True)
class TopologyItem:
    """Something of an app above. at: ID of the VPC, subnet or VM it is drawn at; details: addresses, say."""

    at: UUID
    icon: str
    name: str
    url: str = ""
    state: StateLabel | None = None
    details: Sequence[str] = ()


@dataclass(frozen=True)
class TopologySlot:
    """Items of the picture. items: gets the page, the VPC, and the IDs drawn; it asks a constant number of queries.

    watch: kinds whose changes refresh the picture.
    """

    items: Callable[[DetailPage, Vpc, Collection[UUID]], Iterable[TopologyItem]]
    watch: Sequence[str] = ()


TOPOLOGY: Slot[TopologySlot] = Slot()


@dataclass(frozen=True)
class Items:
    """The items at one place; more: how many are not drawn."""

    shown: Sequence[TopologyItem] = ()
    more: int = 0


@dataclass(frozen=True)
class DrawnSubnet:
    """A subnet with the NICs drawn of it. more: those left out; hidden: those of projects the reader may not see."""

    row: Subnet
    nics: Sequence[Nic]
    more: int
    hidden: int


def drawn_subnets(actor: Actor, vpc: Vpc) -> tuple[list[DrawnSubnet], int]:
    """Return the first subnets of a VPC in the order of their addresses, and how many there are besides."""
    subnets = visible_subnets(actor).filter(vpc=vpc)
    rows = list(with_open_operations(subnets).order_by("cidr")[: MOST_SUBNETS + 1])
    more = subnets.order_by().values("pk").count() - MOST_SUBNETS if len(rows) > MOST_SUBNETS else 0
    rows = rows[:MOST_SUBNETS]
    nics = visible_nics(actor).filter(subnet__in=[row.pk for row in rows])
    seen = dict(nics.order_by().values_list("subnet").annotate(Count("pk")))
    shown: dict[UUID, list[Nic]] = defaultdict(list)
    for nic in _first_nics(actor, rows):
        if nic.subnet_id is not None:
            shown[nic.subnet_id].append(nic)
    return [_drawn(row, shown[row.pk], seen.get(row.pk, 0)) for row in rows], max(0, more)


def _first_nics(actor: Actor, subnets: Iterable[Subnet]) -> QuerySet[Nic]:
    # For each subnet a walk along its index by address, however many addresses are in use.
    firsts = [
        visible_nics(actor).filter(subnet=subnet).order_by("ip").values("pk")[:MOST_MACHINES]
        for subnet in subnets
    ]
    if not firsts:
        return Nic.objects.none()
    keys = firsts[0].union(*firsts[1:], all=True) if len(firsts) > 1 else firsts[0]
    nics = Nic.objects.filter(pk__in=[each["pk"] for each in keys])
    return nics.select_related("owner", "security_group").order_by("ip")


def _drawn(row: Subnet, nics: Sequence[Nic], seen: int) -> DrawnSubnet:
    # Counted a moment apart: what came or went in between makes no negative number.
    return DrawnSubnet(row, nics, max(0, seen - len(nics)), max(0, row.taken_addresses - seen))


def items_at(page: DetailPage, vpc: Vpc, keys: Collection[UUID]) -> Mapping[UUID, Items]:
    """Return the items of all apps above by the place they are drawn at."""
    found: dict[UUID, list[TopologyItem]] = defaultdict(list)
    for item in chain.from_iterable(slot.items(page, vpc, keys) for slot in TOPOLOGY):
        found[item.at].append(item)
    return {
        at: Items(items[:MOST_ITEMS], max(0, len(items) - MOST_ITEMS))
        for at, items in found.items()
        if at in keys
    }


def watched_kinds() -> list[str]:
    """Return the kinds whose changes refresh the picture, beside those of the VPC's page."""
    # Its machines name their security groups.
    return ["security_group", *(kind for slot in TOPOLOGY for kind in slot.watch)]


def owners_by_kind(subnets: Iterable[DrawnSubnet]) -> Mapping[str, list[Any]]:
    """Return the IDs of what the NICs drawn belong to, by kind."""
    found: dict[str, list[Any]] = defaultdict(list)
    for nic in chain.from_iterable(subnet.nics for subnet in subnets):
        found[nic.owner.kind].append(nic.owner_id)
    return found
