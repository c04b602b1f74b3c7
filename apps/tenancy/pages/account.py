"""One's own account: name and email. The other parts have pages of their own beside this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import User
from apps.accounts.selectors import memberships_of
from apps.accounts.single_line import clean_line
from apps.lifecycle.errors import Invalid, Refused
from apps.portal import toasts
from apps.portal.field_checks import field_errors, is_check
from apps.portal.forms import BaseForm
from apps.portal.page import Page
from apps.tenancy.services.accounts import clean_email
from apps.tenancy.services.profile import MAX_FULL_NAME, edit_profile


class ProfileForm(BaseForm):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=MAX_FULL_NAME,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    email = forms.EmailField(
        label=gettext_lazy("Email"),
        required=False,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )

    def clean_name(self) -> str:
        """One line of text, as the service wants it."""
        return _checked("name", lambda: clean_line("name", self.cleaned_data["name"], MAX_FULL_NAME))

    def clean_email(self) -> str:
        """An address that the service takes."""
        return _checked("email", lambda: clean_email(self.cleaned_data["email"]))


def _checked(field: str, read: Callable[[], str]) -> str:
    try:
        return read()
    except Invalid as error:
        raise forms.ValidationError(error.fields[field]) from error


class ProfilePage(Page):
    template_name = "tenancy/account_profile.html"
    title = gettext_lazy("Account")

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show it."""
        user = cast(User, self.actor.user)
        given = {"name": user.first_name, "email": user.email}
        return self._draw(ProfileForm(actor=self.actor, initial=given))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Change name and email."""
        form = ProfileForm(request.POST, actor=self.actor)
        if is_check(request):
            return field_errors(self, form)
        if not form.is_valid():
            return self._draw(form, status=422)
        try:
            edit_profile(self.actor, **form.cleaned_data)
        except Refused as error:
            form.refuse(error)
            return self._draw(form, status=error.status)
        toasts.keep(request, toasts.Toast(_("Profile saved.")))
        return self.go(reverse(f"{self.area}:account"))

    def _draw(self, form: ProfileForm, status: int = 200) -> HttpResponse:
        user = cast(User, self.actor.user)
        roles = [each for each in memberships_of(user) if each.role] if user.tenant else []
        return self.show({"form": form, "user": user, "roles": roles}, status=status)
