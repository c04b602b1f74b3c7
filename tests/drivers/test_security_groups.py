"""Security groups on real traffic between two hosts."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import pytest
from onebox.shell import patience

from apps.drivers.ovn.fabric import OvnFabric
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
from tests.drivers.netns import NetnsGuest, netns_guest
from tests.drivers.samples import a_port, new_id
from tests.onebox_fixtures import Onebox

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

ANYONE = "0.0.0.0/0"
SERVICES = ("tcp/22", "tcp/80", "tcp/85", "tcp/90", "tcp/91", "udp/53", "udp/54")


def accept(
    protocol: RuleProtocol,
    ports: tuple[int, int] | None = None,
    cidr: str = ANYONE,
    direction: Direction = Direction.IN,
    priority: RulePriority = RulePriority.MEDIUM,
) -> RuleSpec:
    low, high = ports or (None, None)
    return RuleSpec(direction, protocol, RuleAction.ACCEPT, priority, cidr, low, high)


def reject(rule: RuleSpec, priority: RulePriority) -> RuleSpec:
    return replace(rule, action=RuleAction.REJECT, priority=priority)


@dataclass
class Net:
    """`client` without a group on one host, `server` in `group` on the other."""

    fabric: OvnFabric
    client: NetnsGuest
    server: NetnsGuest
    group: SecurityGroupSpec

    def rules(self, *rules: RuleSpec) -> None:
        """Give the server's group these rules and wait until both hosts have them."""
        self.fabric.ensure(replace(self.group, rules=rules))

    def reached(self, *expected: str) -> list[str]:
        """Return which services the client reaches, as soon as they are the expected ones or after 10 s."""
        give_up = time.monotonic() + patience(10)
        while True:
            found = self.client.reaches(self.server.port.ip, *SERVICES)
            if found == list(expected) or time.monotonic() > give_up:
                return found


@pytest.fixture(scope="module")
def net(onebox: Onebox, northbound: str) -> Iterator[Net]:
    with ExitStack() as stack:
        fabric = OvnFabric(northbound)
        stack.callback(fabric.close)
        vpc, subnet = built(fabric)
        stack.callback(fabric.ensure_absent, VpcSpec, vpc.id)
        stack.callback(fabric.ensure_absent, SubnetSpec, subnet.id)
        group = SecurityGroupSpec(new_id())
        fabric.ensure(group)
        stack.callback(fabric.ensure_absent, SecurityGroupSpec, group.id)

        def plug(host: int, port: PortSpec) -> NetnsGuest:
            fabric.ensure(port)
            stack.callback(fabric.ensure_absent, PortSpec, port.id)
            return stack.enter_context(netns_guest(onebox.hosts[host], port, subnet.gateway))

        client = plug(0, a_port(subnet, 11))
        server = plug(1, a_port(subnet, 12, group.id))
        made = Net(fabric, client, server, group)
        server.serve(*SERVICES)
        client.serve("tcp/80", "udp/53")
        made.rules(accept(RuleProtocol.ALL))
        client.wait_reaches(server.port.ip, "tcp/80")
        yield made


@pytest.mark.requirement("SG-3")
def test_a_group_without_rules_denies_everything_both_ways(net: Net) -> None:
    net.rules()
    assert net.reached() == []
    assert not net.client.pings(net.server.port.ip)
    assert net.server.reaches(net.client.port.ip, "tcp/80", "udp/53") == []


@pytest.mark.requirement("SG-2")
def test_ports_ranges_and_protocols(net: Net) -> None:
    net.rules(accept(RuleProtocol.TCP, (80, 90)), accept(RuleProtocol.UDP, (53, 53)))
    assert net.reached("tcp/80", "tcp/85", "tcp/90", "udp/53") == ["tcp/80", "tcp/85", "tcp/90", "udp/53"]
    assert not net.client.pings(net.server.port.ip)
    net.rules(accept(RuleProtocol.ICMPV4))
    assert net.reached() == []
    assert net.client.pings(net.server.port.ip)


@pytest.mark.requirement("SG-2")
def test_all_tcp_and_all_udp(net: Net) -> None:
    tcp = [service for service in SERVICES if service.startswith("tcp")]
    net.rules(accept(RuleProtocol.TCP))
    assert net.reached(*tcp) == tcp
    net.rules(accept(RuleProtocol.UDP))
    assert net.reached("udp/53", "udp/54") == ["udp/53", "udp/54"]


@pytest.mark.requirement("SG-2")
def test_a_rule_holds_for_its_addresses_only(net: Net) -> None:
    net.rules(
        accept(RuleProtocol.TCP, (80, 80), "10.0.1.11/32"), accept(RuleProtocol.TCP, (22, 22), "10.9.0.0/16")
    )
    assert net.reached("tcp/80") == ["tcp/80"]


@pytest.mark.requirement("SG-3")
def test_the_higher_priority_wins(net: Net) -> None:
    web = accept(RuleProtocol.TCP, (80, 90), priority=RulePriority.MEDIUM)
    one = replace(web, port_min=85, port_max=85)
    net.rules(web, reject(one, RulePriority.HIGH))
    assert net.reached("tcp/80", "tcp/90") == ["tcp/80", "tcp/90"]
    net.rules(web, reject(one, RulePriority.LOW))
    assert net.reached("tcp/80", "tcp/85", "tcp/90") == ["tcp/80", "tcp/85", "tcp/90"]
    net.rules(web, reject(one, RulePriority.MEDIUM))
    assert net.reached("tcp/80", "tcp/90") == ["tcp/80", "tcp/90"]


@pytest.mark.requirement("SG-2")
@pytest.mark.parametrize("direction", Direction)
def test_reject_answers_at_once_and_drop_is_silent(net: Net, direction: Direction) -> None:
    everything = accept(RuleProtocol.ALL), accept(RuleProtocol.ALL, direction=Direction.OUT)
    guest, other = (net.client, net.server) if direction is Direction.IN else (net.server, net.client)
    refused = [accept(RuleProtocol.TCP, (80, 80)), accept(RuleProtocol.UDP, (53, 53))]
    for action, error, least, most in (
        (RuleAction.REJECT, "ConnectionRefusedError", 0.0, 1.0),
        (RuleAction.DROP, "TimeoutError", 2.0, 10.0),
    ):
        net.rules(*everything, *(replace(rule, action=action, direction=direction) for rule in refused))
        for service in ("tcp/80", "udp/53"):
            give_up = time.monotonic() + patience(10)
            while (found := guest.answer(other.port.ip, service))[0] != error:
                assert time.monotonic() < give_up, (action, service, found)
            assert least <= found[1] <= most, (action, service, found)


@pytest.mark.requirement("SG-4")
def test_replies_to_what_the_guest_began_pass(net: Net) -> None:
    outwards = accept(RuleProtocol.TCP, (80, 80), direction=Direction.OUT)
    net.rules(outwards)
    net.server.wait_reaches(net.client.port.ip, "tcp/80")
    assert net.server.reaches(net.client.port.ip, "udp/53") == []
    assert net.reached() == []


@pytest.mark.requirement("SG-4")
def test_a_change_of_rules_acts_at_once_on_new_connections(net: Net) -> None:
    net.rules(accept(RuleProtocol.TCP, (80, 80)))
    net.client.wait_reaches(net.server.port.ip, "tcp/80")
    began = time.monotonic()
    net.rules()
    while net.client.reaches(net.server.port.ip, "tcp/80"):
        assert time.monotonic() - began < patience(2), "the rule still held"


#: Answers with what it receives until its input ends: PROGRAM TCP-PORT UDP-PORT.
ECHO = """
import select, socket, sys
listener = socket.create_server(("", int(sys.argv[1])))
flow = socket.socket(type=socket.SOCK_DGRAM)
flow.bind(("", int(sys.argv[2])))
print("ready", flush=True)
places = [sys.stdin, listener, flow]
while sys.stdin not in (ready := select.select(places, [], [])[0]):
    for each in ready:
        if each is listener:
            places.append(listener.accept()[0])
        elif each is flow:
            flow.sendto(*flow.recvfrom(100))
        elif data := each.recv(100):
            each.sendall(data)
        else:
            places.remove(each)
"""
#: Asks both until its input ends. Says when it has sent ten more and when the connection is
#: cut; in the end how much it sent by UDP and how much of that was lost.
ASK = """
import select, socket, sys
held = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
held.settimeout(1)
flow = socket.socket(type=socket.SOCK_DGRAM)
flow.settimeout(1)
flow.connect((sys.argv[1], int(sys.argv[3])))
sent, lost, is_open = 0, 0, True
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0.002)[0]:
    sent += 1
    question = b"%09d" % sent
    try:
        flow.send(question)
        while flow.recv(9) != question:
            pass
    except OSError:
        lost += 1
    if is_open and not sent % 10:
        print("more", flush=True)
    if is_open:
        try:
            held.sendall(b"?")
            held.recv(1)
        except OSError:
            is_open = False
            print("cut", flush=True)
print(sent, lost, flush=True)
"""


@contextmanager
def program(guest: NetnsGuest, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program of ours in a guest until its input ends."""
    command = guest.host.command(("ip", "netns", "exec", guest.name, "python3", "-c", *arguments))
    with subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        yield running


@pytest.mark.requirement("SG-3", "SG-4")
def test_changed_rules_cut_what_none_accepts_any_more_and_lose_no_packet_of_others(net: Net) -> None:
    """What other platforms got wrong: the connection of a removed rule went on; any change interrupted all."""
    udp, tcp = accept(RuleProtocol.UDP, (5353, 5353)), accept(RuleProtocol.TCP, (7000, 7000))
    net.rules(tcp, udp)
    with (
        program(net.server, ECHO, "7000", "5353"),
        program(net.client, ASK, net.server.port.ip, "7000", "5353") as asking,
    ):
        assert asking.stdout is not None
        for other in range(8000, 8005):
            net.rules(tcp, udp, accept(RuleProtocol.TCP, (other, other)))
            assert asking.stdout.readline() == "more\n"
        net.rules(udp)
        assert "cut\n" in asking.stdout
        sent, lost = map(int, asking.communicate("", timeout=10)[0].split()[-2:])
    assert sent >= 50
    assert lost == 0


@pytest.mark.requirement("SG-3")
def test_the_last_of_200_rules_holds(net: Net) -> None:
    others = [accept(RuleProtocol.TCP, (1000 + n, 1000 + n), f"192.168.{n}.0/24") for n in range(199)]
    net.rules(*others, accept(RuleProtocol.UDP, (54, 54)))
    assert net.reached("udp/54") == ["udp/54"]


@pytest.mark.requirement("NI-2")
def test_dhcp_passes_a_group_that_denies_everything(net: Net) -> None:
    net.rules()
    assert net.reached() == []
    assert net.server.dhcp_offer() == net.server.port.ip
