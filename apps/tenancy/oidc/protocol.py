"""The authorization code flow with PKCE, state and nonce (OpenID Connect Core 1.0, RFC 7636)."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import jwt
import requests
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.providers.oauth2.client import OAuth2Client, OAuth2Error
from allauth.socialaccount.providers.oauth2.utils import generate_code_challenge
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from apps.tenancy import ceremonies
from apps.tenancy.ceremonies import Purpose
from apps.tenancy.models import User
from apps.tenancy.oidc.claims import checked_claims
from apps.tenancy.oidc.providers import Provider, is_safe_url
from apps.tenancy.oidc.refused import OidcRefused
from apps.tenancy.oidc.transport import TooBusy, place
from apps.tenancy.throttle.checks import check_secret, source_of

log = logging.getLogger(__name__)
T = TypeVar("T")

#: Seconds for which a provider's description of itself is kept.
DESCRIPTION_KEPT = 3600
#: Seconds by which the provider's clock may differ from ours.
CLOCKS_DIFFER = 60
#: Signatures that need the provider's private key; never a shared secret, never none.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
#: How a client may show its secret; what holds where the provider does not say.
_WAYS, _USUAL_WAY = "token_endpoint_auth_methods_supported", "client_secret_basic"
# The last four: what JSON of any shape and depth may make us, allauth and PyJWT raise.
_FAILURES = (
    OAuth2Error,
    requests.RequestException,
    jwt.PyJWTError,
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
    challenge = generate_code_challenge()
    flow = {
        "provider": provider.key,
        "state": secrets.token_urlsafe(32),
        "nonce": secrets.token_urlsafe(32),
        "verifier": challenge.pop("code_verifier"),
        "onward": onward,
    }
    purpose = Purpose.OIDC_LINK if link_to else Purpose.OIDC_LOG_IN
    # One flow at a time: what comes back says which of the two it is by its state only.
    ceremonies.forget(request.session, Purpose.OIDC_LINK, Purpose.OIDC_LOG_IN)
    ceremonies.begin(request.session, purpose, link_to, flow)
    sent = {**challenge, "state": flow["state"], "nonce": flow["nonce"]}
    client = _client(request, provider, described, back)
    return str(
        client.get_redirect_url(described["authorization_endpoint"], ["openid", "email", "profile"], sent)
    )


def finish(request: HttpRequest, provider: Provider, back: str) -> Identity:
    """Return who came back from the provider. Raises OidcRefused."""
    flow, link_to = check_secret(source_of(request), None, lambda: _begun(request, provider)) or ({}, None)
    if not flow:
        raise OidcRefused(
            _("This log-in was not started in this browser, or it took too long."),
            code="oidc.state",
            hint=_("Start again at the log-in page."),
        )
    if "code" not in request.GET:
        log.info("%s answered %s", provider.key, request.GET.get("error", "nothing")[:64])
        raise OidcRefused(
            _("%(provider)s did not log you in.") % {"provider": provider.label},
            code="oidc.denied",
            hint=_("Start again, or log in with your password."),
        )
    claims = _asked(provider, lambda: _claims(request, provider, flow, back))
    return Identity(**checked_claims(provider, claims), onward=flow["onward"], link_to=link_to)


def _begun(request: HttpRequest, provider: Provider) -> tuple[dict[str, Any], int | None] | None:
    """Return the flow that this answer belongs to, and the account that asked to be linked; it is used up by that."""
    user = request.user if isinstance(request.user, User) else None
    session, state = request.session, request.GET.get("state", "")
    link = ceremonies.take(session, Purpose.OIDC_LINK, user) if user else None
    for flow, link_to in ((link, user), (ceremonies.take(session, Purpose.OIDC_LOG_IN, None), None)):
        fits = flow is not None and constant_time_compare(flow["state"], state)
        if flow is not None and fits and flow["provider"] == provider.key:
            return flow, link_to.pk if link_to else None
    return None


def _claims(request: HttpRequest, provider: Provider, flow: dict[str, Any], back: str) -> dict[str, Any]:
    described = _description(provider)
    client = _client(request, provider, described, back)
    token = client.get_access_token(request.GET["code"], pkce_code_verifier=flow["verifier"])
    claims = _verified(token["id_token"], provider, described)
    if not constant_time_compare(str(claims.get("nonce", "")), flow["nonce"]):
        raise ValueError("the nonce is not ours")
    if not claims["sub"] or claims.get("azp", provider.client_id) != provider.client_id:
        raise ValueError("the token is meant for somebody else")
    if "email" not in claims and "userinfo_endpoint" in described:
        claims = _userinfo(described["userinfo_endpoint"], token["access_token"], claims["sub"]) | claims
    return claims


def _verified(id_token: str, provider: Provider, described: dict[str, Any]) -> dict[str, Any]:
    with get_adapter().get_requests_session() as session:
        answer = session.get(described["jwks_uri"])
        answer.raise_for_status()
    keys = jwt.PyJWKSet.from_dict(answer.json()).keys
    named = jwt.get_unverified_header(id_token).get("kid")
    # A provider with one key need not name it (OpenID Connect Core 1.0, 10.1).
    fitting = [key for key in keys if key.key_id == named] if named else keys
    if len(fitting) != 1:
        raise ValueError("signed with no key of the provider")
    claims: dict[str, Any] = jwt.decode(
        id_token,
        fitting[0].key,
        algorithms=list(ALGORITHMS),
        audience=provider.client_id,
        issuer=described["issuer"],
        leeway=CLOCKS_DIFFER,
        options={"require": ["exp", "iat", "iss", "aud", "sub", "nonce"]},
    )
    return claims


def _userinfo(url: str, access_token: str, subject: str) -> dict[str, Any]:
    with get_adapter().get_requests_session() as session:
        answer = session.get(url, headers={"Authorization": f"Bearer {access_token}"})
        answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found if found.get("sub") == subject else {}


def _description(provider: Provider) -> dict[str, Any]:
    key = f"oidc-description:{provider.issuer}"
    described: dict[str, Any] | None = cache.get(key)
    if described is None:
        with get_adapter().get_requests_session() as session:
            answer = session.get(f"{provider.issuer}/.well-known/openid-configuration")
            answer.raise_for_status()
        described = _checked_description(provider, dict(answer.json()))
        cache.set(key, described, DESCRIPTION_KEPT)
    return described


def _checked_description(provider: Provider, told: dict[str, Any]) -> dict[str, Any]:
    """Return what is used of a description. Raises ValueError, KeyError or TypeError for one that cannot hold."""
    described: dict[str, Any] = {"issuer": told["issuer"], _WAYS: told.get(_WAYS, [_USUAL_WAY])}
    if str(told["issuer"]).rstrip("/") != provider.issuer:
        raise ValueError(f"it calls itself {told['issuer']}")
    for name in (*_ENDPOINTS, *(("userinfo_endpoint",) if "userinfo_endpoint" in told else ())):
        described[name] = told[name]
        if not _is_plain(told[name]) or not is_safe_url(told[name]):
            raise ValueError(f"{name} is no https address")
    if not isinstance(described[_WAYS], list):
        raise TypeError(f"{_WAYS} is no list")
    return described


def _is_plain(url: Any) -> bool:
    """Whether it is an address as it may stand in a header."""
    return isinstance(url, str) and url.isascii() and url.isprintable()


def _client(request: HttpRequest, provider: Provider, described: dict[str, Any], back: str) -> OAuth2Client:
    return OAuth2Client(
        request,
        provider.client_id,
        provider.client_secret,
        "POST",
        described["token_endpoint"],
        back,
        basic_auth="client_secret_post" not in described[_WAYS],
    )


def _asked(provider: Provider, ask: Callable[[], T]) -> T:
    try:
        with place():
            return ask()
    except TooBusy as error:
        raise OidcRefused(
            _("Too many log-ins at %(provider)s at the same time.") % {"provider": provider.label},
            code="oidc.busy",
            hint=_("Try again in a minute, or log in with your password."),
        ) from error
    except _FAILURES as error:
        # What a provider answers can hold a token: its kind must do.
        log.warning("OpenID provider %s failed: %s", provider.key, type(error).__name__)
        raise OidcRefused(
            _("%(provider)s could not be asked, or its answer does not hold.") % {"provider": provider.label},
            code="oidc.provider_failed",
            hint=_("Try again in a while, or log in with your password. The platform’s log says more."),
        ) from error
