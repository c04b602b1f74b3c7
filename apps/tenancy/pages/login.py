"""Logging in and out. Failures of a name from an address lock that pair for a while (django-axes)."""

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

from apps.audit.record import record
from apps.lifecycle import push
from apps.tenancy.entering import note_failure, pass_first_step
from apps.tenancy.middleware import actor_for, end_acting
from apps.tenancy.models import User
from apps.tenancy.oidc.providers import providers
from apps.tenancy.services.acting import LOGGED_OUT
from apps.tenancy.sessions import session_uid
from apps.tenancy.verbs import LOG_OUT

#: How somebody got in, as sessions and the operation log name it.
PASSWORD = "password"  # noqa: S105  # a word, not a secret


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

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the other ways in."""
        return super().get_context_data(**kwargs) | {"providers": providers()}

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Log in, or go on to the second step."""
        user = form.get_user()
        assert isinstance(user, User)
        return pass_first_step(self.request, user, PASSWORD, self.get_success_url())

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        """Keep a line of every try that was judged; what is locked is not judged, and would only fill the log."""
        if getattr(self.request, "axes_failures_since_start", None) is not None:
            name = form.cleaned_data.get("username", "")
            note_failure(self.request, User.objects.select_related("tenant").filter(username=name).first())
        return super().form_invalid(form)


class LogOut(LogoutView):
    """Only by POST: a link in a foreign page must not log anybody out."""

    next_page = "portal:login"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Log out; the browser's other open pages follow."""
        user, key = request.user, request.session.session_key
        if isinstance(user, User):
            end_acting(request, LOGGED_OUT)
            record(
                actor_for(request, user),
                LOG_OUT.name,
                tenant=user.tenant,
                name=user.username,
                target_id=user.uid,
            )
            push.user_logged_out(user.pk, [session_uid(key)] if key else [])
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
