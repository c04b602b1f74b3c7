"""Who asks, from where: the client's address, a request id for every request, an Actor for every logged-in one."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from ipaddress import ip_address, ip_network

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import SimpleLazyObject

from apps.lifecycle.actor import Actor
from apps.tenancy.models import ApiKey, Tenant, User
from apps.tenancy.recent import is_recent
from apps.tenancy.sessions import session_uid

Handler = Callable[[HttpRequest], HttpResponse]

#: Session key of the tenant an admin acts as.
ACTING_AS = "acting_as_tenant"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class ClientAddressMiddleware:
    """Put the client's own address into REMOTE_ADDR when a trusted proxy passed the request on.

    X-Forwarded-For grows to the right, so it is read from the right, past proxies named in SCLOUD_TRUSTED_PROXIES.
    What a client wrote into it stands further left and is never believed. Everything else reads REMOTE_ADDR only.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        self.proxies = [ip_network(network) for network in settings.TRUSTED_PROXIES]

    def __call__(self, request: HttpRequest) -> HttpResponse:
        hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",")]
        address = request.META.get("REMOTE_ADDR", "")
        while hops and self._is_proxy(address):
            address = hops.pop()
        if _is_address(address):
            request.META["REMOTE_ADDR"] = address
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
    """Set `request.actor` from the session's user, lazily."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = SimpleLazyObject(lambda: _session_actor(request))  # type: ignore[attr-defined]
        return self.get_response(request)


class OwnPasswordFirstMiddleware:
    """Let whoever logged in with a generated password do nothing but choose an own one. API keys are not held up."""

    FREE = frozenset({"account", "logout", "login", "account-password", "me"})

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
        if match.url_name in self.FREE:
            return None
        if match.namespace == "api":
            raise PermissionDenied
        return redirect("admin:account" if user.is_platform_admin else "portal:account")


def _session_actor(request: HttpRequest) -> Actor:
    user = request.user
    if not isinstance(user, User):
        return Actor(user=None, via="anonymous")
    return actor_for(request, user)


def actor_for(request: HttpRequest, user: User, api_key: ApiKey | None = None) -> Actor:
    """Return the actor a request of `user` is: of the user's tenant, or of the one an admin acts as."""
    tenant = user.tenant
    if user.is_platform_admin and api_key is None and ACTING_AS in request.session:
        tenant = Tenant.objects.filter(pk=request.session[ACTING_AS]).first()
    session_key = None if api_key else request.session.session_key
    return Actor(
        user=user,
        tenant=tenant,
        ip=request.META.get("REMOTE_ADDR"),
        request_id=getattr(request, "request_id", ""),
        via="api" if api_key else "portal",
        api_key=api_key,
        session=session_uid(session_key) if session_key else None,
        recent=api_key is not None or is_recent(request),
    )
