"""Floods from a guest: frames of each kind, made and sent inside it at a bounded rate.

Its text is run by a guest's own Python, so it imports nothing of ours. Every kind changes, with each frame, what some
table is keyed by: connections, fragments, neighbours, datapath flows, packets to ovn-controller.
"""

import json
import os
import socket
import struct
import sys
import time

EVERYBODY = b"\xff" * 6
ALL = b"\xff" * 4
MDNS, MDNS_MAC = b"\xe0\x00\x00\xfb", b"\x01\x00\x5e\x00\x00\xfb"
IPV4, ARP, IPV6 = 0x800, 0x806, 0x86DD
TCP, UDP = 6, 17


def checksum(data: bytes) -> bytes:
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)


class Guest:
    """The frames of one guest; `n` counts them."""

    def __init__(self, about: dict[str, str]) -> None:
        self.mac, self.gateway_mac, self.peer_mac = (
            bytes.fromhex(about[name].replace(":", "")) for name in ("mac", "gateway_mac", "peer_mac")
        )
        self.ip, self.gateway, self.peer = (
            socket.inet_aton(about[name]) for name in ("ip", "gateway", "peer")
        )

    def frame(self, to: bytes, kind: int, payload: bytes, source: bytes = b"") -> bytes:
        return to + (source or self.mac) + struct.pack("!H", kind) + payload

    def ipv4(
        self,
        to: bytes,
        protocol: int,
        payload: bytes,
        source: bytes = b"",
        ttl: int = 64,
        id: int = 0,
        offset: int = 0,
    ) -> bytes:
        size = 20 + len(payload)
        head = (
            struct.pack("!BBHHHBBH", 0x45, 0, size, id, offset, ttl, protocol, 0) + (source or self.ip) + to
        )
        return head[:10] + checksum(head) + head[12:] + payload

    def to_peer(self, protocol: int, payload: bytes, **more: object) -> bytes:
        return self.frame(self.peer_mac, IPV4, self.ipv4(self.peer, protocol, payload, **more))  # type: ignore[arg-type]

    def to_router(self, to: bytes, protocol: int, payload: bytes, ttl: int = 64) -> bytes:
        return self.frame(self.gateway_mac, IPV4, self.ipv4(to, protocol, payload, ttl=ttl))

    def syn(self, n: int, to: bytes) -> bytes:
        source, target = 1024 + n % 60000, 1 + n // 60000
        head = struct.pack("!HHIIBBHHH", source, target, n, 0, 0x50, 2, 8192, 0, 0)
        pseudo = self.ip + to + struct.pack("!BBH", 0, TCP, len(head))
        return head[:16] + checksum(pseudo + head) + head[18:]

    def near(self, n: int) -> bytes:
        return self.ip[:3] + bytes([20 + n % 200])

    def far(self) -> bytes:
        return b"\x0a" + os.urandom(3)

    def arp(self, target: bytes, operation: int = 1, to: bytes = EVERYBODY) -> bytes:
        head = struct.pack("!HHBBH", 1, IPV4, 6, 4, operation)
        return self.frame(to, ARP, head + self.mac + self.ip + b"\0" * 6 + target)

    def dhcp(self, n: int, operation: int = 1, ports: tuple[int, int] = (68, 67), kind: int = 1) -> bytes:
        source = b"\0" * 4 if operation == 1 else self.ip
        head = struct.pack("!4B4s2H4I", operation, 1, 6, 0, struct.pack("!I", n), 0, 0x8000, 0, 0, 0, 0)
        body = head + self.mac + b"\0" * 202 + bytes.fromhex("63825363") + bytes([53, 1, kind, 255])
        return self.frame(EVERYBODY, IPV4, self.ipv4(ALL, UDP, udp(*ports, body), source=source))

    def icmpv6(self, to: bytes, kind: int, body: bytes) -> bytes:
        own = link_local(self.mac)
        head = struct.pack("!BBH", kind, 0, 0)
        pseudo = own + to + struct.pack("!II", len(head) + len(body), 58)
        packet = head[:2] + checksum(pseudo + head + body) + body
        return self.ipv6(to, 58, packet)

    def ipv6(self, to: bytes, protocol: int, payload: bytes) -> bytes:
        head = struct.pack("!IHBB", 6 << 28, len(payload), protocol, 255) + link_local(self.mac) + to
        return self.frame(b"\x33\x33" + to[12:], IPV6, head + payload)

    def solicitation(self, n: int) -> bytes:
        target = bytes.fromhex("fe80" + "00" * 10) + struct.pack("!I", n)
        to = bytes.fromhex("ff0200000000000000000001ff") + target[13:]
        return self.icmpv6(to, 135, b"\0" * 4 + target + b"\1\1" + self.mac)

    def advertisement(self) -> bytes:
        body = struct.pack("!BBHII", 64, 0, 1800, 0, 0) + b"\1\1" + self.mac
        return self.icmpv6(bytes.fromhex("ff02" + "00" * 13 + "01"), 134, body)


def udp(source: int, target: int, data: bytes = b"x") -> bytes:
    """A datagram without checksum, which IPv4 allows."""
    return struct.pack("!HHHH", source, target, 8 + len(data), 0) + data


def link_local(mac: bytes) -> bytes:
    return bytes.fromhex("fe80" + "00" * 6) + bytes([mac[0] ^ 2]) + mac[1:3] + b"\xff\xfe" + mac[3:]


def port(n: int) -> int:
    return 1024 + n % 60000


def mac() -> bytes:
    return b"\2" + os.urandom(5)


FLOODS = {
    "TCP connections": lambda g, n: g.to_peer(TCP, g.syn(n, g.peer)),
    "UDP connections": lambda g, n: g.to_peer(UDP, udp(port(n), 9 + n // 60000)),
    "small packets": lambda g, n: g.to_peer(UDP, udp(7, 9)),
    "ARP, targets outside": lambda g, n: g.arp(g.far()),
    "ARP, targets inside": lambda g, n: g.arp(g.near(n)),
    "ARP answers to the router": lambda g, n: g.arp(g.near(n), 2, g.gateway_mac),
    "IPv6 neighbours": lambda g, n: g.solicitation(n),
    "router advertisements": lambda g, n: g.advertisement(),
    "DHCP requests": lambda g, n: g.dhcp(n),
    "broadcast": lambda g, n: g.frame(EVERYBODY, IPV4, g.ipv4(ALL, UDP, udp(port(n), 9))),
    "multicast": lambda g, n: g.frame(MDNS_MAC, IPV4, g.ipv4(MDNS, UDP, udp(port(n), 5353))),
    "closed TCP ports of the router": lambda g, n: g.to_router(g.gateway, TCP, g.syn(n, g.gateway)),
    "closed UDP ports of the router": lambda g, n: g.to_router(g.gateway, UDP, udp(port(n), 9)),
    "expired packets": lambda g, n: g.to_router(g.ip[:2] + b"\x02\x09", UDP, udp(7, 9), ttl=1),
    "unknown neighbours of the router": lambda g, n: g.to_router(
        g.ip[:2] + bytes([2, 20 + n % 200]), UDP, udp(7, 9)
    ),
    "far addresses": lambda g, n: g.to_router(os.urandom(4), UDP, udp(7, 9)),
    "forged MACs": lambda g, n: g.frame(g.peer_mac, IPV4, g.ipv4(g.peer, UDP, udp(7, 9)), mac()),
    "unknown MACs": lambda g, n: g.frame(mac(), IPV4, g.ipv4(g.peer, UDP, udp(7, 9))),
    "forged addresses": lambda g, n: g.to_peer(UDP, udp(7, 9), source=g.far()),
    "other ethertypes": lambda g, n: g.frame(EVERYBODY, 0x88B5 if n % 2 else 0x88CC, os.urandom(46)),
    "first fragments": lambda g, n: g.to_peer(UDP, b"\0" * 1400, id=n & 0xFFFF, offset=0x2000),
    "last fragments": lambda g, n: g.to_peer(UDP, b"\0" * 40, id=n & 0xFFFF, offset=175),
}

FORGERIES = {
    "a DHCP offer": lambda g, n: g.dhcp(n, 2, (67, 68), 2),
    "a DHCP offer to everybody on port 67": lambda g, n: g.dhcp(n, 2, (67, 67), 2),
    "a DHCPv6 answer": lambda g, n: g.ipv6(
        bytes.fromhex("ff02" + "00" * 11 + "010002"), UDP, udp(547, 546, b"\2" * 20)
    ),
    "a router advertisement": lambda g, n: g.advertisement(),
    "a neighbour advertisement": lambda g, n: g.icmpv6(
        bytes.fromhex("ff02" + "00" * 13 + "01"),
        136,
        b"\x20\0\0\0" + link_local(g.gateway_mac) + b"\2\1" + g.mac,
    ),
    "an IPv6 redirect": lambda g, n: g.icmpv6(bytes.fromhex("ff02" + "00" * 13 + "01"), 137, b"\0" * 36),
    "an IPv6 echo request": lambda g, n: g.icmpv6(bytes.fromhex("ff02" + "00" * 13 + "01"), 128, b"\0" * 8),
    "an ICMP redirect": lambda g, n: g.to_peer(1, icmpv4(5, 1, g.ip + g.ipv4(g.gateway, UDP, udp(7, 9)))),
    "an ICMP router advertisement": lambda g, n: g.to_peer(1, icmpv4(9, 0, b"\1\2\0\x1e" + g.ip + b"\0" * 4)),
    "an ARP answer for the gateway": lambda g, n: g.frame(
        EVERYBODY,
        ARP,
        struct.pack("!HHBBH", 1, IPV4, 6, 4, 2) + g.mac + g.gateway + EVERYBODY + g.gateway,
    ),
    "an ARP request for an address outside": lambda g, n: g.arp(b"\xa9\xfe\xa9\xfe"),
    "an IGMP report": lambda g, n: g.frame(
        MDNS_MAC, IPV4, g.ipv4(MDNS, 2, b"\x16\0" + checksum(b"\x16\0\0\0" + MDNS) + MDNS, ttl=1)
    ),
    "a spanning tree BPDU": lambda g, n: (
        bytes.fromhex("0180c2000000") + g.mac + b"\0\x26\x42\x42\3" + b"\0" * 43
    ),
    "LLDP": lambda g, n: g.frame(bytes.fromhex("0180c200000e"), 0x88CC, b"\2\7\4" + g.mac + b"\0" * 40),
    "a PPPoE offer": lambda g, n: g.frame(EVERYBODY, 0x8863, b"\x11\7" + b"\0" * 44),
    "an EAPOL start": lambda g, n: g.frame(bytes.fromhex("0180c2000003"), 0x888E, b"\2\1\0\0" + b"\0" * 42),
    "a frame with a VLAN tag": lambda g, n: g.frame(
        g.peer_mac, 0x8100, b"\0\5\x08\0" + g.ipv4(g.peer, UDP, udp(7, 9))
    ),
    "a pause frame": lambda g, n: g.frame(
        bytes.fromhex("0180c2000001"), 0x8808, b"\0\1\xff\xff" + b"\0" * 42
    ),
    "an MPLS frame": lambda g, n: g.frame(g.peer_mac, 0x8847, b"\0\0\1\x40" + g.ipv4(g.peer, UDP, udp(7, 9))),
    "another's MAC": lambda g, n: g.frame(g.peer_mac, IPV4, g.ipv4(g.peer, UDP, udp(7, 9)), b"\2abcde"),
    "another's address": lambda g, n: g.to_peer(UDP, udp(7, 9), source=g.gateway),
}
"""What no NIC may send to its neighbours, each frame always the same."""

LAST = b"the last frame"


def icmpv4(kind: int, code: int, body: bytes) -> bytes:
    head = struct.pack("!BBH", kind, code, 0)
    return head[:2] + checksum(head + body) + body


def main() -> None:
    """Send a flood of the kind that the argument names, or each forgery once and then a frame that is none."""
    about = json.loads(sys.argv[1])
    guest, sock = Guest(about), socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind(("eth0", 0))
    if "kind" not in about:
        for forge in FORGERIES.values():
            sock.send(forge(guest, 0))
        sock.send(guest.to_peer(UDP, udp(7, 9, LAST)))
        return
    make, began = FLOODS[about["kind"]], time.monotonic()
    for n in range(about["count"]):
        if n % 25 == 0:
            time.sleep(max(0.0, began + n / about["rate"] - time.monotonic()))
        sock.send(make(guest, n))


if __name__ == "__main__":
    main()
