"""SSH keys: imported public keys, or those of pairs generated here, whose private key is shown once."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from django.db import transaction

from apps.accounts.access import allow
from apps.accounts.acts import changes, renames
from apps.accounts.labels import clean_labels
from apps.accounts.references import chosen_project
from apps.compute.models import KeyPair
from apps.compute.ssh_keys import parse_public_key, plain_comment
from apps.compute.verbs import KEY_PAIR_CREATE, KEY_PAIR_DELETE, KEY_PAIR_RENAME
from apps.lifecycle import push
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.models import State
from apps.lifecycle.requests import Change
from apps.quotas.services import release_quota, reserve_quota


@dataclass(frozen=True)
class NewKeyPair:
    """An SSH key just added; `private_key` (OpenSSH format) is "" for an imported one and is not stored."""

    key_pair: KeyPair
    private_key: str


@serves(KEY_PAIR_CREATE)
@transaction.atomic
def create_key_pair(
    actor: Actor, *, name: str, public_key: str = "", project: UUID | None = None, description: str = ""
) -> NewKeyPair:
    """Import `public_key`, or generate an Ed25519 pair when it is empty. Raises Invalid, QuotaExceeded."""
    into = chosen_project(actor, project)
    allowed = allow(actor, KEY_PAIR_CREATE, project=into, tenant_id=into.tenant_id)
    name, description = clean_labels(name, description)
    private = "" if public_key.strip() else _generate()
    key = parse_public_key(public_key if not private else _public_half(private, plain_comment(name)))
    reserve_quota(into.tenant_id, {"key_pair": 1})
    row = KeyPair(
        kind="key_pair",
        name=name,
        description=description,
        tenant_id=into.tenant_id,
        project=into,
        state=State.READY,
        public_key=key.text,
        algorithm=key.algorithm,
        fingerprint=key.fingerprint,
    )
    row.save(force_insert=True)
    allowed.record(row, args={"fingerprint": key.fingerprint})
    push.resource_changed(row, "created")
    return NewKeyPair(row, private)


@changes(KEY_PAIR_DELETE)
def delete_key_pair(change: Change[KeyPair]) -> None:
    """Delete an SSH key. VMs created with it keep the public key."""
    key_pair = change.row
    change.record()
    push.resource_changed(key_pair, "deleted")
    if key_pair.tenant_id is not None:
        release_quota(key_pair.tenant_id, {"key_pair": 1})
    key_pair.delete()


rename_key_pair = renames(KEY_PAIR_RENAME)


def _line(key: serialization.SSHPublicKeyTypes) -> str:
    return key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


def _generate() -> str:
    return (
        ed25519.Ed25519PrivateKey.generate()
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
        .decode()
    )


def _public_half(private: str, comment: str) -> str:
    key = serialization.load_ssh_private_key(private.encode(), password=None)
    return f"{_line(key.public_key())} {comment}"
