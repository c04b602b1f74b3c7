"""Tiles of the overviews: a kind, how many there are, how many have failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Count

from apps.accounts.access import visible
from apps.accounts.models import Tenant
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Resource, State
from apps.portal import navigation
from apps.portal.slots import TILES, tiles_of


def tiles(actor: Actor, area: str) -> list[dict[str, Any]]:
    """Return a tile for each kind that asks for one and whose list the area has, counted in one query."""
    counts = _counts(actor)
    return [
        {
            "kind": kind,
            "label": link.label,
            "icon": link.icon,
            "url": link.url,
            **counts.get(kind, {"count": 0, "failed": 0}),
        }
        for kind, link in navigation.kinds(area, tiles_of(area))
    ]


def _counts(actor: Actor) -> Mapping[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    rows = visible(actor, Resource.objects.all()).values("kind", "state").annotate(n=Count("pk")).order_by()
    for row in rows:
        of_kind = found.setdefault(row["kind"], {"count": 0, "failed": 0})
        of_kind["count"] += row["n"]
        of_kind["failed"] += row["n"] if row["state"] == State.ERROR else 0
    for slot in TILES:
        if slot.rows is not None:
            found.setdefault(slot.kind, {"count": 0, "failed": 0})["count"] = slot.rows(actor).count()
    if actor.is_admin and actor.tenant is None:
        found["tenant"] = {"count": Tenant.objects.count(), "failed": 0}
    return found
