"""ID tokens: signed by the provider, for this client, for this login (OpenID Connect Core 1.0, 3.1.3.7)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key
from joserfc.jws import JWSRegistry

#: Seconds by which the provider's clock may differ from ours.
CLOCKS_DIFFER = 60
#: Signatures that need the provider's private key; never a shared secret, never none.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
#: Bytes of a token's head, which may bring its certificates along.
HEAD_BYTES = 16 * 1024


def verified_claims(
    id_token: str,
    key_set: dict[str, Any],
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    access_token: str | None,
) -> dict[str, Any]:
    """Return the claims of a token that holds. Raises JoseError, ValueError; for odd JSON LookupError, TypeError."""
    keys = _keys(key_set)
    token = jwt.decode(
        id_token, lambda signed: _key_named(signed.headers().get("kid"), keys), registry=_registry()
    )
    claims = CodeIDToken(
        token.claims,
        token.header,
        {
            "iss": {"essential": True, "value": issuer},
            "aud": {"essential": True, "value": client_id},
            "sub": {"essential": True},
            "nonce": {"essential": True, "value": nonce},
        },
        {"client_id": client_id, "nonce": nonce, "access_token": access_token},
    )
    claims.validate(leeway=CLOCKS_DIFFER)
    return dict(claims)


def _registry() -> JWSRegistry:
    # Head parameters that are unknown are to be ignored (RFC 7515, 4), all but critical ones.
    registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
    registry.max_header_length = HEAD_BYTES
    return registry


def _keys(key_set: dict[str, Any]) -> list[Key]:
    """Return the keys that can be used: providers publish others beside them."""
    keys = []
    for each in key_set["keys"]:
        with suppress(JoseError, LookupError, ValueError):  # of a curve there is none of: KeyError
            keys.append(JWKRegistry.import_key(each))
    return keys


def _key_named(name: str | None, keys: Sequence[Key]) -> Key:
    # A provider with one key need not name it (OpenID Connect Core 1.0, 10.1).
    fitting = [key for key in keys if key.kid == name] if name else keys
    if len(fitting) != 1:
        raise ValueError("signed with no key of the provider")
    return fitting[0]
