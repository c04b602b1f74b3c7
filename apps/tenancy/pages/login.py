"""Logging in and out."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth import authenticate
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from apps.accounts.acting_middleware import end_acting
from apps.accounts.acting_records import LOGGED_OUT
from apps.accounts.log_in_records import note_failure
from apps.accounts.middleware import actor_for
from apps.accounts.models import User
from apps.accounts.sessions import session_uid
from apps.accounts.throttle.checks import account_key, check_secret, source_of
from apps.accounts.verbs import LOG_OUT
from apps.audit.record import record
from apps.lifecycle import push
from apps.tenancy.addresses import ascii_lower
from apps.tenancy.login_steps import pass_first_step
from apps.tenancy.oidc.providers import providers
from apps.tenancy.services.accounts import MAX_NAME

#: How somebody got in, as sessions and the operation log name it.
PASSWORD = "password"  # noqa: S105  # a word, not a secret
#: Longest password that is judged: more is no password, only work.
MAX_PASSWORD = 1024


class LogInForm(AuthenticationForm):
    """The same answer for a wrong name, a wrong password, an inactive account and a disabled tenant."""

    # Django's own field turns what looks alike into the same: here a name is that name or none.
    username = forms.CharField(max_length=MAX_NAME)
    password = forms.CharField(max_length=MAX_PASSWORD, strip=False)

    def clean_username(self) -> str:
        """Login names are kept in small letters."""
        return ascii_lower(str(self.cleaned_data["username"]))

    def clean(self) -> dict[str, Any]:
        """Judge name and password. Raises Throttled after too many failures, whether or not there is such a name."""
        name, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if not name or not password:
            return self.cleaned_data
        assert self.request is not None
        self.user_cache = check_secret(
            source_of(self.request),
            account_key(name),
            lambda: authenticate(self.request, username=name, password=password),
            costly=True,
        )
        if self.user_cache is None:
            user = User.objects.select_related("tenant").filter(username=name).first()
            note_failure(self.request, user)
            raise self.get_invalid_login_error()
        return self.cleaned_data

    def get_invalid_login_error(self) -> ValidationError:
        """What all failures say."""
        return ValidationError(_("Incorrect username or password."), code="invalid_login")


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
