"""The tenant's overview: what runs, what needs attention, which quotas are nearly used up, and where to start."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from apps.accounts.access import visible
from apps.lifecycle.models import Resource, State
from apps.portal.home import first_steps, home_cards
from apps.portal.operation_pages import operation_word, tasks_of
from apps.portal.page import Page
from apps.portal.tiles import tiles
from apps.quotas.selectors import Use, uses_of

LATEST = 8
#: Resources in trouble that are named; their lists have the others.
MOST_FAILED = 5
NEAR_PERCENT = 80


class TenantHome(Page):
    template_name = "portal/home.html"
    title = _("Overview")

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show it."""
        shown = tiles(self.actor, self.area)
        steps = first_steps(self, {tile["kind"] for tile in shown if tile["count"]})
        main = next((step for step in steps if step.last), None)
        latest = tasks_of(self.actor).order_by("-created_at")[:LATEST]
        uses = self._uses()
        return self.show(
            {
                "tiles": shown,
                "steps": steps if main and not main.done else [],
                "main": main,
                "cards": home_cards(self),
                "failed": self._failed(),
                "near": [use for use in uses if not use.unlimited and use.percent >= NEAR_PERCENT],
                "uses": [use for use in uses if use.metric.on_overview],
                "operations": [(operation, operation_word(operation)) for operation in latest],
            }
        )

    def _failed(self) -> list[dict[str, Any]]:
        """What has failed and has not been retried since."""
        trouble = Q(state=State.ERROR) | ~Q(error={})
        rows = visible(self.actor, Resource.objects.filter(trouble)).order_by("-updated_at")
        return [{"row": row, "error": row.error} for row in rows[:MOST_FAILED]]

    def _uses(self) -> list[Use]:
        assert self.actor.tenant is not None, "the gate leads admins as such to their own overview"
        uses = uses_of(self.actor, self.actor.tenant)
        return sorted(uses, key=lambda use: use.unlimited or -use.percent)
