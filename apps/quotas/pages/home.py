"""The tenant's overview: what there is, how much of the quota is used, what happened last, where to begin."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from apps.portal.operation_pages import operation_word, tasks_of
from apps.portal.page import Page
from apps.portal.tiles import tiles
from apps.quotas.selectors import uses_of

LATEST = 8


class TenantHome(Page):
    template_name = "portal/home.html"
    title = _("Overview")

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show it."""
        assert self.actor.tenant is not None, "the gate leads admins as such to their own overview"
        shown = tiles(self.actor, self.area)
        latest = tasks_of(self.actor).order_by("-created_at")[:LATEST]
        return self.show(
            {
                "tiles": shown,
                "is_new": not any(tile["count"] for tile in shown),
                "uses": [use for use in uses_of(self.actor, self.actor.tenant) if use.metric.on_overview],
                "operations": [(operation, operation_word(operation)) for operation in latest],
            }
        )
