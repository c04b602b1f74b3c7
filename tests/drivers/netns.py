"""Network-namespace "guests" on a pretend host: as cheap as a process, plugged into OVN like a VM."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from onebox.hosts import Host
from onebox.shell import OneboxError, patience

from apps.drivers.specs import ExternalPortSpec, PortSpec

SERVER = """
import selectors, socket, sys
ready = selectors.DefaultSelector()
for word in sys.argv[1:]:
    kind, port = word.split("/")
    sock = socket.socket(type=socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("0.0.0.0", int(port)))
    kind == "tcp" and sock.listen(64)
    ready.register(sock, selectors.EVENT_READ, kind)
print("ready", flush=True)
while True:
    for key, _ in ready.select():
        if key.data == "tcp":
            connection, _ = key.fileobj.accept()
            connection.sendall(b"hello")
            connection.close()
        else:
            data, sender = key.fileobj.recvfrom(100)
            key.fileobj.sendto(b"hello", sender)
"""
CLIENT = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
def reach(word):
    kind, port = word.split("/")
    sock = socket.socket(type=socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    sock.settimeout(1.5)
    try:
        sock.connect((sys.argv[1], int(port)))
        kind == "udp" and sock.send(b"?")
        return sock.recv(5) == b"hello"
    except OSError:
        return False
with ThreadPoolExecutor(32) as pool:
    print(json.dumps(list(pool.map(reach, sys.argv[2:]))))
"""
ANSWER = """
import json, socket, sys, time
kind, port = sys.argv[2].split("/")
sock = socket.socket(type=socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
sock.settimeout(float(sys.argv[3]))
began, error = time.monotonic(), "answered"
try:
    sock.connect((sys.argv[1], int(port)))
    kind == "udp" and sock.send(b"?")
    sock.recv(5)
except OSError as failed:
    error = type(failed).__name__
print(json.dumps([error, time.monotonic() - began]))
"""

DHCP_DISCOVER = """
import os, socket, struct, sys
mac = bytes.fromhex(sys.argv[1].replace(":", ""))
request = struct.pack("!4B4s2H4I16s64x128xI", 1, 1, 6, 0, os.urandom(4), 0, 0x8000, 0, 0, 0, 0, mac, 0x63825363)
sock = socket.socket(type=socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
sock.bind(("", 68))
sock.settimeout(2)
for _ in range(5):
    sock.sendto(request + bytes([53, 1, 1, 255]), ("255.255.255.255", 67))
    try:
        print(socket.inet_ntoa(sock.recv(1500)[16:20]))
        break
    except TimeoutError:
        pass
"""

DHCP6_SOLICIT = """
import os, socket, struct, sys
request = bytes([1]) + os.urandom(3) + struct.pack("!HHHH", 1, 10, 3, 1) + bytes.fromhex(sys.argv[1].replace(":", ""))
request += struct.pack("!HHIII", 3, 12, 1, 0, 0)
sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
sock.bind(("::", 546))
sock.settimeout(2)
for _ in range(5):
    sock.sendto(request, ("ff02::1:2", 547, 0, socket.if_nametoindex("eth0")))
    try:
        answer = sock.recv(1500)
    except TimeoutError:
        continue
    at = answer.find(struct.pack("!HH", 5, 24))
    print(socket.inet_ntop(socket.AF_INET6, answer[at + 4:at + 20]))
    break
"""

P = TypeVar("P", PortSpec, ExternalPortSpec)


@dataclass(frozen=True)
class PluggedIn(Generic[P]):
    """A name space at a port. Services are words like "tcp/80"."""

    host: Host
    port: P

    @property
    def name(self) -> str:
        return f"t{self.port.id[:8]}"

    def exec(self, *command: str, check: bool = True) -> str:
        return self.host.exec("ip", "netns", "exec", self.name, *command, check=check)

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a command in the guest; read what it writes from its `stdout`."""
        inside = self.host.command(("ip", "netns", "exec", self.name, *command))
        return subprocess.Popen(inside, text=True, stdout=subprocess.PIPE)

    def serve(self, *services: str) -> None:
        """Answer "hello" on these services until the guest goes."""
        unit = f"scloud-{self.name}-{'-'.join(services).replace('/', '')}"[:200]
        self.host.exec(
            *("systemd-run", "--collect", f"--unit={unit}", "--slice", self.slice, "--"),
            *("ip", "netns", "exec", self.name, "python3", "-c", SERVER, *services),
        )

    @property
    def slice(self) -> str:
        return f"scloud{self.name}.slice"

    def reaches(self, address: str, *services: str) -> list[str]:
        """Return those of the services at an address that answer."""
        answers = json.loads(self.exec("python3", "-c", CLIENT, address, *services))
        return [service for service, answered in zip(services, answers, strict=True) if answered]

    def answer(self, address: str, service: str, patience: float = 2) -> tuple[str, float]:
        """Return how a service answered ("answered" or an error's name), and after how many seconds."""
        error, seconds = json.loads(self.exec("python3", "-c", ANSWER, address, service, str(patience)))
        return error, seconds

    def dhcp_offer(self) -> str:
        """Return the address that DHCP offers, empty for none."""
        return self.exec("python3", "-c", DHCP_DISCOVER, self.port.mac).strip()

    def dhcp6_offer(self) -> str:
        """Return the address that DHCPv6 offers, empty for none."""
        return self.exec("python3", "-c", DHCP6_SOLICIT, self.port.mac, check=False).strip()

    def pings(self, address: str) -> bool:
        try:
            self.exec("ping", "-c", "3", "-i", "0.3", "-W", "1", address)
        except OneboxError:
            return False
        return True

    def wait_reaches(self, address: str, service: str) -> None:
        """Wait until a service answers: the network takes a moment to follow its database."""
        give_up = time.monotonic() + patience(20)
        while not self.reaches(address, service):
            assert time.monotonic() < give_up, f"{address} {service} never answered"


class NetnsGuest(PluggedIn[PortSpec]):
    """A name space with the address of a port."""


@contextmanager
def netns_guest(host: Host, port: PortSpec, gateway: str) -> Iterator[NetnsGuest]:
    """Make the guest and plug it into the integration bridge."""
    with plugged_in(host, port.id, port.mac) as name:
        guest = NetnsGuest(host, port)
        assert guest.name == name
        guest.exec("ip", "addr", "add", f"{port.ip}/24", "dev", "eth0")
        guest.exec("ip", "route", "add", "default", "via", gateway)
        connect(host, port.id)
        yield guest


@contextmanager
def plugged_in(host: Host, port_id: str, mac: str) -> Iterator[str]:
    """Make a name space with a NIC `eth0`, not connected yet, and return its name. All that runs in it is ended."""
    name, outer = f"t{port_id[:8]}", _outer(port_id)
    host.exec("ip", "netns", "add", name)
    try:
        host.exec(
            *("ip", "link", "add", outer, "type", "veth", "peer", "name", "eth0"),
            *("netns", name, "address", mac),
        )
        for command in (
            ("ip", "link", "set", "lo", "up"),
            ("ethtool", "-K", "eth0", "tx", "off"),
            ("ip", "link", "set", "eth0", "mtu", "1442", "up"),
        ):
            host.exec("ip", "netns", "exec", name, *command)
        host.exec("ip", "link", "set", outer, "up")
        yield name
    finally:
        host.exec("systemctl", "stop", f"scloud{name}.slice", check=False)
        host.exec("ovs-vsctl", "--timeout=10", "--if-exists", "del-port", "br-int", outer, check=False)
        host.exec("ip", "netns", "del", name, check=False)


def connect(host: Host, port_id: str) -> None:
    """Connect the name space of a port to the integration bridge."""
    host.exec(
        *("ovs-vsctl", "--timeout=10", "add-port", "br-int", _outer(port_id)),
        *("--", "set", "interface", _outer(port_id), f"external_ids:iface-id={port_id}"),
    )


def _outer(port_id: str) -> str:
    return f"vt{port_id[:8]}"
