"""The account's security: the password, and an overview of second factors."""

from __future__ import annotations

from typing import cast

from django import forms
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.middleware import MUST_ENROL
from apps.accounts.models import User
from apps.api import limits
from apps.lifecycle.errors import Invalid, Refused
from apps.portal import toasts
from apps.portal.field_checks import field_errors, is_check
from apps.portal.forms import BaseForm
from apps.portal.page import Page
from apps.tenancy.factors.rows import factors_of
from apps.tenancy.services.accounts import check_password_strength
from apps.tenancy.services.passwords import change_own_password


class PasswordForm(BaseForm):
    current = forms.CharField(
        max_length=limits.PASSWORD,
        label=gettext_lazy("Current password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    new = forms.CharField(
        max_length=limits.PASSWORD,
        label=gettext_lazy("New password"),
        strip=False,
        help_text=gettext_lazy("All your other sessions end."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        max_length=limits.PASSWORD,
        label=gettext_lazy("New password again"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_new(self) -> str:
        """Judge it before it is sent: the service does too."""
        new = str(self.cleaned_data["new"])
        if self.actor.user is not None:
            try:
                check_password_strength(new, self.actor.user, field="new")
            except Invalid as error:
                raise forms.ValidationError(error.fields["new"]) from error
        return new

    def clean_again(self) -> str:
        """The two must be the same."""
        if self.cleaned_data["again"] != self.cleaned_data.get("new"):
            raise forms.ValidationError(_("The passwords do not match."))
        return str(self.cleaned_data["again"])


class SecurityPage(Page):
    template_name = "tenancy/account_security.html"
    title = gettext_lazy("Account")

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show it."""
        return self._draw(PasswordForm(actor=self.actor))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Change the password; this session goes on, all others end."""
        form = PasswordForm(request.POST, actor=self.actor)
        if is_check(request):
            return field_errors(self, form)
        if not form.is_valid():
            return self._draw(form, status=422)
        data, first = form.cleaned_data, cast(User, self.actor.user).must_change_password
        try:
            user = change_own_password(self.actor, data["current"], data["new"])
        except Refused as error:
            form.refuse(error)
            return self._draw(form, status=error.status)
        update_session_auth_hash(request, user)
        toasts.keep(request, toasts.Toast(_("Password changed.")))
        # Who had to set a password before anything else came to do something else.
        return self.go(reverse(f"{self.area}:home" if first else f"{self.area}:account.security"))

    def _draw(self, form: PasswordForm, status: int = 200) -> HttpResponse:
        user = cast(User, self.actor.user)
        context = {
            "form": form,
            "user": user,
            "factors": factors_of(user),
            "must_enrol": bool(self.request.session.get(MUST_ENROL)),
        }
        return self.show(context, status=status)
