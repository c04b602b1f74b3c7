"""The tab "Topology" of a VPC: its router, its subnets, and the machines in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse

from apps.lifecycle.state_labels import StateLabel, state_label
from apps.network.models import Nic, Vpc
from apps.network.topology import (
    DrawnSubnet,
    Items,
    drawn_subnets,
    items_at,
    owners_by_kind,
)
from apps.network.verbs import SUBNET_CREATE
from apps.portal.detail import DetailPage
from apps.portal.kind_registry import list_pages
from apps.portal.kinds import PageKind, neighbour_url

NO_ITEMS = Items()


@dataclass(frozen=True)
class Machine:
    """A machine as drawn. check_url: where it is chosen as one end of the connectivity check; "" for the source."""

    nic: Nic
    icon: str
    name: str
    url: str
    state: StateLabel
    check_url: str
    items: Items


@dataclass(frozen=True)
class SubnetPart:
    """A subnet as drawn, with its machines and the links below them."""

    drawn: DrawnSubnet
    machines: list[Machine]
    items: Items
    all_url: str
    create_url: str


def topology(page: DetailPage, vpc: Vpc) -> dict[str, Any]:
    """Return what the tab shows."""
    subnets, more = drawn_subnets(page.actor, vpc)
    rows = _machine_rows(page, subnets)
    keys = {vpc.pk, *(subnet.row.pk for subnet in subnets), *rows}
    items = items_at(page, vpc, keys)
    source = _source(page, rows)
    parts = [_part(page, subnet, rows, items, source) for subnet in subnets]
    return {
        "parts": parts,
        "more_subnets": more,
        "subnets_url": f"{reverse(f'{page.area}:subnet.list')}?vpc={vpc.pk}",
        "outside": items.get(vpc.pk, NO_ITEMS),
        "source": rows.get(source) if source else None,
        "may_create": not page.admin and page.rights.covers(SUBNET_CREATE, vpc.project_id, vpc.tenant_id),
        "check_url": f"{page.area}:reachability",
    }


def _machine_rows(page: DetailPage, subnets: list[DrawnSubnet]) -> dict[UUID, tuple[PageKind, Any]]:
    """Return kind and row of what the NICs belong to: one query a kind."""
    lists = list_pages(page.area)
    found: dict[UUID, tuple[PageKind, Any]] = {}
    for name, keys in owners_by_kind(subnets).items():
        if name in lists:
            kind = lists[name].of
            # Only name and state are drawn.
            rows = kind.rows(page.actor).prefetch_related(None).filter(pk__in=keys)
            found |= {row.pk: (kind, row) for row in rows}
    return found


def _source(page: DetailPage, rows: Mapping[UUID, object]) -> UUID | None:
    """Return the machine chosen as the source, if it is drawn."""
    try:
        key = UUID(page.request.GET.get("from", ""))
    except ValueError:
        return None
    return key if key in rows else None


def _part(
    page: DetailPage,
    drawn: DrawnSubnet,
    rows: Mapping[UUID, tuple[PageKind, Any]],
    items: Mapping[UUID, Items],
    source: UUID | None,
) -> SubnetPart:
    # What was deleted since its NIC was read is left out.
    machines = [
        _machine(page, nic, *rows[nic.owner_id], items.get(nic.owner_id, NO_ITEMS), source)
        for nic in drawn.nics
        if nic.owner_id in rows
    ]
    narrowed = urlencode({"subnet": drawn.row.pk})
    vms = list_pages(page.area).get("vm")
    return SubnetPart(
        drawn,
        machines,
        items.get(drawn.row.pk, NO_ITEMS),
        f"{vms.of.url(page.area, 'list')}?{narrowed}" if vms else "",
        f"{_create_url(page, vms.of, drawn)}?{narrowed}" if vms and _create_url(page, vms.of, drawn) else "",
    )


def _create_url(page: DetailPage, kind: PageKind, drawn: DrawnSubnet) -> str:
    row = drawn.row
    may = kind.create is not None and page.rights.covers(kind.create, row.project_id, row.tenant_id)
    return kind.create_url(page.area) if may else ""


def _machine(
    page: DetailPage, nic: Nic, kind: PageKind, row: Any, items: Items, source: UUID | None
) -> Machine:
    if source is None:
        check_url = f"?{urlencode({'from': row.pk})}"
    elif source == row.pk:
        check_url = ""
    else:
        check_url = f"{reverse(f'{page.area}:reachability')}?{urlencode({'from': source, 'to': row.pk})}"
    url = neighbour_url(page.rights, page.area, row)
    return Machine(nic, kind.icon, row.name, url, state_label(row), check_url, items)
