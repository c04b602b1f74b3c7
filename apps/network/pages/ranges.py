"""The blocks VPCs may be cut from, in the administration."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.lifecycle.errors import Refused
from apps.network.forms import RangesForm, ranges_text
from apps.network.ranges import allowed_ranges
from apps.network.services.allowed_ranges import set_allowed_ranges
from apps.portal import toasts
from apps.portal.field_checks import field_errors, is_check
from apps.portal.page import Page


class RangesPage(Page):
    title = gettext_lazy("Allowed VPC CIDR blocks")
    template_name = "network/ranges.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show what holds."""
        given = {"ranges": ranges_text(list(allowed_ranges()))}
        return self.show({"form": RangesForm(actor=self.actor, initial=given)})

    def post(self, request: HttpRequest) -> HttpResponse:
        """Set the list."""
        form = RangesForm(request.POST, actor=self.actor)
        if is_check(request):
            return field_errors(self, form)
        if not form.is_valid():
            return self.show({"form": form}, status=422)
        try:
            set_allowed_ranges(self.actor, ranges=form.cleaned_data["ranges"])
        except Refused as error:
            form.add_error("ranges", error.message)
            return self.show({"form": form, "refused": error}, status=error.status)
        toasts.keep(request, toasts.Toast(_("Allowed CIDR blocks saved")))
        return self.go(reverse("admin:vpc_range.list"))
