"""The tenant's overview: what there is, how much of the quota is used, what happened last, where to begin."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from apps.portal.operation_pages import OPERATION, operation_word
from apps.portal.page import Page
from apps.portal.tiles import tiles
from apps.quotas.metrics import BY_NAME
from apps.quotas.models import Quota

KINDS = ("vm", "disk", "image", "vpc", "security_group", "key_pair")
LATEST = 8


class TenantHome(Page):
    template_name = "portal/home.html"
    title = _("Overview")

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show it."""
        shown = tiles(self.actor, self.area, KINDS)
        latest = OPERATION.rows(self.actor).order_by("-created_at")[:LATEST]
        return self.show(
            {
                "tiles": shown,
                "is_new": not any(tile["count"] for tile in shown),
                "quotas": self._quotas(),
                "operations": [(operation, operation_word(operation)) for operation in latest],
            }
        )

    def _quotas(self) -> list[dict[str, Any]]:
        assert self.actor.tenant is not None
        rows = {row.metric: row for row in Quota.objects.filter(tenant=self.actor.tenant)}
        return [
            {"label": metric.label, "unit": metric.unit, "used": rows[name].used, "limit": rows[name].limit}
            for name, metric in BY_NAME.items()
            if name in rows
        ]
