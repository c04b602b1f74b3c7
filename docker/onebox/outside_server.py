"""What a gateway outside the platform answers: a web page on port 80, DNS on port 53, each address of it by ping.

Runs by itself, in the gateway's network namespace:  outside_server.py NAME
"""

from __future__ import annotations

import http.server
import ipaddress
import selectors
import socket
import struct
import sys
from typing import Any

ANSWERS = {1: "198.51.100.10", 28: "2001:db8:ffff::10"}
"""What every name is, by type of question: A and AAAA."""

IP_PKTINFO = 8
"""An option of Linux that Python 3.11 does not name."""


class Page(http.server.BaseHTTPRequestHandler):
    """Say from which address the visitor came."""

    network = ""

    def do_GET(self) -> None:
        visitor = self.client_address[0].removeprefix("::ffff:")
        text = (
            f"This is the network {self.network!r} of a one-machine installation.\nYou came from {visitor}\n"
        )
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing: a page a second would fill the log."""


class Web(http.server.ThreadingHTTPServer):
    """A web server for both versions of IP."""

    address_family = socket.AF_INET6
    daemon_threads = True
    request_queue_size = 128


def answer(question: bytes) -> bytes | None:
    """Answer a DNS question for an address; None for what is none."""
    if len(question) < 17 or question[2] & 0x80:
        return None
    end = question.find(b"\0", 12)
    if end < 0 or len(question) < end + 5:
        return None
    kind = struct.unpack_from("!H", question, end + 1)[0]
    asked, address = question[12 : end + 5], ANSWERS.get(kind)
    data = ipaddress.ip_address(address).packed if address else b""
    record = b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(data)) + data if data else b""
    return question[:2] + struct.pack("!HHHHH", 0x8580, 1, bool(data), 0, 0) + asked + record


def serve(name: str) -> None:
    """Answer until stopped."""
    Page.network = name
    web = Web(("::", 80), Page)
    names: list[socket.socket] = []
    ready = selectors.DefaultSelector()
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):  # noqa: S104 - a namespace of its own
        names.append(udp(family, address))
        ready.register(names[-1], selectors.EVENT_READ)
    ready.register(web, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in ready.select():
            if key.fileobj is web:
                web.handle_request()
            else:
                answer_name(key.fileobj)


def udp(family: int, address: str, port: int = 53) -> socket.socket:
    """Return a socket for `answer_name`."""
    sock = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    sock.bind((address, port))
    return sock


def answer_name(sock: Any) -> None:
    """Answer one question, from the address that was asked: resolvers take no answer from another one."""
    question, control, _flags, sender = sock.recvmsg(1500, 128)
    if (text := answer(question)) is not None:
        sock.sendmsg([text], [_from(*each) for each in control], 0, sender)


def _from(level: int, kind: int, info: bytes) -> tuple[int, int, bytes]:
    """Turn where a packet came to into where its answer leaves from, by any interface."""
    if level == socket.IPPROTO_IPV6:
        return level, kind, info[:16] + bytes(4)
    asked = info[8:12]  # ifindex, local address, address asked
    return level, kind, bytes(4) + asked + bytes(4)


if __name__ == "__main__":
    serve(sys.argv[1])
