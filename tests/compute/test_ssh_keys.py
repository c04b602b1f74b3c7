"""Public keys: parsed strictly, stored as parsed, and refused with the reason."""

from __future__ import annotations

import base64
import struct

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.compute.models import KeyPair
from apps.compute.ssh_keys import parse_public_key
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid
from tests.compute.test_key_pairs import ECDSA, ED25519, SECURITY_KEY

BLOB = ED25519.split()[1]


def _string(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def _security_key(application: bytes = b"ssh:", curve: bytes = b"nistp256", behind: bytes = b"") -> str:
    name = b"sk-ecdsa-sha2-nistp256@openssh.com"
    point = base64.b64decode(ECDSA.split()[1])[-65:]
    blob = _string(name) + _string(curve) + _string(point) + _string(application) + behind
    return f"{name.decode()} {base64.b64encode(blob).decode()}"


def _compressed_point(name: bytes = b"ecdsa-sha2-nistp256") -> str:
    blob = _string(name) + _string(b"nistp256") + _string(b"\2" + b"\1" * 32) + _string(b"ssh:")
    return f"{name.decode()} {base64.b64encode(blob).decode()}"


def _rsa(bits: int) -> str:
    number = (1 << bits - 1 | 1).to_bytes(bits // 8 + 1, "big")
    blob = _string(b"ssh-rsa") + _string(b"\1\0\1") + _string(number)
    return f"ssh-rsa {base64.b64encode(blob).decode()}"


CERTIFICATE = "ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIA== u"


@pytest.mark.django_db
@pytest.mark.parametrize("key", [SECURITY_KEY, _security_key()], ids=["ed25519", "ecdsa"])
def test_keys_kept_in_hardware_are_accepted(client: Client, alice: User, key: str) -> None:
    client.force_login(alice)
    answer = client.post(
        "/api/v1/key-pairs", {"name": "k", "public_key": f"{key} me@desk"}, content_type="application/json"
    )
    assert answer.status_code == 201, answer.content
    row = KeyPair.objects.get()
    assert (row.public_key, row.algorithm) == (f"{key} me@desk", key.split(maxsplit=1)[0])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"\ufeff{ED25519}", "byte order mark"),
        (ED25519[:40] + "\u200b" + ED25519[40:], "invisible character (U+200B)"),
        (SECURITY_KEY[:60] + "\u200b" + SECURITY_KEY[60:], "invisible character (U+200B)"),
        ("ssh-ed\u202e25519 " + BLOB, "invisible character (U+202E)"),
        (ED25519[:40] + "*" + ED25519[40:], "base64 text is not valid"),
        (SECURITY_KEY[:60] + "*" + SECURITY_KEY[60:], "base64 text is not valid"),
        (SECURITY_KEY + "==", "base64 text is not valid"),
        (ED25519 + "==", "base64 text is not valid"),
        (ED25519[:-3], "base64 text is not valid"),
        (ED25519[:-4], "damaged"),
        ("ssh-ed25519 " + ECDSA.split()[1], "damaged, or is not of type ssh-ed25519"),
        (_security_key(b"web:"), "damaged"),
        (_security_key(curve=b"nistp384"), "damaged"),
        (_security_key(behind=b"more"), "damaged"),
        (_compressed_point(), "damaged"),
        (_compressed_point(b"sk-ecdsa-sha2-nistp256@openssh.com"), "damaged"),
        (_rsa(2040), "at least 2048 bits"),
        (_rsa(16_392), "at most 16384 bits"),
        (CERTIFICATE, "SSH certificate"),
        (f'from="192.0.2.1" {ED25519}', "Options before the key"),
        (f'command="echo ssh-rsa x",no-pty {ED25519}', "Options before the key"),
        (f"no-pty\t{ED25519}\tme", "Options before the key"),
        ("ssh-dss AAAAB3NzaC1kc3M=", "DSA"),
        (f"ssh-ed448 {BLOB}", "Unknown key type “ssh-ed448”"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "private key"),
        ("-----BEGIN PUBLIC KEY-----\nMCowBQ==\n-----END PUBLIC KEY-----", "PEM"),
        ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----", "SSH2"),
        (f"{ED25519}\u2028{ED25519}", "on one line"),
        ("ssh-ed25519", "on one line"),
    ],
)
def test_a_refusal_names_the_cause(text: str, reason: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_public_key(text)
    assert list(refused.value.fields) == ["public_key"]
    assert reason in refused.value.fields["public_key"][0]


@pytest.mark.parametrize("key", [ED25519, ECDSA, SECURITY_KEY, _security_key()])
def test_what_is_stored_is_what_was_parsed(key: str) -> None:
    kind, blob = key.split()
    assert parse_public_key(f"  {kind}\u00a0{blob}\t a\u200bb c \r\n").text == f"{key} a-b-c"


@pytest.mark.django_db
def test_the_form_says_why_at_its_field(client: Client, alice: User, owner: Actor) -> None:
    client.force_login(alice)
    page = client.post(
        "/key-pairs/create/", {"name": "k", "public_key": ED25519[:40] + "\u200b" + ED25519[40:]}
    )
    assert page.status_code == 422
    assert "invisible character" in page.content.decode()
