"""Setting a tenant's limits and counting its use again, for administrators."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.accounts.models import Tenant
from apps.accounts.selectors import visible_tenants
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import NotFound, Refused
from apps.portal import toasts
from apps.portal.field_checks import field_errors, is_check
from apps.portal.forms import BaseForm
from apps.portal.page import Page
from apps.quotas.metrics import metrics
from apps.quotas.recount import recount_now
from apps.quotas.selectors import Use, uses_of
from apps.quotas.services import MOST, set_limits


class LimitsForm(BaseForm):
    """One field for each metric."""

    def prepare(self) -> None:
        """Add the fields."""
        for metric in metrics().values():
            label = f"{metric.label} ({metric.unit})" if metric.unit else str(metric.label)
            self.fields[metric.name] = forms.IntegerField(label=label, min_value=0, max_value=MOST)


def found_tenant(actor: Actor, key: UUID) -> Tenant:
    """Return the tenant. Raises NotFound."""
    tenant = visible_tenants(actor).filter(uid=key).first()
    if tenant is None:
        raise NotFound(_("Tenant not found."))
    return tenant


def limits_context(actor: Actor, tenant: Tenant, form: LimitsForm | None = None) -> dict[str, Any]:
    """Return what the table of limits shows; without a form, one with the limits as they are."""
    uses = uses_of(actor, tenant)
    form = form or LimitsForm(actor=actor, initial={use.metric.name: use.limit for use in uses})
    return {"tenant": tenant, "form": form, "rows": [(use, form[use.metric.name]) for use in uses]}


class TenantQuotaPage(Page):
    """Takes the limits from the tenant's page; by itself it shows the same table, with what was wrong."""

    template_name = "quotas/tenant_quotas.html"
    title = gettext_lazy("Quotas")

    def get(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Show limits, use and the form."""
        return self.show(limits_context(self.actor, found_tenant(self.actor, key)))

    def post(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Set the limits."""
        tenant = found_tenant(self.actor, key)
        form = LimitsForm(request.POST, actor=self.actor)
        if is_check(request):
            return field_errors(self, form)
        if not form.is_valid():
            return self.show(limits_context(self.actor, tenant, form), status=422)
        try:
            set_limits(self.actor, tenant, form.cleaned_data)
        except Refused as error:
            form.refuse(error)
            return self.show(
                limits_context(self.actor, tenant, form) | {"refused": error}, status=error.status
            )
        toasts.keep(request, _said(tenant, uses_of(self.actor, tenant)))
        return self.go(reverse("admin:tenant.tab.quotas", args=[key]))


class RecountPage(Page):
    """The button on the quotas of a tenant."""

    http_method_names = ("post", "options")

    def post(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Recalculate, correct, and show what was wrong."""
        tenant = found_tenant(self.actor, key)
        differences = recount_now(self.actor, tenant)
        text = ngettext(
            "%(n)s usage value was wrong and is corrected.",
            "%(n)s usage values were wrong and are corrected.",
            len(differences),
        )
        named = ", ".join(f"{metrics()[d.metric].label}: {d.used} → {d.exists}" for d in differences)
        said = text % {"n": len(differences)} if differences else _("All usage values are correct.")
        toasts.keep(request, toasts.Toast(said, detail=named))
        return self.go(reverse("admin:tenant.tab.quotas", args=[key]))


def _said(tenant: Tenant, uses: list[Use]) -> toasts.Toast:
    over = [str(use.metric.label) for use in uses if use.over]
    done = _("Quotas of %(name)s set") % {"name": tenant.name}
    if not over:
        return toasts.Toast(done)
    detail = _("Usage exceeds the limit: %(what)s. Existing resources are kept. New ones are refused.")
    return toasts.Toast(done, detail=detail % {"what": ", ".join(over)})
