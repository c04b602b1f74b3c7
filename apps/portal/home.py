"""The tenant's overview: what there is, how much of the quota is used, what happened last, where to begin."""

from __future__ import annotations

from typing import Any

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from apps.lifecycle.models import Resource, State
from apps.portal import navigation
from apps.portal.operation_pages import OPERATION, operation_word
from apps.portal.page import Page
from apps.quotas.metrics import BY_NAME
from apps.quotas.models import Quota
from apps.tenancy.access import visible

LATEST = 8


class TenantHome(Page):
    template_name = "portal/home.html"
    title = _("Overview")

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show it."""
        tiles = self._tiles()
        latest = OPERATION.rows(self.actor).order_by("-created_at")[:LATEST]
        return self.show(
            {
                "tiles": tiles,
                "is_new": not any(tile["count"] for tile in tiles),
                "quotas": self._quotas(),
                "operations": [(operation, operation_word(operation)) for operation in latest],
            }
        )

    def _tiles(self) -> list[dict[str, Any]]:
        """One tile for each kind in the navigation, with how many there are and how many have failed."""
        counts: dict[str, dict[str, int]] = {}
        rows = (
            visible(self.actor, Resource.objects.all())
            .values("kind", "state")
            .annotate(n=Count("pk"))
            .order_by()
        )
        for row in rows:
            of_kind = counts.setdefault(row["kind"], {"count": 0, "failed": 0})
            of_kind["count"] += row["n"]
            of_kind["failed"] += row["n"] if row["state"] == State.ERROR else 0
        return [
            {
                "label": link.label,
                "icon": link.icon,
                "url": link.url,
                **counts.get(kind, {"count": 0, "failed": 0}),
            }
            for kind, link in navigation.kinds(self.area, KINDS)
        ]

    def _quotas(self) -> list[dict[str, Any]]:
        assert self.actor.tenant is not None
        rows = {row.metric: row for row in Quota.objects.filter(tenant=self.actor.tenant)}
        return [
            {"label": metric.label, "unit": metric.unit, "used": rows[name].used, "limit": rows[name].limit}
            for name, metric in BY_NAME.items()
            if name in rows
        ]


KINDS = ("vm", "disk", "image", "vpc", "security_group", "key_pair")
