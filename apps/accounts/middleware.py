"""Who asks, from where: the client's address, a request id for every request, an Actor for every logged-in one."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import SimpleLazyObject

from apps.accounts import acting
from apps.accounts.cidr import read_network
from apps.accounts.first_steps import password_first, second_factor_first
from apps.accounts.models import ApiKey, Tenant, User
from apps.accounts.platform_settings import REQUIRE_ADMIN_TWO_FACTOR
from apps.accounts.recent_proof import is_recent
from apps.accounts.sessions import session_uid
from apps.lifecycle.actor import Actor
from apps.lifecycle.reader import read_by

Handler = Callable[[HttpRequest], HttpResponse]

#: Session key: whether a second factor must be set up before anything else.
MUST_ENROL = "must_enrol"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class ClientAddressMiddleware:
    """Put the client's own address into REMOTE_ADDR when a trusted proxy passed the request on.

    X-Forwarded-For grows to the right, so it is read from the right, past proxies named in SCLOUD_TRUSTED_PROXIES.
    What a client wrote into it stands further left and is never believed. Everything else reads REMOTE_ADDR only.
    A request without an address came through the socket file, which only the reverse proxy beside it can open.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        self.proxies = [read_network(network, strict=True) for network in settings.TRUSTED_PROXIES]

    def __call__(self, request: HttpRequest) -> HttpResponse:
        hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",")]
        address = request.META.get("REMOTE_ADDR", "")
        trusted = not address or self._is_proxy(address)
        while hops and trusted:
            address = hops.pop()
            trusted = self._is_proxy(address)
        if _is_address(address):
            # Without the zone of a link-local address (fe80::1%eth0), which PostgreSQL keeps in no column.
            request.META["REMOTE_ADDR"] = address.partition("%")[0]
        return self.get_response(request)

    def _is_proxy(self, address: str) -> bool:
        return _is_address(address) and any(ip_address(address) in network for network in self.proxies)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


class RequestIdMiddleware:
    """Give every request an id, the caller's own (`X-Request-Id`) if it is well-formed, and answer with it."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        request.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex  # type: ignore[attr-defined]
        response = self.get_response(request)
        response["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        return response


class ActorMiddleware:
    """Set `request.actor` from the session's user, lazily; causes are rendered for the request's actor."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = SimpleLazyObject(lambda: _session_actor(request))  # type: ignore[attr-defined]
        # By the request: an API key's user takes the place of the session's only later.
        with read_by(lambda: request.actor):  # type: ignore[attr-defined]
            return self.get_response(request)


class OwnPasswordFirstMiddleware:
    """Let whoever logged in with a generated password do nothing but choose an own one.

    API keys are refused by their authentication (apps/api/authentication.py).
    """

    FREE = frozenset({"account.security", "logout", "login", "language", "account-password"})

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: object, args: object, kwargs: object
    ) -> HttpResponse | None:
        """Lead pages to the account, refuse the API."""
        match, user = request.resolver_match, request.user
        if match is None or not isinstance(user, User) or not user.must_change_password:
            return None
        if match.url_name in self.FREE or _only_says_who(request):
            return None
        if match.namespace == "api":
            raise password_first()
        return redirect("admin:account.security" if user.is_platform_admin else "portal:account.security")


class SecondFactorFirstMiddleware:
    """Let an administrator who needs a second factor and has none do nothing but set one up."""

    FREE = frozenset(
        {
            "account.security",
            "account.app",
            "account.passkey",
            "account.passkey_options",
            "account.confirm",
            "account.confirm_passkey",
            "account.confirm_options",
            "logout",
            "login",
            "language",
        }
    )

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: object, args: object, kwargs: object
    ) -> HttpResponse | None:
        """Lead pages to the account's security, refuse the API."""
        match = request.resolver_match
        if match is None or match.url_name in self.FREE or not request.session.get(MUST_ENROL):
            return None
        if _only_says_who(request):
            return None
        if not isinstance(request.user, User) or not REQUIRE_ADMIN_TWO_FACTOR.value():
            return None
        if match.namespace == "api":
            raise second_factor_first()
        return redirect("admin:account.security")


def _only_says_who(request: HttpRequest) -> bool:
    """Whether it is GET /api/v1/me: who must do something else first may ask who they are, and change nothing of it."""
    match = request.resolver_match
    return match is not None and match.view_name == "api:me" and request.method in {"GET", "HEAD"}


def _session_actor(request: HttpRequest) -> Actor:
    user = request.user
    if not isinstance(user, User):
        return Actor(user=None, via="anonymous")
    return actor_for(request, user)


def actor_for(request: HttpRequest, user: User, api_key: ApiKey | None = None) -> Actor:
    """Return the actor a request of `user` is: of the user's tenant, or of the one an admin acts as."""
    tenant = user.tenant
    if user.is_platform_admin and api_key is None:
        acted_as = acting.acting_tenant_id(request.session)
        tenant = Tenant.objects.filter(pk=acted_as).first() if acted_as is not None else None
    session_key = None if api_key else request.session.session_key
    return Actor(
        user=user,
        tenant=tenant,
        ip=request.META.get("REMOTE_ADDR"),
        request_id=getattr(request, "request_id", ""),
        via="api" if api_key else "portal",
        api_key=api_key,
        session=session_uid(session_key) if session_key else None,
        recent=api_key is None and is_recent(request),
    )
