"""Setting up second factors: authenticator app, passkeys, recovery codes."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.middleware import MUST_ENROL
from apps.accounts.models import User
from apps.accounts.secrets import seal, unseal
from apps.api import limits
from apps.lifecycle.errors import Refused
from apps.portal import toasts
from apps.portal.forms import BaseForm
from apps.portal.page import Page
from apps.tenancy import ceremonies
from apps.tenancy.ceremonies import Purpose
from apps.tenancy.factors.codes import new_secret, qr_code
from apps.tenancy.factors.passkeys import options_to_add, reason_against, refused_here
from apps.tenancy.services import factors


def _security(page: Page) -> str:
    return reverse(f"{page.area}:account.security")


def _set_up(page: Page, codes: list[str], text: str) -> HttpResponse:
    """Show the first recovery codes, or lead back when there were some."""
    page.request.session.pop(MUST_ENROL, None)
    if codes:
        return show_codes(page, codes)
    toasts.keep(page.request, toasts.Toast(text))
    return page.go(_security(page))


def show_codes(page: Page, codes: list[str]) -> HttpResponse:
    """Show recovery codes, this once."""
    shown = [f"{code[:5]}-{code[5:]}" for code in codes]
    context = {
        "title": _("Recovery codes"),
        "codes": shown,
        "text": "\n".join(shown),
        "back": _security(page),
    }
    response = page.show(context, "tenancy/recovery_codes.html")
    response["Cache-Control"] = "no-store"
    return response


class AppForm(BaseForm):
    code = forms.CharField(
        label=gettext_lazy("Code from the app"),
        max_length=16,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "class": "mono code-field"}
        ),
    )


class AppPage(Page):
    """An authenticator app: its secret as a picture and as text, proved by a first code."""

    template_name = "tenancy/app_add.html"
    title = gettext_lazy("Set up authenticator app")
    sensitive = True

    def get(self, request: HttpRequest) -> HttpResponse:
        """Offer a new secret."""
        secret = new_secret()
        # Sealed: sessions are rows that can be read.
        user = cast(User, self.actor.user)
        ceremonies.begin(request.session, Purpose.APP_ADD, user, {"secret": seal(secret)})
        return self._draw(AppForm(actor=self.actor), secret)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Set it up."""
        user = cast(User, self.actor.user)
        offered = ceremonies.peek(request.session, Purpose.APP_ADD, user)
        if offered is None:
            return self.go(request.path)
        secret = unseal(offered["secret"])
        form = AppForm(request.POST, actor=self.actor)
        if not form.is_valid():
            return self._draw(form, secret, status=422)
        try:
            codes = factors.add_app(self.actor, secret, form.cleaned_data["code"])
        except Refused as error:
            form.refuse(error)
            return self._draw(form, secret, status=error.status)
        ceremonies.take(request.session, Purpose.APP_ADD, user)
        return _set_up(self, codes, _("Authenticator app set up."))

    def _draw(self, form: AppForm, secret: str, status: int = 200) -> HttpResponse:
        user = cast(User, self.actor.user)
        spaced = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
        context = {
            "form": form,
            "qr": qr_code(user, secret),
            "secret": spaced,
            "secret_plain": secret,
            "back": _security(self),
        }
        response = self.show(context, status=status)
        response["Cache-Control"] = "no-store"
        return response


class PasskeyForm(BaseForm):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=63,
        help_text=gettext_lazy("A name to recognize it, such as “Laptop” or “Blue key”."),
    )
    credential = forms.CharField(max_length=limits.PUBLIC_KEY, widget=forms.HiddenInput, required=False)


class PasskeyOptionsPage(Page):
    """What the browser needs to make a passkey."""

    sensitive = True

    def post(self, request: HttpRequest) -> HttpResponse:
        """Begin."""
        return refused_here(request) or JsonResponse(options_to_add(request, cast(User, self.actor.user)))


class PasskeyPage(Page):
    template_name = "tenancy/passkey_add.html"
    title = gettext_lazy("Add passkey")
    sensitive = True

    def get(self, request: HttpRequest) -> HttpResponse:
        """Ask for its name."""
        return self._draw(PasskeyForm(actor=self.actor))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Keep what the browser has made."""
        form = PasskeyForm(request.POST, actor=self.actor)
        if not form.is_valid():
            return self._draw(form, status=422)
        try:
            state = ceremonies.take(request.session, Purpose.PASSKEY_ADD, cast(User, self.actor.user))
            codes = factors.add_passkey(
                self.actor, form.cleaned_data["name"], state, form.cleaned_data["credential"]
            )
        except Refused as error:
            form.refuse(error)
            return self._draw(form, status=error.status)
        return _set_up(self, codes, _("Passkey added."))

    def _draw(self, form: PasskeyForm, status: int = 200) -> HttpResponse:
        options = reverse(f"{self.area}:account.passkey_options")
        context = {
            "form": form,
            "options": options,
            "back": _security(self),
            "impossible": reason_against(self.request),
        }
        return self.show(context, status=status)


class AskPage(Page):
    """One question, one button: for what is done to the account itself."""

    template_name = "tenancy/account_ask.html"
    sensitive = True
    button: Any = ""
    text: Any = ""
    danger = True

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Ask."""
        return self.ask()

    def ask(self, **context: Any) -> HttpResponse:
        """Draw the question."""
        given = {"button": self.button, "says": self.text, "danger": self.danger, "back": _security(self)}
        return self.show(given | context)

    def done(self, text: str, url: str = "") -> HttpResponse:
        """Say that it is done, on the page it came from."""
        toasts.keep(self.request, toasts.Toast(text))
        return self.go(url or _security(self))


class AppRemovePage(AskPage):
    title = button = gettext_lazy("Remove authenticator app")
    text = gettext_lazy(
        "Its codes stop working. Without another factor, your password alone is enough to log in."
    )

    def post(self, request: HttpRequest) -> HttpResponse:
        """Remove it."""
        factors.remove_app(self.actor)
        return self.done(_("Authenticator app removed."))


class PasskeyRemovePage(AskPage):
    title = button = gettext_lazy("Remove passkey")

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Ask, naming it."""
        passkey = factors.own_passkey(self.actor, kwargs["key"])
        text = _("“%(name)s” stops working. Delete it on the device too.") % {"name": passkey.name}
        return self.ask(says=text)

    def post(self, request: HttpRequest, key: int) -> HttpResponse:
        """Remove it."""
        factors.remove_passkey(self.actor, key)
        return self.done(_("Passkey removed."))


class RecoveryCodesPage(AskPage):
    title = button = gettext_lazy("Create recovery codes")
    text = gettext_lazy("Ten new codes, each valid for one login. Earlier codes stop working.")
    danger = False

    def post(self, request: HttpRequest) -> HttpResponse:
        """Make and show them."""
        return show_codes(self, factors.make_recovery_codes(self.actor))
