"""Whether a listener admits a certificate: it goes on with its own protocol, or cuts the connection.

Standard library only: attacks run it inside a host (`python3 - KIND ADDRESS PORT [CERTIFICATE KEY]`). The server's own
certificate is not checked here.
"""

from __future__ import annotations

import socket
import ssl
import struct
import sys
from collections.abc import Callable

SECONDS = 10.0
CONNECT_SECONDS = 3.0
VENCRYPT, X509_VNC = 19, 261
Pair = tuple[str, str]


def connect(address: str, port: int) -> socket.socket:
    """Return a TCP connection. Raises OSError; a firewall that drops what comes counts as a refusal."""
    try:
        link = socket.create_connection((address, port), timeout=CONNECT_SECONDS)
    except TimeoutError as error:
        raise ConnectionRefusedError(f"{address}:{port} does not answer") from error
    link.settimeout(SECONDS)
    return link


def start_tls(plain: socket.socket, pair: Pair | None) -> ssl.SSLSocket:
    """Go on in TLS, showing a certificate (paths of it and its key) or none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if pair is not None:
        context.load_cert_chain(*pair)
    return context.wrap_socket(plain)


def exactly(link: socket.socket, count: int) -> bytes:
    """Read so many bytes. Raises EOFError when the other side ends before."""
    data = b""
    while len(data) < count:
        more = link.recv(count - len(data))
        if not more:
            raise EOFError(f"closed after {data!r}")
        data += more
    return data


def libvirt(link: socket.socket, pair: Pair | None) -> socket.socket:
    """libvirtd sends one byte to those on its list of names."""
    inside = start_tls(link, pair)
    if exactly(inside, 1) != b"\1":
        raise EOFError("libvirtd did not confirm")
    return inside


def ovsdb(link: socket.socket, pair: Pair | None) -> socket.socket:
    """OVN's databases answer an echo."""
    inside = start_tls(link, pair)
    inside.sendall(b'{"method": "echo", "params": ["here"], "id": "here"}')
    if b"here" not in exactly(inside, 30):
        raise EOFError("no echo")
    return inside


def redis(link: socket.socket, pair: Pair | None) -> socket.socket:
    """Redis asks those it admits for a password."""
    inside = start_tls(link, pair)
    inside.sendall(b"PING\r\n")
    if exactly(inside, 7) != b"-NOAUTH":
        raise EOFError("no question for a password")
    return inside


def postgresql(link: socket.socket, pair: Pair | None) -> socket.socket:
    """PostgreSQL asks those it admits for a password."""
    link.sendall(struct.pack(">II", 8, 80877103))
    if exactly(link, 1) != b"S":
        raise EOFError("no TLS")
    inside = start_tls(link, pair)
    _start_session(inside)
    return inside


def vnc(link: socket.socket, pair: Pair | None) -> socket.socket:
    """A screen sends those it admits the challenge for the password."""
    link.sendall(exactly(link, 12))
    if VENCRYPT not in exactly(link, exactly(link, 1)[0]):
        raise EOFError("no VeNCrypt")
    link.sendall(bytes([VENCRYPT]))
    exactly(link, 2)
    link.sendall(b"\0\2")
    exactly(link, 1)
    exactly(link, 4 * exactly(link, 1)[0])
    link.sendall(struct.pack(">I", X509_VNC))
    exactly(link, 1)
    inside = start_tls(link, pair)
    exactly(inside, 16)
    return inside


def libvirt_plain(link: socket.socket, _: Pair | None) -> socket.socket:
    """What libvirtd's socket without TLS answers: the list of ways to log in."""
    link.sendall(struct.pack(">IIIIIII", 28, 0x20008086, 1, 66, 0, 1, 0))
    exactly(link, 28)
    return link


def ovsdb_plain(link: socket.socket, _: Pair | None) -> socket.socket:
    link.sendall(b'{"method": "echo", "params": ["here"], "id": "here"}')
    if b"here" not in exactly(link, 30):
        raise EOFError("no echo")
    return link


def redis_plain(link: socket.socket, _: Pair | None) -> socket.socket:
    link.sendall(b"PING\r\n")
    if exactly(link, 7) != b"-NOAUTH":
        raise EOFError("no question for a password")
    return link


def postgresql_plain(link: socket.socket, _: Pair | None) -> socket.socket:
    _start_session(link)
    return link


def vnc_plain(link: socket.socket, _: Pair | None) -> socket.socket:
    """A screen without TLS offers None (1) or a password (2)."""
    link.sendall(exactly(link, 12))
    if not {1, 2} & set(exactly(link, exactly(link, 1)[0])):
        raise EOFError("only by TLS")
    return link


def _start_session(link: socket.socket) -> None:
    body = struct.pack(">I", 196608) + b"user\0scloud\0database\0scloud\0\0"
    link.sendall(struct.pack(">I", len(body) + 4) + body)
    if exactly(link, 1) != b"R":
        raise EOFError("refused")


KINDS: dict[str, Callable[[socket.socket, Pair | None], socket.socket]] = {
    "libvirt": libvirt,
    "ovsdb": ovsdb,
    "redis": redis,
    "postgresql": postgresql,
    "vnc": vnc,
    "libvirt plain": libvirt_plain,
    "ovsdb plain": ovsdb_plain,
    "redis plain": redis_plain,
    "postgresql plain": postgresql_plain,
    "vnc plain": vnc_plain,
}


def opened(kind: str, address: str, port: int, pair: Pair | None = None) -> socket.socket:
    """Return a connection that was admitted. Raises OSError (ssl.SSLError, too) or EOFError when it was not."""
    link = connect(address, port)
    try:
        return KINDS[kind](link, pair)
    except BaseException:
        link.close()
        raise


def admits(kind: str, address: str, port: int, pair: Pair | None = None) -> bool:
    """Return whether a listener goes on with its protocol. A listener that hangs is neither: TimeoutError."""
    try:
        opened(kind, address, port, pair).close()
    except TimeoutError:
        raise
    except (OSError, EOFError):
        return False
    return True


if __name__ == "__main__":
    kind, address, port, *pair = sys.argv[1:]
    sys.stdout.write(
        "admitted" if admits(kind, address, int(port), (pair[0], pair[1]) if pair else None) else "refused"
    )
