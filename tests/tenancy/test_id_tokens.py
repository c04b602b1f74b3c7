"""SE-2: which ID tokens hold. Signed here with keys of each kind; no provider is asked."""

from __future__ import annotations

import base64
import hmac
import time
from typing import Any, NamedTuple

import pytest
from authlib.oidc.core.util import create_half_hash
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from apps.tenancy.oidc.tokens import CLOCKS_DIFFER, verified_claims

pytestmark = [pytest.mark.requirement("SE-2"), pytest.mark.requirement("SE-9")]

ISSUER, CLIENT, NONCE, ACCESS = "https://sso.acme.example", "scloud", "n-0S6_WzA2Mj", "an-access-token"
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"})
STRANGER = RSAKey.generate_key(2048, {"kid": "rsa"})


class At(NamedTuple):
    """A time in seconds from when the token is signed."""

    seconds: int


def signed(
    key: Key = RSA,
    algorithm: str = "RS256",
    head: dict[str, Any] | None = None,
    named: bool = True,
    **changed: Any,
) -> str:
    """Return a token; None takes a claim away."""
    now = int(time.time())
    usual = {"iss": ISSUER, "aud": CLIENT, "sub": "al1ce", "nonce": NONCE, "iat": now, "exp": now + 300}
    claims = {
        name: now + value.seconds if isinstance(value, At) else value
        for name, value in {**usual, **changed}.items()
        if value is not None
    }
    registry = JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    registry.max_header_length = 1 << 20
    kid = {"kid": key.kid} if named else {}
    return jwt.encode({"alg": algorithm, **kid, **(head or {})}, claims, key, registry=registry)


def with_secret(secret: bytes) -> str:
    """Return a token signed by HMAC; joserfc itself takes no public key for that."""
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"rsa"}').rstrip(b"=")
    content = head + b"." + signed().split(".")[1].encode()
    signature = base64.urlsafe_b64encode(hmac.digest(secret, content, "sha256")).rstrip(b"=")
    return (content + b"." + signature).decode()


def published(*keys: Key | dict[str, Any]) -> dict[str, Any]:
    return {"keys": [key if isinstance(key, dict) else key.as_dict(private=False) for key in keys]}


def claims_of(token: str, keys: dict[str, Any] | None = None) -> dict[str, Any]:
    return verified_claims(
        token,
        keys or published(RSA, EC, ED),
        issuer=ISSUER,
        client_id=CLIENT,
        nonce=NONCE,
        access_token=ACCESS,
    )


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(RSA, "RS256"), (RSA, "PS512"), (EC, "ES256"), (ED, "EdDSA")],
    ids=["RS256", "PS512", "ES256", "EdDSA"],
)
def test_a_token_of_the_provider_holds(key: Key, algorithm: str) -> None:
    assert claims_of(signed(key, algorithm))["sub"] == "al1ce"


def test_keys_that_cannot_be_used_do_not_spoil_the_others() -> None:
    odd = [{"kty": "AKP", "kid": "new"}, {"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA"}, {"kty": "RSA"}]
    assert claims_of(signed(), published(*odd, RSA))["sub"] == "al1ce"


def test_a_provider_with_one_key_need_not_name_it_one_with_two_must() -> None:
    unnamed = signed(named=False)
    assert claims_of(unnamed, published(RSA))["sub"] == "al1ce"
    with pytest.raises(ValueError, match="no key of the provider"):
        claims_of(unnamed, published(RSA, STRANGER))


def test_a_head_may_bring_what_is_unknown_but_nothing_critical_and_not_without_end() -> None:
    assert claims_of(signed(head={"x-own": "a", "x5t#S256": "b", "y": "z" * 4000}))
    for head in ({"crit": ["x-own"], "x-own": "a"}, {"y": "z" * 100_000}):
        with pytest.raises(JoseError):
            claims_of(signed(head=head))


@pytest.mark.parametrize(
    "token",
    [
        signed(STRANGER),
        signed(OctKey.import_key("a" * 64, {"kid": "rsa"}), "HS256"),
        with_secret(RSA.as_pem(private=False)),
        signed(OctKey.import_key("a" * 64, {"kid": "rsa"}), "none"),
        signed(RSA).rpartition(".")[0] + ".",
    ],
    ids=["another key", "a shared secret", "the public key as a secret", "no signature", "signature cut off"],
)
def test_a_token_that_the_provider_did_not_sign_is_refused(token: str) -> None:
    with pytest.raises((JoseError, ValueError)):
        claims_of(token)


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": ISSUER + "/"},
        {"iss": None},
        {"aud": "another"},
        {"aud": ["another", "third"]},
        {"aud": None},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"azp": "another"},
        {"sub": None},
        {"sub": ""},
        {"nonce": "another"},
        {"nonce": None},
        {"iat": None},
        {"iat": At(2 * CLOCKS_DIFFER + 3600)},
        {"exp": None},
        {"exp": At(-CLOCKS_DIFFER - 5)},
        {"exp": "never"},
        {"nbf": At(CLOCKS_DIFFER + 3600)},
        {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    ],
    ids=str,
)
def test_a_token_for_another_time_place_or_purpose_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(JoseError):
        claims_of(signed(**changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": [CLIENT]},
        {"aud": [CLIENT, "another"], "azp": CLIENT},
        {"exp": At(-CLOCKS_DIFFER + 30)},
        {"iat": At(CLOCKS_DIFFER - 30)},
        {"at_hash": create_half_hash(ACCESS, "RS256").decode()},
    ],
    ids=str,
)
def test_what_the_standard_allows_holds(changed: dict[str, Any]) -> None:
    assert claims_of(signed(**changed))["sub"] == "al1ce"
