"""Proving again who sits in front of the browser, before what a thief would do first."""

from __future__ import annotations

from typing import cast

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.log_in_records import note_failure
from apps.accounts.models import User
from apps.accounts.recent_proof import record_proof
from apps.accounts.throttle.checks import account_key, check_secret, source_of_actor
from apps.portal.page import Page
from apps.tenancy import ceremonies
from apps.tenancy.ceremonies import Purpose
from apps.tenancy.factors.codes import use_code
from apps.tenancy.factors.passkeys import judge_passkey, options_to_show, refused_here
from apps.tenancy.factors.rows import factors_of
from apps.tenancy.services.proof import is_password

FAILED = "login.confirmation_failed"


class ConfirmPage(Page):
    """By password; by a code for accounts without one; by passkey."""

    template_name = "tenancy/confirm.html"
    title = gettext_lazy("Confirm your identity")

    def get(self, request: HttpRequest) -> HttpResponse:
        """Ask."""
        return self._draw()

    def post(self, request: HttpRequest) -> HttpResponse:
        """Judge a password or a code."""
        user = cast(User, self.actor.user)
        if user.has_usable_password():
            right = is_password(self.actor, user, request.POST.get("password", ""))
        else:
            code = request.POST.get("code", "").strip()
            account = account_key(user.username)
            right = bool(check_secret(source_of_actor(self.actor), account, lambda: use_code(user, code)))
        return self.judge(right, _("Incorrect."))

    def judge(self, right: bool, error: str) -> HttpResponse:
        """Lead on, or ask again."""
        if not right:
            note_failure(self.request, cast(User, self.actor.user), FAILED)
            return self._draw(error)
        record_proof(self.request)
        onward = self.request.POST.get("next", "")
        safe = url_has_allowed_host_and_scheme(onward, {self.request.get_host()}, self.request.is_secure())
        return self.go(onward if safe else reverse(f"{self.area}:account.security"))

    def _draw(self, error: str = "") -> HttpResponse:
        user = cast(User, self.actor.user)
        context = {
            "user": user,
            "factors": factors_of(user),
            "by_password": user.has_usable_password(),
            "onward": self.request.POST.get("next") or self.request.GET.get("next", ""),
            "error": error,
            "confirm_url": reverse(f"{self.area}:account.confirm"),
            "passkey_url": reverse(f"{self.area}:account.confirm_passkey"),
            "options": reverse(f"{self.area}:account.confirm_options"),
        }
        return self.show(context, status=422 if error else 200)


class ConfirmOptionsPage(Page):
    """What the browser needs to show one of the user's passkeys."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Begin."""
        user = cast(User, self.actor.user)
        return refused_here(request) or JsonResponse(options_to_show(request, Purpose.PASSKEY_CONFIRM, user))


class ConfirmPasskeyPage(ConfirmPage):
    http_method_names = ("post", "options")

    def post(self, request: HttpRequest) -> HttpResponse:
        """Judge a passkey."""
        user = cast(User, self.actor.user)
        answer, purpose = request.POST.get("credential", ""), Purpose.PASSKEY_CONFIRM
        state = ceremonies.take(request.session, purpose, user)
        right = check_secret(
            source_of_actor(self.actor),
            account_key(user.username),
            lambda: judge_passkey(state, purpose, user, answer),
        )
        return self.judge(right, _("The passkey was not accepted."))
