"""Language, time zone and theme: a page of the account, and the language switch of the top bar."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View

from apps.accounts.models import User
from apps.accounts.preferences import (
    THEME_COOKIE,
    YEAR_SECONDS,
    is_language,
    theme_of,
    time_zones,
)
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Refused
from apps.portal import toasts
from apps.portal.field_checks import field_errors, is_check
from apps.portal.forms import BaseForm
from apps.portal.page import Page
from apps.tenancy.services.preferences import set_preferences


def _zones() -> list[tuple[str, str]]:
    return [("", _("Browser default")), *((name, name) for name in sorted(time_zones()))]


def _languages() -> list[tuple[str, str]]:
    return [("", _("Browser default")), *settings.LANGUAGES]


class PreferencesForm(BaseForm):
    language = forms.ChoiceField(label=gettext_lazy("Language"), required=False, choices=_languages)
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        required=False,
        choices=_zones,
        help_text=gettext_lazy("Used for times on all pages. The API always returns UTC."),
    )
    theme = forms.ChoiceField(
        label=gettext_lazy("Appearance"),
        choices=[
            ("auto", gettext_lazy("System default")),
            ("light", gettext_lazy("Light")),
            ("dark", gettext_lazy("Dark")),
        ],
    )


class PreferencesPage(Page):
    template_name = "tenancy/preferences.html"
    title = gettext_lazy("Preferences")

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show what is chosen."""
        user = cast(User, self.actor.user)
        chosen = {"language": user.language, "time_zone": user.time_zone, "theme": theme_of(request)}
        return self._draw(PreferencesForm(actor=self.actor, initial=chosen))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Choose; the answer is in the new language already."""
        form = PreferencesForm(request.POST, actor=self.actor)
        if is_check(request):
            return field_errors(self, form)
        if not form.is_valid():
            return self._draw(form, status=422)
        try:
            user = set_preferences(self.actor, **form.cleaned_data)
        except Refused as error:
            form.refuse(error)
            return self._draw(form, status=error.status)
        with translation.override(user.language or translation.get_language()):
            toasts.keep(request, toasts.Toast(_("Preferences saved.")))
        response = self.go(reverse(f"{self.area}:account.preferences"))
        _keep_theme(response, user.theme)
        _keep_language(response, user.language)
        return response

    def _draw(self, form: PreferencesForm, status: int = 200) -> HttpResponse:
        context: dict[str, Any] = {"form": form, "now": timezone.now()}
        return self.show(context, status=status)


class ChooseLanguage(View):
    """The language switch, which the login page has too."""

    http_method_names = ("post", "options")

    def post(self, request: HttpRequest) -> HttpResponse:
        """Keep the language with the account, or in a cookie, and lead back to the page it was asked from."""
        code, back = request.POST.get("language", ""), request.POST.get("next", "")
        safe = url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure())
        response = HttpResponseRedirect(back if safe else reverse("portal:home"))
        if is_language(code):
            actor = cast(Actor, request.actor)  # type: ignore[attr-defined]
            if actor.user is not None:
                set_preferences(actor, language=code)
            _keep_language(response, code)
        return response


def _keep_language(response: HttpResponse, code: str) -> None:
    if code:
        response.set_cookie(settings.LANGUAGE_COOKIE_NAME, code, max_age=YEAR_SECONDS, samesite="Lax")
    else:
        response.delete_cookie(settings.LANGUAGE_COOKIE_NAME)


def _keep_theme(response: HttpResponse, theme: str) -> None:
    response.set_cookie(THEME_COOKIE, theme, max_age=YEAR_SECONDS, samesite="Lax")
