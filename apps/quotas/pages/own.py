"""Quotas: what a tenant may use and uses."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy

from apps.portal.page import Page
from apps.quotas.selectors import uses_of


class QuotaPage(Page):
    template_name = "quotas/quotas.html"
    title = gettext_lazy("Quotas")

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the tenant's own."""
        assert self.actor.tenant is not None, "the gate leads admins as such to their own pages"
        return self.show({"uses": uses_of(self.actor, self.actor.tenant)})
