"""SSH key pairs: imported public keys, or pairs made here whose private half is shown once."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ed25519, rsa
from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.access import allow
from apps.accounts.acts import changes, renames
from apps.accounts.labels import clean_labels
from apps.accounts.references import chosen_project
from apps.compute.models import KeyPair
from apps.compute.verbs import KEY_PAIR_CREATE, KEY_PAIR_DELETE, KEY_PAIR_RENAME
from apps.lifecycle import push
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.errors import Invalid
from apps.lifecycle.models import State
from apps.lifecycle.requests import Change
from apps.quotas.services import release_quota, reserve_quota

LEAST_RSA_BITS = 2048
LONGEST_KEY = 16_384
#: How the types of keys begin that are kept in hardware (FIDO).
SECURITY_KEY = "sk-"
_COMMENT = re.compile(r"[^A-Za-z0-9@._+-]+")


@dataclass(frozen=True)
class NewKeyPair:
    """A key pair just made; `private_key` (OpenSSH format) is "" for an imported one and cannot be had again."""

    key_pair: KeyPair
    private_key: str


@dataclass(frozen=True)
class _PublicKey:
    text: str
    algorithm: str
    fingerprint: str


@serves(KEY_PAIR_CREATE)
@transaction.atomic
def create_key_pair(
    actor: Actor, *, name: str, public_key: str = "", project: UUID | None = None, remark: str = ""
) -> NewKeyPair:
    """Import `public_key`, or make an Ed25519 pair when it is empty. Raises Invalid, QuotaExceeded."""
    into = chosen_project(actor, project)
    allowed = allow(actor, KEY_PAIR_CREATE, project=into, tenant_id=into.tenant_id)
    name, remark = clean_labels(name, remark)
    private = "" if public_key.strip() else _generate()
    key = parse_public_key(public_key if not private else _public_half(private, _COMMENT.sub("-", name)))
    reserve_quota(into.tenant_id, {"key_pair": 1})
    row = KeyPair(
        kind="key_pair",
        name=name,
        remark=remark,
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
    """Delete a key pair. VMs made with it keep the public key."""
    key_pair = change.row
    change.record()
    push.resource_changed(key_pair, "deleted")
    if key_pair.tenant_id is not None:
        release_quota(key_pair.tenant_id, {"key_pair": 1})
    key_pair.delete()


rename_key_pair = renames(KEY_PAIR_RENAME)


def parse_public_key(text: str) -> _PublicKey:
    """Check a public key in OpenSSH's one-line format and return it in normal form. Raises Invalid."""
    text = text.strip()
    if "PRIVATE KEY" in text:
        raise _bad(_("This is a private key. Keep it to yourself; paste the public one (.pub)."))
    if len(text) > LONGEST_KEY or "\n" in text or "\r" in text:
        raise _bad(_("One public key on one line, as in a .pub file."))
    parts = text.split(None, 2)
    if len(parts) < 2:
        raise _bad(_("One public key on one line, as in a .pub file."))
    try:
        key = serialization.load_ssh_public_key(" ".join(parts[:2]).encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _bad(_("This is no public key that SSH could use.")) from error
    if isinstance(key, dsa.DSAPublicKey):
        raise _bad(_("DSA keys are not accepted by SSH servers any more."))
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < LEAST_RSA_BITS:
        raise _bad(_("An RSA key needs at least %(bits)s bits.") % {"bits": LEAST_RSA_BITS})
    if parts[0].startswith(SECURITY_KEY):
        # cryptography reads the key inside and drops the application it is for, which both the line and its hash hold.
        line, digest = " ".join(parts[:2]), hashlib.sha256(base64.b64decode(parts[1])).digest()
    else:
        line, digest = _line(key), serialization.ssh_key_fingerprint(key, hashes.SHA256())
    comment = _COMMENT.sub("-", parts[2])[:100] if len(parts) > 2 else ""
    fingerprint = "SHA256:" + base64.b64encode(digest).decode().rstrip("=")
    return _PublicKey(f"{line} {comment}".rstrip(), parts[0], fingerprint)


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


def _bad(message: str) -> Invalid:
    return Invalid({"public_key": [message]})
