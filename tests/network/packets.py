"""Packets made and caught by hand in a network namespace, as programs that run there; each carries a tag."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Thread

MAKE = """
import socket, struct, sys
A, B = lambda text: socket.inet_aton(text), lambda text: socket.inet_pton(socket.AF_INET6, text)
M = lambda text: bytes.fromhex(text.replace(":", ""))
def checksum(data):
    data += b"\\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 65535)
    return ~(total + (total >> 16)) & 65535
def ip4(source, to, protocol, body):
    head = struct.pack("!BBHHHBBH4s4s", 69, 0, 20 + len(body), 1, 0, 64, protocol, 0, A(source), A(to))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body
def ip6(source, to, protocol, body):
    return struct.pack("!IHBB", 6 << 28, len(body), protocol, 255) + B(source) + B(to) + body
def pseudo(source, to, protocol, body):
    if ":" in to:
        return B(source) + B(to) + struct.pack("!II", len(body), protocol)
    return A(source) + A(to) + struct.pack("!HH", protocol, len(body))
def summed(source, to, protocol, body, at):
    total = checksum(pseudo(source, to, protocol, body) + body)
    return body[:at] + struct.pack("!H", total) + body[at + 2:]
def packet(source, to, protocol, body):
    return (ip6 if ":" in to else ip4)(source, to, protocol, body)
def udp(source, to, port_from, port, data):
    body = struct.pack("!HHHH", port_from, port, 8 + len(data), 0) + data
    return packet(source, to, 17, summed(source, to, 17, body, 6))
def tcp(source, to, port_from, port, data):
    body = struct.pack("!HHIIBBHHH", port_from, port, 1, 0, 80, 2, 8192, 0, 0) + data
    return packet(source, to, 6, summed(source, to, 6, body, 16))
def icmp6(source, to, body):
    return ip6(source, to, 58, summed(source, to, 58, body, 2))
def echo(source, to, data):
    if ":" in to:
        return icmp6(source, to, struct.pack("!BBHHH", 128, 0, 0, 7, 1) + data)
    body = struct.pack("!BBHHH", 8, 0, 0, 7, 1) + data
    return ip4(source, to, 1, body[:2] + struct.pack("!H", checksum(body)) + body[4:])
def option(tag):
    return bytes([253, 1]) + tag
"""
#: Sends one packet of each protocol: PROGRAM SOURCE TO FIRST-PORT.
SEND_PROTOCOLS = (
    MAKE
    + """
source, to, first = sys.argv[1], sys.argv[2], int(sys.argv[3])
packets = [
    tcp(source, to, first, 80, b"EDGT80"), tcp(source, to, first + 1, 81, b"EDGT81"),
    udp(source, to, first, 53, b"EDGU53"), udp(source, to, first + 1, 54, b"EDGU54"),
    echo(source, to, b"EDGPNG"), packet(source, to, 47, struct.pack("!HH", 0, 0x800) + b"EDGGRE"),
]
if ":" in to:
    sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
    sock.setsockopt(socket.IPPROTO_IPV6, 36, 1)
    address = (to, 0, 0, 0)
else:
    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    address = (to, 0)
for each in packets:
    sock.sendto(each, address)
"""
)
#: Sends forged frames from a guest:
#: PROGRAM MAC GATEWAY-MAC OWN-V4 OWN-V6 OTHER-V4 OTHER-V6 NEIGHBOUR-MAC OUTSIDE GATEWAY-V4.
SEND_FORGED = (
    MAKE
    + """
me, gateway, own, own6, other, other6, neighbour, outside, router = sys.argv[1:]
me, gateway, neighbour = M(me), M(gateway), M(neighbour)
stranger, everybody, all6 = M("02:e1:00:00:cc:cc"), b"\\xff" * 6, M("33:33:00:00:00:01")
half = bytes([me[0] ^ 2, me[1], me[2], 255, 254, *me[3:]])
local = socket.inet_ntop(socket.AF_INET6, b"\\xfe\\x80" + bytes(6) + half)
def eth(to, source, kind, data): return to + source + struct.pack("!H", kind) + data
def v4(data, to=gateway, source=me): return eth(to, source, 0x800, data)
def v6(data, to=all6, source=me): return eth(to, source, 0x86dd, data)
def arp(kind, mac, ip, about, tag):
    fixed = struct.pack("!HHBBH", 1, 0x800, 6, 4, kind)
    return eth(everybody, me, 0x806, fixed + mac + A(ip) + bytes(6) + A(about) + tag)
def ra(source, tag):
    body = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
    return icmp6(source, "ff02::1", body + option(tag))
forged = [
    v4(echo(other, outside, b"EDGF01")),
    v4(echo(own, outside, b"EDGF02"), source=stranger),
    v6(echo(other6, "ff02::1", b"EDGF03")),
    v6(echo("fe80::5", "ff02::1", b"EDGF04")),
    arp(2, me, router, router, b"EDGF05"),
    arp(1, me, router, other, b"EDGF06"),
    arp(1, me, own, own, b"EDGF07"),
    v6(icmp6(local, "ff02::1", struct.pack("!BBHI", 136, 0, 0, 0x20000000) + B(other6) + option(b"EDGF08"))),
    v6(ra(local, b"EDGF09")), v6(ra("fe80::1", b"EDGF10")),
    v6(ra(local, b"EDGF11"), to=neighbour),
    v4(udp(own, "255.255.255.255", 67, 68, b"EDGF12" + bytes(240)), to=everybody),
    v4(udp(own, outside, 67, 68, b"EDGF13" + bytes(240))),
    v6(udp(local, "ff02::1", 547, 546, b"EDGF14")),
    v6(icmp6(local, "ff02::1", struct.pack("!BBHI", 137, 0, 0, 0) + B(other6) * 2 + option(b"EDGF15"))),
    v6(icmp6(local, "ff02::1", struct.pack("!BBHI", 130, 0, 0, 0) + bytes(16) + b"EDGF16")),
    everybody + me + struct.pack("!HHH", 0x8100, 102, 0x800) + echo(own, outside, b"EDGF17"),
    eth(everybody, me, 0x88b5, b"EDGF18" + bytes(40)),
    M("01:80:c2:00:00:00") + me + struct.pack("!H", 38) + b"\\x42\\x42\\x03EDGF19" + bytes(29),
    v4(ip4(own, "224.0.0.1", 2, b"EDGF20"), to=M("01:00:5e:00:00:01")),
    v4(echo(own, "203.0.113.255", b"EDGF21"), to=everybody),
    v4(echo(own, other, b"EDGF22"), to=neighbour),
    v6(echo(own6, other6, b"EDGF23"), to=neighbour),
    v6(echo(local, "ff02::1", b"EDGF24")),
]
sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sock.bind(("eth0", 0))
for frame in (*forged, *forged, v4(echo(own, outside, b"EDGEND"))):
    sock.send(frame)
print(len(forged))
"""
)
CATCH = """
import re, select, socket, sys
sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
sock.bind(("eth0", 0))
print("ready", flush=True)
while sys.stdin not in select.select([sock, sys.stdin], [], [])[0]:
    frame, about = sock.recvfrom(4096)
    if about[2] != socket.PACKET_OUTGOING:
        for tag in re.findall(rb"EDG[0-9A-Z]{3}", frame):
            print(tag.decode(), flush=True)
"""


class Caught:
    """The tags that came by, as they come."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.tags: set[str] = set()
        self._process = process
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.tags.add(line.strip())

    def stop(self) -> None:
        """End it; `tags` is complete then."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._reader.join()
        self._process.wait()


@contextmanager
def catching(*commands: Sequence[str]) -> Iterator[list[Caught]]:
    """Catch tagged packets in places; each command line runs the rest in one."""
    started: list[Caught] = []
    try:
        for command in commands:
            words = [*command, "python3", "-c", CATCH]
            pipes = subprocess.Popen(words, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            started.append(Caught(pipes))
        yield started
    finally:
        for each in started:
            each.stop()
