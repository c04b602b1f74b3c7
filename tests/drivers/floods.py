"""One guest against its neighbours: floods and forgeries from a guest, and what another one notices of them."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from onebox.hosts import Host

from apps.drivers.protocols import Fabric
from apps.drivers.specs import (
    Direction,
    PortSpec,
    RuleAction,
    RulePriority,
    RuleProtocol,
    RuleSpec,
    SecurityGroupSpec,
    SubnetSpec,
    VpcSpec,
)
from tests.drivers.contracts.fabric import built
from tests.drivers.flood_sender import FORGERIES, Guest
from tests.drivers.netns import NetnsGuest, netns_guest
from tests.drivers.samples import a_port, new_id

SENDER = Path(__file__).with_name("flood_sender.py").read_text()


def everything(*directions: Direction) -> tuple[RuleSpec, ...]:
    """Rules that accept whatever begins in these directions."""
    return tuple(
        RuleSpec(direction, RuleProtocol.ALL, RuleAction.ACCEPT, RulePriority.MEDIUM, cidr)
        for direction in directions
        for cidr in ("0.0.0.0/0", "::/0")
    )


PROBE = """
import json, selectors, socket, sys, time
address, seconds, count, sizes = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), (1, 3000)
ready, sent, answered = selectors.DefaultSelector(), dict.fromkeys(sizes, 0), dict.fromkeys(sizes, 0)
def hear(seconds):
    for key, _ in ready.select(seconds):
        key.fileobj.recv(100)
        answered[key.data] += 1
        ready.unregister(key.fileobj)
        key.fileobj.close()
began = time.monotonic()
for n in range(count):
    while (wait := began + n * seconds / count - time.monotonic()) > 0:
        hear(wait) if ready.get_map() else time.sleep(wait)
    for size in sizes:
        sock = socket.socket(type=socket.SOCK_DGRAM)
        sock.bind(("", 20000 + sum(sent.values())))  # a port used again would be no new connection
        sock.connect((address, 53))
        sock.send(b"?" * size)
        sent[size] += 1
        ready.register(sock, selectors.EVENT_READ, size)
give_up = time.monotonic() + 4
while ready.get_map() and time.monotonic() < give_up:
    hear(0.2)
print(json.dumps([[sent[size], answered[size]] for size in sizes]))
"""

LEASES = """
import json, os, socket, struct, sys, time
mac, seconds, count = bytes.fromhex(sys.argv[1].replace(":", "")), float(sys.argv[2]), int(sys.argv[3])
sock = socket.socket(type=socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
sock.bind(("", 68))
sock.settimeout(3)
waiting, began = set(), time.monotonic()
for n in range(count):
    time.sleep(max(0, began + n * seconds / count - time.monotonic()))
    head = struct.pack("!4B4s2H4I", 1, 1, 6, 0, struct.pack("!I", n), 0, 0x8000, 0, 0, 0, 0)
    sock.sendto(head + mac + bytes(202) + bytes.fromhex("63825363350101ff"), ("255.255.255.255", 67))
    waiting.add(n)
try:
    while waiting:
        waiting.discard(struct.unpack("!I", sock.recv(1500)[4:8])[0])
except TimeoutError:
    pass
print(json.dumps([count, count - len(waiting)]))
"""

LISTENER = """
import json, socket
sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
sock.bind(("eth0", 0))
sock.settimeout(10)
print("ready", flush=True)
heard = []
try:
    while b"the last frame" not in (frame := sock.recv(2000)):
        heard.append(frame.hex())
    heard.append("last")
except TimeoutError:
    heard.append("nothing")
print(json.dumps(heard))
"""


@dataclass(frozen=True)
class Tenant:
    """Two guests on one host in a subnet of their own."""

    one: NetnsGuest
    other: NetnsGuest
    subnet: SubnetSpec

    @property
    def about(self) -> dict[str, str]:
        """What a sender in `one` needs to know; most of what it sends is for `other`."""
        return {
            "mac": self.one.port.mac,
            "ip": self.one.port.ip,
            "gateway": self.subnet.gateway,
            "gateway_mac": self.subnet.gateway_mac,
            "peer": self.other.port.ip,
            "peer_mac": self.other.port.mac,
        }

    def flood(self, kind: str, count: int, rate: int) -> None:
        """Have `one` send so many frames of a kind, at most `rate` a second."""
        self.one.exec(
            "python3", "-c", SENDER, json.dumps({**self.about, "kind": kind, "count": count, "rate": rate})
        )

    def forge(self) -> list[str]:
        """Have `one` send every forgery; return those that `other` gets."""
        listener = self.other.start("python3", "-c", LISTENER)
        assert listener.stdout is not None
        assert listener.stdout.readline() == "ready\n"
        self.one.exec("python3", "-c", SENDER, json.dumps(self.about))
        heard, _ = listener.communicate(timeout=20)
        names = {make(Guest(self.about), 0).hex(): name for name, make in FORGERIES.items()}
        frames = json.loads(heard)
        assert frames.pop() == "last", "not even what is no forgery came through"
        return [names[frame] for frame in frames if frame in names]


@contextmanager
def tenant(
    fabric: Fabric,
    host: Host,
    connection_limit: int,
    *,
    one_may: tuple[Direction, ...] | None = tuple(Direction),
    other_may: tuple[Direction, ...] | None = tuple(Direction),
) -> Iterator[Tenant]:
    """Make a tenant's network and its guests; connections may begin in the directions given, None for no group."""
    with ExitStack() as stack:
        vpc, subnet = built(fabric)
        stack.callback(fabric.ensure_absent, VpcSpec, vpc.id)
        stack.callback(fabric.ensure_absent, SubnetSpec, subnet.id)

        def groups(directions: tuple[Direction, ...] | None) -> tuple[str, ...]:
            if directions is None:
                return ()
            made = SecurityGroupSpec(new_id(), everything(*directions))
            fabric.ensure(made)
            stack.callback(fabric.ensure_absent, SecurityGroupSpec, made.id)
            return (made.id,)

        def plug(number: int, *group: str) -> NetnsGuest:
            port: PortSpec = replace(a_port(subnet, number, *group), connection_limit=connection_limit)
            fabric.ensure(port)
            stack.callback(fabric.ensure_absent, PortSpec, port.id)
            return stack.enter_context(netns_guest(host, port, subnet.gateway))

        one = plug(11, *groups(one_may))
        other = plug(12, *groups(other_may))
        one.serve("udp/53", "tcp/80")
        other.wait_reaches(one.port.ip, "tcp/80")
        yield Tenant(one, other, subnet)
