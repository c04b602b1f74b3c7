"""The second step of a login, and logging in with nothing but a passkey."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.auth_backend import usable
from apps.accounts.log_in_records import SECOND_FAILED, note_failure
from apps.accounts.throttle.checks import account_key, check_secret, source_of
from apps.tenancy import ceremonies
from apps.tenancy.ceremonies import Purpose
from apps.tenancy.factors.codes import is_late, use_code
from apps.tenancy.factors.passkeys import PASSKEY, judge_passkey, options_to_show, owner_of, refused_here
from apps.tenancy.factors.rows import factors_of
from apps.tenancy.login_steps import PATIENCE, PENDING, Pending, begin_briefly, enter, pending
from apps.tenancy.oidc.providers import providers
from apps.tenancy.pages.login import LogInForm


class SecondStep(View):
    """A code of the authenticator app, a recovery code, or a passkey."""

    http_method_names = ("get", "head", "post", "options")

    def get(self, request: HttpRequest) -> HttpResponse:
        """Ask for it."""
        waiting = pending(request)
        return self._ask(request, waiting) if waiting else _start_again(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Judge a code."""
        waiting = pending(request)
        if waiting is None:
            return _start_again(request)
        code = request.POST.get("code", "").strip()
        taken = check_secret(
            source_of(request), account_key(waiting.user.username), lambda: use_code(waiting.user, code)
        )
        if not taken:
            note_failure(request, waiting.user, SECOND_FAILED)
            return self._ask(request, waiting, _why_not(waiting, code))
        return _let_in(request, waiting, taken)

    def _ask(self, request: HttpRequest, waiting: Pending, error: str = "") -> HttpResponse:
        return _ask_second(request, waiting, error)


class PasskeyOptions(View):
    """What the browser needs to show a passkey. By POST, as it begins something that the session remembers."""

    http_method_names = ("post", "options")

    def post(self, request: HttpRequest) -> HttpResponse:
        """Begin: for whoever has passed the first step, else for whichever passkey there is."""
        if refused := refused_here(request):
            return refused
        waiting = pending(request)
        begin_briefly(request)
        if waiting:
            return JsonResponse(options_to_show(request, Purpose.PASSKEY_SECOND_STEP, waiting.user))
        return JsonResponse(options_to_show(request, Purpose.PASSKEY_LOG_IN, None))


class PasskeyLogIn(View):
    """A passkey as the second step, or, without a first one, as all of it: it is the device and its PIN or finger."""

    http_method_names = ("post", "options")

    def post(self, request: HttpRequest) -> HttpResponse:
        """Judge what the browser has shown."""
        waiting, answer = pending(request), request.POST.get("credential", "")
        if waiting is not None:
            return self._second(request, waiting, answer)
        state = ceremonies.take(request.session, Purpose.PASSKEY_LOG_IN, None)
        user = owner_of(answer)
        right = check_secret(
            source_of(request),
            account_key(user.username) if user else None,
            lambda: user is not None and judge_passkey(state, Purpose.PASSKEY_LOG_IN, user, answer),
        )
        if user is None or not right or not usable(user):
            note_failure(request, user)
            return _ask_first(request, _("The passkey was not accepted. Log in with your password."))
        enter(request, user, PASSKEY)
        onward = request.POST.get("next", "")
        safe = url_has_allowed_host_and_scheme(onward, {request.get_host()}, request.is_secure())
        return HttpResponseRedirect(onward if safe else "/")

    def _second(self, request: HttpRequest, waiting: Pending, answer: str) -> HttpResponse:
        user, purpose = waiting.user, Purpose.PASSKEY_SECOND_STEP
        state = ceremonies.take(request.session, purpose, user)
        right = check_secret(
            source_of(request),
            account_key(user.username),
            lambda: judge_passkey(state, purpose, user, answer),
        )
        if not right:
            note_failure(request, user, SECOND_FAILED)
            return _ask_second(request, waiting, _("The passkey was not accepted."))
        return _let_in(request, waiting, PASSKEY)


def _why_not(waiting: Pending, code: str) -> str:
    if is_late(waiting.user, code):
        return _("The code has expired. Enter the latest code. If that fails too, check your phone’s clock.")
    return _("The code is wrong or was already used. Wait for the next code.")


def _let_in(request: HttpRequest, waiting: Pending, by: str) -> HttpResponse:
    enter(request, waiting.user, f"{waiting.method}+{by}")
    return HttpResponseRedirect(waiting.onward)


def _ask_second(request: HttpRequest, waiting: Pending, error: str = "") -> HttpResponse:
    context = {"name": waiting.user.username, "factors": factors_of(waiting.user), "error": error}
    return render(request, "portal/second_step.html", context, status=422 if error else 200)


def _start_again(request: HttpRequest) -> HttpResponse:
    """Lead to the first step; say why when there was one here, or a code was sent."""
    if request.session.pop(PENDING, None) or request.method == "POST":
        text = _("The login took longer than %(n)s minutes or was cancelled. Log in again.")
        return _ask_first(request, text % {"n": PATIENCE // 60})
    return redirect("portal:login")


def _ask_first(request: HttpRequest, error: str) -> HttpResponse:
    context = {"form": LogInForm(request), "error": error, "providers": providers()}
    return render(request, "portal/login.html", context, status=422)
