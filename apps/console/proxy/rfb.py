"""The opening of the RFB protocol (RFC 6143, 7.1 to 7.3, and the VeNCrypt extension), spoken towards both sides.

The proxy logs in to the VM's VNC server itself, so that server's password never leaves the platform. A browser, which
has shown its ticket already, needs no password, and a native client is requested its ticket's.
"""

from __future__ import annotations

import hmac
import secrets
import struct
from collections.abc import Callable
from typing import Protocol

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

VERSION = b"RFB 003.008\n"
#: The oldest version whose security handshake is the one below (macOS says 003.889).
OLDEST = (3, 7)
NONE, VNC_AUTHENTICATION, VENCRYPT = 1, 2, 19
VENCRYPT_VERSION = b"\x00\x02"
#: VeNCrypt's subtype: TLS with certificates, then VNC's own authentication inside.
X509_VNC = 261
CHALLENGE_BYTES = 16
MAX_REASON_BYTES = 4096


class RfbError(Exception):
    """The other side does not speak the protocol, or not a version of it that is spoken here."""


class WrongPassword(RfbError):
    """The VNC server did not accept the password."""


class Stream(Protocol):
    """A connection during the handshake. Both raise OSError (TimeoutError, too) or EOFError."""

    def read(self, count: int) -> bytes:
        """Return exactly `count` bytes."""

    def write(self, data: bytes) -> None:
        """Send all of `data`."""


def log_in(server: Stream, password: str, start_tls: Callable[[], None] | None = None) -> None:
    """Open the protocol as a client and authenticate; WrongPassword when refused, RfbError when it makes no sense.

    With `start_tls`, which makes TLS of the connection, the password is sent inside TLS or not at all.
    """
    _parse_version(server.read(len(VERSION)))
    server.write(VERSION)
    offered = server.read(server.read(1)[0])
    if not offered:
        raise RfbError(_reason(server))
    if start_tls is not None:
        _start_vencrypt(server, offered)
        start_tls()
    elif VNC_AUTHENTICATION in offered:
        server.write(bytes([VNC_AUTHENTICATION]))
    else:
        raise RfbError("the VNC server does not require a password")
    server.write(des_response(password, server.read(CHALLENGE_BYTES)))
    if _u32(server):
        raise WrongPassword(_reason(server))


def admit(client: Stream) -> None:
    """Open the protocol as a server that asks for no password."""
    _greet(client, NONE)
    succeed(client)


def challenge(client: Stream, password: str) -> bool:
    """Open the protocol as a server that asks for `password`; return whether the client knows it.

    The answer is still owed: `succeed` or `fail`.
    """
    _greet(client, VNC_AUTHENTICATION)
    question = secrets.token_bytes(CHALLENGE_BYTES)
    client.write(question)
    return hmac.compare_digest(client.read(CHALLENGE_BYTES), des_response(password, question))


def succeed(client: Stream) -> None:
    """Tell the client that it is in."""
    client.write(struct.pack(">I", 0))


def fail(client: Stream, reason: str) -> None:
    """Tell the client that it is not let in, and why."""
    text = reason.encode()
    client.write(struct.pack(">II", 1, len(text)) + text)


def join(client: Stream, server: Stream) -> None:
    """Pass the client's ClientInit on, always as "shared": a second viewer must not throw out the first."""
    client.read(1)
    server.write(b"\x01")


def des_response(password: str, question: bytes) -> bytes:
    """Encrypt a challenge as VNC does: DES, the password's first 8 bytes as key, the bits of each byte mirrored."""
    key = bytes(int(f"{byte:08b}"[::-1], 2) for byte in password.encode("latin-1")[:8].ljust(8, b"\0"))
    # Three times the same key makes triple DES single DES, which the library does not offer by itself.
    encryptor = Cipher(TripleDES(key * 3), modes.ECB()).encryptor()  # noqa: S305
    return encryptor.update(question) + encryptor.finalize()


def _greet(client: Stream, security_type: int) -> None:
    client.write(VERSION)
    if _parse_version(client.read(len(VERSION))) < OLDEST:
        raise RfbError("the VNC client is too old: RFB 3.7 is required")
    client.write(bytes([1, security_type]))
    if client.read(1)[0] != security_type:
        raise RfbError("the VNC client chose a security type that was not offered")


def _start_vencrypt(server: Stream, offered: bytes) -> None:
    """Choose TLS with certificates and a password; any other offer is refused."""
    if VENCRYPT not in offered:
        raise RfbError("the VNC server does not offer TLS")
    server.write(bytes([VENCRYPT]))
    if server.read(2) < VENCRYPT_VERSION:
        raise RfbError("the VNC server's VeNCrypt is too old: 0.2 is required")
    server.write(VENCRYPT_VERSION)
    if server.read(1) != b"\0":
        raise RfbError("the VNC server refused VeNCrypt 0.2")
    subtypes = struct.unpack(f">{(count := server.read(1)[0])}I", server.read(4 * count))
    if X509_VNC not in subtypes:
        raise RfbError("the VNC server does not offer TLS with certificates and a password")
    server.write(struct.pack(">I", X509_VNC))
    if server.read(1) != b"\1":
        raise RfbError("the VNC server refused TLS")


def _parse_version(line: bytes) -> tuple[int, int]:
    try:
        return int(line[4:7]), int(line[8:11])
    except ValueError:
        raise RfbError("not an RFB greeting") from None


def _u32(stream: Stream) -> int:
    (number,) = struct.unpack(">I", stream.read(4))
    return int(number)


def _reason(stream: Stream) -> str:
    return stream.read(min(_u32(stream), MAX_REASON_BYTES)).decode(errors="replace")
