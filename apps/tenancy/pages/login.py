"""Logging in and out. Five failures of a name from an address lock that pair for a quarter of an hour (django-axes)."""

from __future__ import annotations

from typing import Any

from axes.helpers import get_client_username, get_cool_off
from axes.models import AccessAttempt
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.core.exceptions import ValidationError
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from apps.audit.models import DONE
from apps.audit.record import record
from apps.lifecycle.actor import Actor
from apps.lifecycle.verbs import Verb
from apps.tenancy.middleware import actor_for
from apps.tenancy.models import User
from apps.tenancy.verbs import LOG_IN, LOG_IN_FAILED, LOG_OUT

FAILED = "login.failed"


class LogInForm(AuthenticationForm):
    """The same answer for a wrong name, a wrong password, an inactive account and a disabled tenant."""

    def clean_username(self) -> str:
        """Log-in names are kept in small letters."""
        return str(self.cleaned_data["username"]).lower()

    def get_invalid_login_error(self) -> ValidationError:
        """What all failures say."""
        return ValidationError(_("User name or password is wrong."), code="invalid_login")


class LogIn(LoginView):
    """Django's view: it checks `next` against the own host, gives a new session key and a new CSRF token."""

    template_name = "portal/login.html"
    authentication_form = LogInForm
    redirect_authenticated_user = True
    http_method_names = ("get", "head", "post", "options")  # Django's takes PUT too

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Log in."""
        response = super().form_valid(form)
        user = form.get_user()
        assert isinstance(user, User)
        _record(actor_for(self.request, user), LOG_IN, user)
        return response

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        """Keep a line of every try that was judged; what is locked is not judged, and would only fill the log."""
        if getattr(self.request, "axes_failures_since_start", None) is not None:
            name = form.cleaned_data.get("username", "")
            user = User.objects.select_related("tenant").filter(username=name).first()
            _record(_nobody(self.request), LOG_IN_FAILED, user, outcome=FAILED)
        return super().form_invalid(form)


class LogOut(LogoutView):
    """Only by POST: a link in a foreign page must not log anybody out."""

    next_page = "portal:login"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Log out."""
        if isinstance(request.user, User):
            _record(actor_for(request, request.user), LOG_OUT, request.user)
        return super().post(request, *args, **kwargs)


def locked_out(
    request: HttpRequest, response: HttpResponse, credentials: dict[str, Any] | None
) -> HttpResponse:
    """Answer a locked try: until when. The same for names that exist and names that do not."""
    tries = AccessAttempt.objects.filter(
        username=get_client_username(request, credentials), ip_address=request.META.get("REMOTE_ADDR")
    )
    last, wait = tries.aggregate(last=Max("attempt_time"))["last"], get_cool_off(request)
    until = last + wait if last and wait else None
    return render(request, "portal/locked_out.html", {"until": until}, status=429)


def _nobody(request: HttpRequest) -> Actor:
    return Actor(user=None, ip=request.META.get("REMOTE_ADDR"), request_id=getattr(request, "request_id", ""))


def _record(actor: Actor, verb: Verb, user: User | None, outcome: str = DONE) -> None:
    if user is None:
        # A name that does not exist is not kept: people type their password into the wrong field.
        record(actor, verb.name, outcome=outcome)
        return
    record(actor, verb.name, tenant=user.tenant, name=user.username, target_id=user.uid, outcome=outcome)
