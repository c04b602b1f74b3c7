"""Beginning to act as a tenant, and stopping."""

from __future__ import annotations

from typing import cast

from django import forms
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View

from apps.accounts import acting
from apps.accounts.acting_middleware import end_acting, tell_pages
from apps.accounts.acting_records import LONGEST_REASON, STOPPED, record_start
from apps.accounts.models import Tenant, User
from apps.accounts.platform_settings import ACTING_MINUTES
from apps.lifecycle.errors import NotFound, Refused
from apps.portal import toasts
from apps.portal.field_checks import field_errors, is_check
from apps.portal.forms import BaseForm
from apps.portal.page import Page
from apps.tenancy.pages.tenants import TENANT


class ReasonForm(BaseForm):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=LONGEST_REASON,
        help_text=gettext_lazy("The tenant sees it in its operation log."),
    )


class ActAsPage(Page):
    template_name = "tenancy/act_as.html"
    sensitive = True

    def get(self, request: HttpRequest, key: object) -> HttpResponse:
        """Ask why, and say what it means."""
        return self._ask(TENANT.found(self.actor, key), ReasonForm(actor=self.actor))

    def post(self, request: HttpRequest, key: object) -> HttpResponse:
        """Begin."""
        tenant = TENANT.found(self.actor, key)
        form = ReasonForm(request.POST, actor=self.actor)
        if is_check(request):
            return field_errors(self, form)
        if not form.is_valid():
            return self._ask(tenant, form, status=422)
        try:
            reason = record_start(self.actor, tenant, form.cleaned_data["reason"])
        except Refused as error:
            form.refuse(error)
            return self._ask(tenant, form, status=error.status)
        acting.start(request.session, tenant, reason)
        tell_pages(request, cast(User, self.actor.user))
        return self.go(reverse("portal:home"))

    def _ask(self, tenant: Tenant, form: ReasonForm, status: int = 200) -> HttpResponse:
        context = {
            "title": _("Act as %(name)s") % {"name": tenant.name},
            "tenant": tenant,
            "form": form,
            "minutes": ACTING_MINUTES.value(),
            "back": TENANT.url(self.area, "one", tenant),
        }
        return self.show(context, status=status)


class StopActing(View):
    """For an administrator: also when the time was over before the click."""

    http_method_names = ("post", "options")

    def post(self, request: HttpRequest) -> HttpResponse:
        """Lead back to the tenant's page in the administration."""
        if not request.user.is_authenticated:
            return redirect_to_login(reverse("portal:home"))
        if not request.actor.is_admin:  # type: ignore[attr-defined]
            raise NotFound(_("Page not found."))
        tenant = end_acting(request, STOPPED)
        if tenant is not None:
            toasts.keep(
                request, toasts.Toast(_("You are no longer acting as %(name)s.") % {"name": tenant.name})
            )
        where = TENANT.url("admin", "one", tenant) if tenant is not None else reverse("admin:home")
        return HttpResponseRedirect(where)
