"""To an OpenID provider and back."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.log_in_records import note_failure
from apps.accounts.middleware import actor_for
from apps.accounts.models import User
from apps.lifecycle.errors import NotFound
from apps.portal import toasts
from apps.tenancy.login_steps import begin_briefly, pass_first_step
from apps.tenancy.oidc.protocol import Identity, begin, finish
from apps.tenancy.oidc.providers import Provider, provider_named
from apps.tenancy.oidc.refused import OidcRefused
from apps.tenancy.services.linked import account_of, link_log_in

#: How somebody got in, as sessions and the operation log name it.
ELSEWHERE = "provider"


class OidcStart(View):
    """A link, not a form: the Content-Security-Policy lets forms lead nowhere else. It changes nothing here."""

    http_method_names = ("get", "head", "options")

    def get(self, request: HttpRequest, key: str) -> HttpResponse:
        """Lead to the provider."""
        onward = request.GET.get("next", "")
        safe = url_has_allowed_host_and_scheme(onward, {request.get_host()}, request.is_secure())
        provider = found(key)
        begin_briefly(request)
        url = begin(request, provider, back_url(request, provider), onward=onward if safe else "/")
        return HttpResponseRedirect(url)


class OidcBack(View):
    """Where the provider sends the browser back to. The state in the session stands for a form's token."""

    http_method_names = ("get", "head", "options")

    def get(self, request: HttpRequest, key: str) -> HttpResponse:
        """Log in, or link the login with the account that asked for it."""
        provider = found(key)
        try:
            identity = finish(request, provider, back_url(request, provider))
            if identity.link_to is not None:
                return self._link(request, provider, identity)
            user = account_of(provider, identity)
        except OidcRefused as error:
            note_failure(request, None, error.code)
            raise
        return pass_first_step(
            request, user, ELSEWHERE, identity.onward, trusted=provider.trusted_second_factor
        )

    def _link(self, request: HttpRequest, provider: Provider, identity: Identity) -> HttpResponse:
        user = request.user
        if not isinstance(user, User):
            return HttpResponseRedirect(reverse("portal:login"))
        link_log_in(actor_for(request, user), provider, identity)
        toasts.keep(
            request, toasts.Toast(_("You can now log in with %(provider)s.") % {"provider": provider.label})
        )
        return HttpResponseRedirect(identity.onward)


def found(key: str) -> Provider:
    """Return the provider of a path. Raises NotFound."""
    provider = provider_named(key)
    if provider is None:
        raise NotFound(_("Login not found."))
    return provider


def back_url(request: HttpRequest, provider: Provider) -> str:
    """Return the address to register with the provider."""
    return request.build_absolute_uri(reverse("portal:oidc.back", args=[provider.key]))
