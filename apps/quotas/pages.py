"""Quotas: what a tenant may use and uses, and for admins the form that sets the limits."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.lifecycle.errors import NotFound, Refused
from apps.portal import feedback
from apps.portal.forms import KitForm
from apps.portal.page import Page
from apps.quotas.metrics import METRICS
from apps.quotas.selectors import uses_of
from apps.quotas.services import set_limits
from apps.tenancy.models import Tenant
from apps.tenancy.selectors import visible_tenants


class QuotaPage(Page):
    template_name = "quotas/quotas.html"
    title = gettext_lazy("Quotas")

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the tenant's own."""
        assert self.actor.tenant is not None, "the gate leads admins as such to their own pages"
        return self.show({"uses": uses_of(self.actor, self.actor.tenant)})


class LimitsForm(KitForm):
    """One field for each metric."""

    def prepare(self) -> None:
        """Add the fields."""
        for metric in METRICS:
            label = f"{metric.label} ({metric.unit})" if metric.unit else str(metric.label)
            self.fields[metric.name] = forms.IntegerField(label=label, min_value=0)


class TenantQuotaPage(Page):
    """For admins."""

    template_name = "quotas/tenant_quotas.html"
    title = gettext_lazy("Quotas")

    def get(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Show limits, use and the form."""
        tenant = self._tenant(key)
        uses = uses_of(self.actor, tenant)
        form = LimitsForm(actor=self.actor, initial={use.metric.name: use.limit for use in uses})
        return self._draw(tenant, form)

    def post(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Set the limits."""
        tenant = self._tenant(key)
        form = LimitsForm(request.POST, actor=self.actor)
        if not form.is_valid():
            return self._draw(tenant, form, status=422)
        try:
            set_limits(self.actor, tenant, form.cleaned_data)
        except Refused as error:
            form.refuse(error)
            return self._draw(tenant, form, refused=error, status=error.status)
        feedback.keep(request, feedback.Toast(_("Quotas of %(name)s set") % {"name": tenant.name}))
        return self.go(reverse("admin:quota.set", args=[key]))

    def _tenant(self, key: UUID) -> Tenant:
        tenant = visible_tenants(self.actor).filter(uid=key).first()
        if tenant is None:
            raise NotFound(_("There is no such tenant."))
        return tenant

    def _draw(
        self, tenant: Tenant, form: LimitsForm, *, refused: Any = None, status: int = 200
    ) -> HttpResponse:
        uses = uses_of(self.actor, tenant)
        rows = [(use, form[use.metric.name]) for use in uses]
        context = {"tenant": tenant, "form": form, "rows": rows, "refused": refused}
        return self.show(context, status=status)
