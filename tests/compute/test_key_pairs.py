"""SSH keys."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from apps.accounts.models import Tenant
from apps.compute.models import KeyPair
from apps.compute.pages.key_pairs import KEY_PAIR
from apps.compute.services.key_pair import create_key_pair, delete_key_pair
from apps.compute.verbs import KEY_PAIR_CREATE
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid, QuotaExceeded
from apps.quotas.metrics import metrics
from apps.quotas.models import Quota

pytestmark = pytest.mark.django_db


def openssh(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return line.decode()


@pytest.mark.requirement("VM-1")
def test_a_made_pair_shows_its_private_key_once_and_keeps_only_the_public_one(owner: Actor) -> None:
    made = create_key_pair(owner, name="laptop")
    private = serialization.load_ssh_private_key(made.private_key.encode(), password=None)
    public = private.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    row = KeyPair.objects.get()
    assert row.public_key.split()[:2] == public.decode().split()
    assert row.fingerprint.startswith("SHA256:")
    assert "PRIVATE" not in str(list(KeyPair.objects.values()))


@pytest.mark.parametrize(
    "key", [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())]
)
def test_a_public_key_is_imported_and_its_comment_made_harmless(
    owner: Actor, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
) -> None:
    row = create_key_pair(owner, name="k", public_key=openssh(key) + ' me@"$(reboot)').key_pair
    assert row.public_key == openssh(key) + " me@-reboot-"


ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKyGg52pdR8mPspLG91S4Fb3v5UKTZiYtJzaV6/NPpQk"
ECDSA = (
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBOL30plVd4rm8eUe6poLRuau1fDMMTtJO1SUwJq9E"
    "WY4CoYrLT55RA5DhYRAuj1rx+KxTJLgjKq0w2PflhDjtQM="
)
SECURITY_KEY = (
    "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIKyGg52pdR8mPspL"
    "G91S4Fb3v5UKTZiYtJzaV6/NPpQkAAAABHNzaDo="
)


@pytest.mark.parametrize(
    ("key", "fingerprint"),
    [
        (ED25519, "SHA256:SZqL6p0d+WXTwuN3VP1ux/fEVo3vMRqJBl+01kJ2dW4"),
        (ECDSA, "SHA256:GhTUZRJ26Zh+3r8rp+8J3rrURtiP3go7a4+wGMJ8HZs"),
        (SECURITY_KEY, "SHA256:48pYV/e4ZgHn87ieo3q1gZst4khzWq+FU7nVoZ5fw5M"),
    ],
    ids=["ed25519", "ecdsa", "security key"],
)
def test_line_and_fingerprint_are_those_of_ssh_keygen(owner: Actor, key: str, fingerprint: str) -> None:
    row = create_key_pair(owner, name="k", public_key=key.replace(" ", "\t ", 1) + "  me").key_pair
    assert (row.public_key, row.fingerprint) == (f"{key} me", fingerprint)


@pytest.mark.parametrize(
    "text",
    [
        "ssh-ed25519",
        "ssh-ed25519 AAAA nonsense",
        "ssh-rsa " + "A" * 20_000,
        "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----",
        openssh(rsa.generate_private_key(65537, 1024)),  # noqa: S505
        openssh(ec.generate_private_key(ec.SECP256R1())) + "\nssh-rsa AAAA",
    ],
)
def test_what_is_no_good_public_key_is_refused(owner: Actor, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        create_key_pair(owner, name="k", public_key=text)
    assert list(refused.value.fields) == ["public_key"]
    assert not KeyPair.objects.exists()


def test_deleting_gives_the_quota_back(owner: Actor, tenant_a: Tenant) -> None:
    Quota.objects.filter(tenant=tenant_a, metric="key_pair").update(limit=1)
    made = create_key_pair(owner, name="one")
    with pytest.raises(QuotaExceeded):
        create_key_pair(owner, name="two")
    delete_key_pair(owner, made.key_pair)
    create_key_pair(owner, name="two")


@pytest.mark.requirement("UX-12")
def test_page_quota_verb_and_model_call_it_an_ssh_key() -> None:
    words = [KEY_PAIR.one, KEY_PAIR.many, metrics()["key_pair"].label, KEY_PAIR_CREATE.label]
    words += [KeyPair._meta.verbose_name, KeyPair._meta.verbose_name_plural]
    assert list(map(str, words)) == ["SSH key", "SSH keys", "SSH keys", "Add SSH key", "SSH key", "SSH keys"]
