"""A provider's description of itself (OpenID Connect Discovery 1.0), checked before it is used or kept."""

from __future__ import annotations

from typing import Any

from apps.tenancy.oidc.providers import Provider, is_safe_url

_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
#: How a client may show its secret; what holds where the provider does not say.
WAYS, _USUAL_WAY = "token_endpoint_auth_methods_supported", "client_secret_basic"


def checked_description(provider: Provider, answer: dict[str, Any]) -> dict[str, Any]:
    """Return what is used of a description. Raises ValueError, KeyError or TypeError for one that cannot hold."""
    described: dict[str, Any] = {"issuer": answer["issuer"], WAYS: answer.get(WAYS, [_USUAL_WAY])}
    if str(answer["issuer"]).rstrip("/") != provider.issuer:
        raise ValueError(f"it calls itself {answer['issuer']}")
    for name in (*_ENDPOINTS, *(("userinfo_endpoint",) if "userinfo_endpoint" in answer else ())):
        described[name] = answer[name]
        if not _is_plain(answer[name]) or not is_safe_url(answer[name]):
            raise ValueError(f"{name} is no https address")
    if not isinstance(described[WAYS], list):
        raise TypeError(f"{WAYS} is no list")
    return described


def _is_plain(url: Any) -> bool:
    """Whether it is an address as it may stand in a header."""
    return isinstance(url, str) and url.isascii() and url.isprintable()
