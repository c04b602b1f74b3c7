"""Asking a VLAN which addresses are used: by ARP probes and neighbour solicitations from a port that has no address.

The port is Open vSwitch's, on the bridge of the physical network, and there only while it is asked.
"""

import itertools
import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.probed import checked_addresses
from apps.drivers.specs import FoundAddress
from apps.drivers.tools import Limits, run

Address = IPv4Address | IPv6Address
SECONDS = 1.2
"""How long an answer is waited for; a question may be lost, so each is sent `ROUNDS` times."""
ROUNDS = 3
PREFIX = "pb"
"""Of the ports' names: it, the number of the process, and a count."""
ETH_ALL, ARP, IPV6, ICMPV6 = 3, 0x0806, 0x86DD, 58
SOLICITATION, ADVERTISEMENT = 135, 136
BROADCAST = b"\xff" * 6
_counts = itertools.count()


def probe(physical_network: str, vlan: int, addresses: tuple[str, ...]) -> tuple[FoundAddress, ...]:
    """Return which of the addresses answer, and from which MAC."""
    wanted = checked_addresses(addresses)
    if not wanted:
        return ()
    with _port(_bridge_of(physical_network), vlan) as device:
        found = _ask(device, wanted)
    return tuple(FoundAddress(str(address), found[address]) for address in wanted if address in found)


def _vsctl(*words: str) -> str:
    done = run("ovs-vsctl", "--timeout=5", *words, limits=Limits(seconds=8))
    if done.status:
        raise _failed(done.errors)
    return done.output.strip()


def _bridge_of(physical_network: str) -> str:
    """Return the bridge that OVN uses for the physical network."""
    mappings = _vsctl("--if-exists", "get", "Open_vSwitch", ".", "external_ids:ovn-bridge-mappings")
    pairs = (pair.partition(":") for pair in mappings.strip('"').split(","))
    bridge = next((bridge for name, _colon, bridge in pairs if name == physical_network), "")
    if not bridge:
        raise DriverError(
            _("The host is not connected to physical network %(name)s."),
            values={"name": physical_network},
            code="hypervisor.no_physical_network",
            permanent=True,
            hint=_("Connect the host to the network, or correct the name of the physical network."),
        )
    return bridge


@contextmanager
def _port(bridge: str, vlan: int) -> Iterator[str]:
    """Make a port on the VLAN; with it, remove those of agents that were killed."""
    name = f"{PREFIX}{os.getpid()}x{next(_counts) % 1000}"
    left = [port for port in _vsctl("list-ports", bridge).split() if _is_left_behind(port)]
    removals = [word for port in left for word in ("--", "--if-exists", "del-port", bridge, port)]
    tag = [f"tag={vlan}"] if vlan else []
    new = ["add-port", bridge, name, *tag, "--", "set", "interface", name, "type=internal"]
    try:
        _vsctl(*new, *removals)
        done = run("ip", "link", "set", name, "up", limits=Limits(seconds=8))
        if done.status:
            raise _failed(done.errors)
        yield name
    finally:
        _vsctl("--if-exists", "del-port", bridge, name)


def _is_left_behind(port: str) -> bool:
    process, _x, count = port.removeprefix(PREFIX).partition("x")
    ours = port.startswith(PREFIX) and process.isdecimal() and count.isdecimal()
    return ours and not Path("/proc", process).exists()


def _ask(device: str, wanted: list[Address]) -> dict[Address, str]:
    found: dict[Address, str] = {}
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_ALL)) as wire:
        wire.bind((device, 0))
        own: bytes = wire.getsockname()[4]
        started = time.monotonic()
        for number in range(ROUNDS):
            for address in wanted:
                if address not in found:
                    wire.send(question(own, address))
            until = started + SECONDS * (number + 1) / ROUNDS
            _listen(wire, own, set(wanted), found, until)
            if len(found) == len(wanted):
                break
    return found


def _listen(
    wire: socket.socket, own: bytes, wanted: set[Address], found: dict[Address, str], until: float
) -> None:
    while len(found) < len(wanted) and (left := until - time.monotonic()) > 0:
        wire.settimeout(left)
        try:
            frame = wire.recv(2048)
        except TimeoutError:
            return
        answer = claimed(frame)
        if answer is not None and frame[6:12] != own and answer[0] in wanted:
            found.setdefault(*answer)


def question(own: bytes, address: Address) -> bytes:
    """Return a frame that asks who has an address and says nothing of the sender (RFC 5227, RFC 4862)."""
    if address.version == 4:
        fixed = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1)
        return BROADCAST + own + struct.pack("!H", ARP) + fixed + own + bytes(4) + bytes(6) + address.packed
    nobody = bytes(16)
    group = IPv6Address("ff02::1:ff00:0").packed[:13] + address.packed[13:]
    body = struct.pack("!BBHI", SOLICITATION, 0, 0, 0) + address.packed
    checksum = _checksum(nobody + group + struct.pack("!II", len(body), ICMPV6) + body)
    body = body[:2] + struct.pack("!H", checksum) + body[4:]
    header = struct.pack("!IHBB", 6 << 28, len(body), ICMPV6, 255) + nobody + group
    return b"\x33\x33" + group[12:] + own + struct.pack("!H", IPV6) + header + body


def claimed(frame: bytes) -> tuple[Address, str] | None:
    """Return whose frame it is, where it says that its sender has an address; of its own choice, so trust it little."""
    kind = int.from_bytes(frame[12:14], "big")
    if kind == ARP and len(frame) >= 42:
        return IPv4Address(frame[28:32]), frame[22:28].hex(":")
    if kind == IPV6 and len(frame) >= 78 and frame[20] == ICMPV6 and frame[54] == ADVERTISEMENT:
        return IPv6Address(frame[62:78]), frame[6:12].hex(":")
    return None


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def _failed(words: str) -> DriverError:
    return DriverError(
        _("The host could not probe addresses: %(words)s"),
        values={"words": words.strip()},
        code="hypervisor.probe_failed",
        hint=_("Check Open vSwitch on the host. The platform retries automatically."),
    )
