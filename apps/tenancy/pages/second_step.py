"""The second step of a log-in, and logging in with nothing but a passkey."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views import View

from apps.tenancy.backends import usable
from apps.tenancy.entering import (
    Pending,
    count_failure,
    enter,
    is_locked,
    keep_briefly,
    note_failure,
    pending,
)
from apps.tenancy.factors.codes import use_code
from apps.tenancy.factors.passkeys import PASSKEY, options_to_log_in, use_passkey
from apps.tenancy.factors.rows import factors_of
from apps.tenancy.oidc.providers import providers


class SecondStep(View):
    """A code of the authenticator app, a recovery code, or a passkey."""

    http_method_names = ("get", "head", "post", "options")

    def get(self, request: HttpRequest) -> HttpResponse:
        """Ask for it."""
        waiting = pending(request)
        return self._ask(request, waiting) if waiting else redirect("portal:login")

    def post(self, request: HttpRequest) -> HttpResponse:
        """Judge a code."""
        waiting = pending(request)
        if waiting is None:
            return redirect("portal:login")
        if is_locked(request, waiting.user):
            return self._ask(request, waiting)
        taken = use_code(waiting.user, request.POST.get("code", "").strip())
        if not taken:
            count_failure(request, waiting.user)
            return self._ask(
                request, waiting, _("The code is wrong, or was used before. Wait for the next one.")
            )
        return _let_in(request, waiting, taken)

    def _ask(self, request: HttpRequest, waiting: Pending, error: str = "") -> HttpResponse:
        return _ask_second(request, waiting, error)


class PasskeyOptions(View):
    """What the browser needs to show a passkey. By POST, as it begins something that the session remembers."""

    http_method_names = ("post", "options")

    def post(self, request: HttpRequest) -> HttpResponse:
        """Begin: for whoever has passed the first step, else for whichever passkey there is."""
        waiting = pending(request)
        keep_briefly(request)
        return JsonResponse(options_to_log_in(waiting.user if waiting else None))


class PasskeyLogIn(View):
    """A passkey as the second step, or, without a first one, as all of it: it is the device and its PIN or finger."""

    http_method_names = ("post", "options")

    def post(self, request: HttpRequest) -> HttpResponse:
        """Judge what the browser has shown."""
        waiting, answer = pending(request), request.POST.get("credential", "")
        if waiting is not None:
            return self._second(request, waiting, answer)
        user = use_passkey(answer)
        if user is None or not usable(user):
            note_failure(request, user)
            return _ask_first(request, _("The passkey was not accepted. Log in with your password."))
        enter(request, user, PASSKEY)
        onward = request.POST.get("next", "")
        safe = url_has_allowed_host_and_scheme(onward, {request.get_host()}, request.is_secure())
        return HttpResponseRedirect(onward if safe else "/")

    def _second(self, request: HttpRequest, waiting: Pending, answer: str) -> HttpResponse:
        if is_locked(request, waiting.user):
            return _ask_second(request, waiting)
        if use_passkey(answer, waiting.user) is None:
            count_failure(request, waiting.user)
            return _ask_second(request, waiting, _("The passkey was not accepted."))
        return _let_in(request, waiting, PASSKEY)


def _let_in(request: HttpRequest, waiting: Pending, by: str) -> HttpResponse:
    enter(request, waiting.user, f"{waiting.method}+{by}")
    return HttpResponseRedirect(waiting.onward)


def _ask_second(request: HttpRequest, waiting: Pending, error: str = "") -> HttpResponse:
    context = {"name": waiting.user.username, "factors": factors_of(waiting.user), "error": error}
    return render(request, "portal/second_step.html", context, status=422 if error else 200)


def _ask_first(request: HttpRequest, error: str) -> HttpResponse:
    from apps.tenancy.pages.login import LogInForm

    context = {"form": LogInForm(request), "error": error, "providers": providers()}
    return render(request, "portal/login.html", context, status=422)
