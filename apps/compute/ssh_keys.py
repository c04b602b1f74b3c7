"""Public keys as SSH knows them: parsed strictly, and written again from what was parsed. Pure functions."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import unicodedata
import warnings
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.utils import CryptographyDeprecationWarning
from django.utils.translation import gettext as _

from apps.lifecycle.errors import Invalid

LEAST_RSA_BITS = 2048
#: sshd takes no longer ones (OPENSSL_RSA_MAX_MODULUS_BITS).
MOST_RSA_BITS = 16_384
LONGEST_KEY = 16_384
LONGEST_COMMENT = 100

#: What sshd accepts and a guest can be expected to know; the last two are kept in hardware (FIDO).
TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
DSA = "ssh-dss"
CERTIFICATE = re.compile(r"-cert-v\d+@")
BYTE_ORDER_MARK = "\ufeff"

_UNUSUAL = re.compile(r"[^A-Za-z0-9@._+-]+")
#: A key's type as the second or later word: what stands before it are options of authorized_keys.
_LATER_TYPE = re.compile(rf"\s(?:{'|'.join(map(re.escape, (*TYPES, DSA)))})\s")
_INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp", "Cn", "Co"})


@dataclass(frozen=True)
class PublicKey:
    """One key. `text` is its line: type, base64 and comment; `fingerprint` as `ssh-keygen -l` prints it."""

    text: str
    algorithm: str
    fingerprint: str


def parse_public_key(text: str) -> PublicKey:
    """Return the key of one OpenSSH line. Raises Invalid (field "public_key") with the reason."""
    line = _one_line(text)
    algorithm, encoded, comment = (*line.split(None, 2), "", "")[:3]
    _check_type(line, algorithm)
    _check_characters(encoded)
    blob = _decoded(encoded)
    _check_key(algorithm, encoded)
    fingerprint = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    written = " ".join((algorithm, base64.b64encode(blob).decode(), plain_comment(comment)))
    return PublicKey(written.rstrip(), algorithm, f"SHA256:{fingerprint}")


def plain_comment(text: str) -> str:
    """Return a key's comment with what a file of keys or a shell could take for something else replaced."""
    return _UNUSUAL.sub("-", text)[:LONGEST_COMMENT]


def _one_line(text: str) -> str:
    if text.startswith(BYTE_ORDER_MARK):
        raise _bad(_("The key starts with a byte order mark (U+FEFF). Save the file as UTF-8 without BOM."))
    line = text.strip()
    if "PRIVATE KEY" in line:
        raise _bad(_("This is a private key. Keep it secret. Paste the public key (.pub)."))
    if line.startswith("---"):
        raise _bad(
            _("This is a PEM or SSH2 file. Convert it to one OpenSSH line: ssh-keygen -i -m PKCS8 -f FILE.")
        )
    if len(line) > LONGEST_KEY:
        raise _bad(_("At most %(n)s characters.") % {"n": LONGEST_KEY})
    if len(line.splitlines()) > 1:
        raise _bad(_("One public key on one line, as in a .pub file."))
    return line


def _check_type(line: str, algorithm: str) -> None:
    _check_characters(algorithm)
    if algorithm in TYPES:
        return
    if CERTIFICATE.search(algorithm):
        raise _bad(_("This is an SSH certificate. Paste the public key that the certificate was issued for."))
    if algorithm == DSA:
        raise _bad(_("SSH servers no longer accept DSA keys. Use an Ed25519 key."))
    if _LATER_TYPE.search(line):
        raise _bad(_('Options before the key, such as from="…", are not supported. Paste the key alone.'))
    if not line.count(" ") and not line.count("\t"):
        raise _bad(_("One public key on one line, as in a .pub file."))
    raise _bad(
        _("Unknown key type “%(type)s”. Use one of: %(types)s.")
        % {"type": algorithm[:63], "types": ", ".join(TYPES)}
    )


def _check_characters(word: str) -> None:
    for letter in word:
        if unicodedata.category(letter) in _INVISIBLE:
            raise _bad(
                _("The key contains an invisible character (%(code)s). Copy it again from the .pub file.")
                % {"code": f"U+{ord(letter):04X}"}
            )


def _decoded(encoded: str) -> bytes:
    if not encoded:
        raise _bad(_("One public key on one line, as in a .pub file."))
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        blob = b""
    # One text for one key: the decoder takes bits behind the last byte, and more padding than is due.
    if not blob or base64.b64encode(blob).decode() != encoded:
        raise _bad(_("The key's base64 text is not valid. Copy it again from the .pub file."))
    return blob


def _check_key(algorithm: str, encoded: str) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            key = serialization.load_ssh_public_key(f"{algorithm} {encoded}".encode())
    except (ValueError, TypeError, NotImplementedError, UnsupportedAlgorithm) as error:
        # NotImplementedError: a point of a curve in compressed form, which SSH does not know.
        raise _bad(
            _("The key is damaged, or is not of type %(type)s. Copy it again from the .pub file.")
            % {"type": algorithm}
        ) from error
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < LEAST_RSA_BITS:
        raise _bad(_("RSA keys need at least %(bits)s bits.") % {"bits": LEAST_RSA_BITS})
    if isinstance(key, rsa.RSAPublicKey) and key.key_size > MOST_RSA_BITS:
        raise _bad(_("RSA keys have at most %(bits)s bits.") % {"bits": MOST_RSA_BITS})


def _bad(message: str) -> Invalid:
    return Invalid({"public_key": [message]})
