"""The authorization code flow with PKCE, state and nonce (OpenID Connect Core 1.0, RFC 7636), by Authlib.

Here are the order of its steps and what is kept between them.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import requests
from authlib.common.errors import AuthlibBaseError
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from joserfc.errors import JoseError

from apps.accounts.models import User
from apps.accounts.throttle.checks import check_secret, source_of
from apps.tenancy import ceremonies
from apps.tenancy.ceremonies import Purpose
from apps.tenancy.oidc.claims import checked_claims
from apps.tenancy.oidc.description import WAYS, checked_description
from apps.tenancy.oidc.providers import Provider
from apps.tenancy.oidc.refused import OidcRefused
from apps.tenancy.oidc.tokens import verified_claims
from apps.tenancy.oidc.transport import BoundedSession, TooBusy, place

log = logging.getLogger(__name__)
T = TypeVar("T")

#: Seconds for which a provider's description of itself is kept.
DESCRIPTION_KEPT = 3600
# From ArithmeticError on: what JSON of any shape, depth and size may make us, Authlib and joserfc raise.
_FAILURES = (
    AuthlibBaseError,
    JoseError,
    requests.RequestException,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True)
class Identity:
    """Who the provider says it is, each claim checked. onward: where to go then. link_to: the account to be linked."""

    subject: str
    email: str
    email_verified: bool
    username: str
    name: str
    onward: str = ""
    link_to: int | None = None


def begin(
    request: HttpRequest, provider: Provider, back: str, *, onward: str, link_to: User | None = None
) -> str:
    """Return where to send the browser; what must come back is kept in the session. Raises OidcRefused."""
    described = _asked(provider, lambda: _description(provider))
    flow = {
        "provider": provider.key,
        "state": secrets.token_urlsafe(32),
        "nonce": secrets.token_urlsafe(32),
        "verifier": secrets.token_urlsafe(48),
        "onward": onward,
    }
    purpose = Purpose.OIDC_LINK if link_to else Purpose.OIDC_LOG_IN
    # One flow at a time: what comes back says which of the two it is by its state only.
    ceremonies.forget(request.session, Purpose.OIDC_LINK, Purpose.OIDC_LOG_IN)
    ceremonies.begin(request.session, purpose, link_to, flow)
    with _session(provider, described, back) as session:
        url, _state = session.create_authorization_url(
            described["authorization_endpoint"],
            state=flow["state"],
            nonce=flow["nonce"],
            code_verifier=flow["verifier"],
        )
    return str(url)


def finish(request: HttpRequest, provider: Provider, back: str) -> Identity:
    """Return who came back from the provider. Raises OidcRefused."""
    flow, link_to = check_secret(source_of(request), None, lambda: _started(request, provider)) or ({}, None)
    if not flow:
        raise OidcRefused(
            _("This login was not started in this browser, or it took too long."),
            code="oidc.state",
            hint=_("Start again on the login page."),
        )
    if "code" not in request.GET:
        log.info("%s answered %s", provider.key, request.GET.get("error", "nothing")[:64])
        raise OidcRefused(
            _("Login with %(provider)s failed.") % {"provider": provider.label},
            code="oidc.denied",
            hint=_("Start again, or log in with your password."),
        )
    claims = _asked(provider, lambda: _claims(provider, flow, back, request.GET["code"]))
    return Identity(**checked_claims(provider, claims), onward=flow["onward"], link_to=link_to)


def _started(request: HttpRequest, provider: Provider) -> tuple[dict[str, Any], int | None] | None:
    """Return the flow that this answer belongs to, and the account that asked to be linked; it is used up by that."""
    user = request.user if isinstance(request.user, User) else None
    session, state = request.session, request.GET.get("state", "")
    link = ceremonies.take(session, Purpose.OIDC_LINK, user) if user else None
    for flow, link_to in ((link, user), (ceremonies.take(session, Purpose.OIDC_LOG_IN, None), None)):
        fits = flow is not None and constant_time_compare(flow["state"], state)
        if flow is not None and fits and flow["provider"] == provider.key:
            return flow, link_to.pk if link_to else None
    return None


def _claims(provider: Provider, flow: dict[str, Any], back: str, code: str) -> dict[str, Any]:
    described = _description(provider)
    with _session(provider, described, back) as session:
        token = session.fetch_token(described["token_endpoint"], code=code, code_verifier=flow["verifier"])
        claims = verified_claims(
            token["id_token"],
            _json_from(session, described["jwks_uri"]),
            issuer=described["issuer"],
            client_id=provider.client_id,
            nonce=flow["nonce"],
            access_token=token.get("access_token"),
        )
        if "email" not in claims and "userinfo_endpoint" in described:
            more = _json_from(session, described["userinfo_endpoint"], withhold_token=False)
            claims = (more if more.get("sub") == claims["sub"] else {}) | claims
    return claims


def _json_from(session: BoundedSession, url: str, *, withhold_token: bool = True) -> dict[str, Any]:
    answer = session.get(url, withhold_token=withhold_token)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def _description(provider: Provider) -> dict[str, Any]:
    key = f"oidc-description:{provider.issuer}"
    described: dict[str, Any] | None = cache.get(key)
    if described is None:
        with BoundedSession() as session:
            found = _json_from(session, f"{provider.issuer}/.well-known/openid-configuration")
        described = checked_description(provider, dict(found))
        cache.set(key, described, DESCRIPTION_KEPT)
    return described


def _session(provider: Provider, described: dict[str, Any], back: str) -> BoundedSession:
    by_post = "client_secret_post" in described[WAYS]
    return BoundedSession(
        client_id=provider.client_id,
        client_secret=provider.client_secret,
        token_endpoint_auth_method="client_secret_post" if by_post else "client_secret_basic",
        scope="openid email profile",
        redirect_uri=back,
        code_challenge_method="S256",
        leeway=0,  # the access token is used at once, however short its life
    )


def _asked(provider: Provider, ask: Callable[[], T]) -> T:
    try:
        with place():
            return ask()
    except TooBusy as error:
        raise OidcRefused(
            _("Too many simultaneous logins with %(provider)s.") % {"provider": provider.label},
            code="oidc.busy",
            hint=_("Retry in a minute, or log in with your password."),
        ) from error
    except _FAILURES as error:
        # What a provider answers can hold a token: its kind must do.
        log.warning("OpenID provider %s failed: %s", provider.key, type(error).__name__)
        raise OidcRefused(
            _("%(provider)s did not respond, or its reply is invalid.") % {"provider": provider.label},
            code="oidc.provider_failed",
            hint=_("Retry later, or log in with your password. The platform’s log has more details."),
        ) from error
