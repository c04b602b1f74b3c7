"""An authenticator in software: makes passkeys and shows them, with or without user verification."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData

ORIGIN = "https://testserver"
USER_PRESENT, USER_VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class Passkey:
    """One key pair. `handle` is the user it was made for; `count` is the signature counter it says next."""

    handle: bytes = b""
    rp_id: str = "testserver"
    count: int = 1
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: os.urandom(32))

    def make(self, options: dict[str, Any], *, verified: bool = True) -> str:
        """Answer registration options (`navigator.credentials.create`)."""
        options = options.get("publicKey", options)
        self.handle = websafe_decode(options["user"]["id"])
        public = AttestedCredentialData.create(
            b"\0" * 16, self.credential_id, ES256.from_cryptography_key(self.key.public_key())
        )
        flags = USER_PRESENT | ATTESTED | (USER_VERIFIED if verified else 0)
        data = AuthenticatorData.create(self._rp_hash(), flags, 0, public)
        response = {
            "clientDataJSON": websafe_encode(_client_data("webauthn.create", options["challenge"])),
            "attestationObject": websafe_encode(AttestationObject.create("none", data, {})),
        }
        return self._answer(response)

    def show(self, options: dict[str, Any], *, verified: bool = True) -> str:
        """Answer authentication options (`navigator.credentials.get`)."""
        options = options.get("publicKey", options)
        client = _client_data("webauthn.get", options["challenge"])
        flags = USER_PRESENT | (USER_VERIFIED if verified else 0)
        data = AuthenticatorData.create(self._rp_hash(), flags, self.count)
        self.count += 1
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": websafe_encode(client),
            "authenticatorData": websafe_encode(data),
            "signature": websafe_encode(signature),
            "userHandle": websafe_encode(self.handle),
        }
        return self._answer(response)

    def _rp_hash(self) -> bytes:
        return hashlib.sha256(self.rp_id.encode()).digest()

    def _answer(self, response: dict[str, str]) -> str:
        own_id = websafe_encode(self.credential_id)
        return json.dumps(
            {
                "id": own_id,
                "rawId": own_id,
                "type": "public-key",
                "response": response,
                "clientExtensionResults": {},
                "authenticatorAttachment": "cross-platform",
            }
        )


def _client_data(kind: str, challenge: str) -> bytes:
    given = {"type": kind, "challenge": challenge, "origin": ORIGIN, "crossOrigin": False}
    return json.dumps(given).encode()
