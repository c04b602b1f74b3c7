"""The fabric on a real northbound database."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import pytest
from onebox.shell import patience, wait_until

from apps.drivers.errors import DriverError
from apps.drivers.fabric.declared import ovn_columns
from apps.drivers.ovn.fabric import OvnFabric
from apps.drivers.ovn.rows import derived
from apps.drivers.specs import (
    Direction,
    EdgeSpec,
    ExternalPortSpec,
    PortSpec,
    ProviderNetworkSpec,
    RuleAction,
    RulePriority,
    RuleProtocol,
    RuleSpec,
    SecurityGroupSpec,
    SubnetSpec,
    TranslatedAddressSpec,
    VpcSpec,
)
from tests.drivers.contracts.external import ExternalContract, at, connected, translated
from tests.drivers.contracts.fabric import FabricContract, built, refused
from tests.drivers.ovn_tidy import tidy_fabric
from tests.drivers.samples import a_port, a_subnet, a_vpc, an_external_port, new_id
from tests.onebox_fixtures import Onebox

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def fabric(northbound: str) -> Iterator[OvnFabric]:
    with tidy_fabric(northbound) as connected:
        yield connected


class TestOvnFabric(FabricContract, ExternalContract):
    pass


@pytest.fixture
def group() -> SecurityGroupSpec:
    return SecurityGroupSpec(new_id(), tuple(many_rules(200)))


def many_rules(count: int) -> Iterator[RuleSpec]:
    for number in range(count):
        yield RuleSpec(
            Direction.IN,
            RuleProtocol.TCP,
            RuleAction.ACCEPT,
            RulePriority.MEDIUM,
            f"192.168.{number}.0/24",
            1000 + number,
            1010 + number,
        )


def changes_seen(fabric: OvnFabric) -> int:
    """Return a number that grows whenever the database changes."""
    return fabric._northbound.read(lambda replica: int(replica.change_seqno))


class TooLate(Exception):
    """What a guard raises that has changed its mind."""


@pytest.mark.requirement("OP-2")
def test_nothing_is_changed_for_whom_the_guard_stops(fabric: OvnFabric) -> None:
    def guard() -> None:
        raise TooLate

    vpc, before = a_vpc(), changes_seen(fabric)
    with pytest.raises(TooLate):
        fabric.guarded(guard).ensure(vpc)
    assert vpc.id not in fabric.inventory().of(VpcSpec)
    assert changes_seen(fabric) == before
    fabric.ensure(vpc)
    with pytest.raises(TooLate):
        fabric.guarded(guard).ensure_absent(VpcSpec, vpc.id)
    assert vpc.id in fabric.inventory().of(VpcSpec)
    fabric.ensure_absent(VpcSpec, vpc.id)


def priorities(fabric: OvnFabric) -> Counter[int]:
    """Count the ACLs of the database by priority."""
    return fabric._northbound.read(
        lambda replica: Counter(row.priority for row in replica.tables["ACL"].rows.values())
    )


@pytest.mark.requirement("EI-4")
def test_a_port_of_a_subnet_from_an_older_version_gives_up_its_default_route(
    fabric: OvnFabric, onebox: Onebox
) -> None:
    """The row is missing that says what such a port is handed out; until the subnet is resynced, too."""
    _, subnet = built(fabric)
    port, options = a_port(subnet), str(derived(subnet.id, "dhcp-vpc"))
    fabric.ensure(port)
    wanted = onebox.northbound("get", "DHCP_Options", options, "options")
    onebox.northbound("destroy", "DHCP_Options", options)
    wait_until(lambda: subnet.id in fabric.inventory().unprotected, "the loss to be seen", seconds=10)
    fabric.ensure(replace(port, default_route=False, generation=2))
    assert onebox.northbound("get", "DHCP_Options", options, "options") == wanted
    assert onebox.northbound("get", "Logical_Switch_Port", port.id, "dhcpv4_options") == options
    assert subnet.id not in fabric.inventory().unprotected
    fabric.ensure(subnet)


@pytest.mark.requirement("SG-3")
def test_200_rules_are_set_and_replaced_as_a_whole(fabric: OvnFabric, group: SecurityGroupSpec) -> None:
    before = priorities(fabric)
    fabric.ensure(group)
    medium = priorities(fabric) - before
    fabric.ensure(
        replace(group, rules=tuple(replace(rule, priority=RulePriority.HIGH) for rule in group.rules))
    )
    high = priorities(fabric) - before
    (of_medium,), (of_high,) = ([at for at, n in some.items() if n >= 200] for some in (medium, high))
    assert of_high > of_medium and medium[of_medium] == high[of_high] == 200
    assert high[of_medium] == 0
    fabric.ensure_absent(SecurityGroupSpec, group.id)
    assert priorities(fabric) == before


def test_what_is_right_already_is_not_written(fabric: OvnFabric, group: SecurityGroupSpec) -> None:
    vpc, subnet = built(fabric)
    port = a_port(subnet, 11, group.id)

    def ensure() -> None:
        fabric.ensure(vpc)
        fabric.ensure(subnet)
        fabric.ensure(group)
        fabric.ensure(port)

    ensure()
    before = changes_seen(fabric)
    ensure()
    assert changes_seen(fabric) == before


def test_what_another_hand_changed_is_put_right(fabric: OvnFabric, onebox: Onebox) -> None:
    _, subnet = built(fabric)
    port = a_port(subnet)
    fabric.ensure(port)
    onebox.northbound("lsp-set-addresses", port.id, "unknown")
    deadline = time.monotonic() + patience(10)
    while onebox.northbound("lsp-get-addresses", port.id) != f"{port.mac} {port.ip}":
        assert time.monotonic() < deadline, "the port kept the wrong address"
        fabric.ensure(port)


TAMPERINGS = {
    "a router without its controller limits": ("vpc", "clear logical_router {vpc} copp"),
    "a router without its connection limit": ("vpc", "remove logical_router {vpc} options ct-zone-limit"),
    "a meter at another rate": ("vpc", "set meter_band {band} rate=1000000"),
    "a meter gone": ("vpc", "destroy meter {meter}"),
    "controller limits without one protocol": ("vpc", "remove copp {copp} meters arp-resolve"),
    "a switch without its controller limits": ("subnet", "clear logical_switch {subnet} copp"),
    "a switch without its connection limit": (
        "subnet",
        "remove logical_switch {subnet} other_config ct-zone-limit",
    ),
    "a switch without rules, as an older version made it": ("subnet", "clear logical_switch {subnet} acls"),
    "an always-on rule that drops less": ("subnet", "set acl {forged} match=ip6"),
    "an always-on rule that lets through": ("subnet", "set acl {forged} action=allow"),
    "a port without port security": ("port", "clear logical_switch_port {port} port_security"),
    "a switch without its flooding limits": ("subnet", "clear logical_switch {subnet} qos_rules"),
    "a switch with another flooding limit": ("subnet", "set qos {flooding} bandwidth:rate=1000000"),
}


@pytest.mark.requirement("SE-10")
@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_limits_and_rules_taken_away_are_noticed_and_put_back(
    fabric: OvnFabric, onebox: Onebox, tampering: str
) -> None:
    vpc, subnet = built(fabric)
    port = a_port(subnet)
    fabric.ensure(port)
    id = {"vpc": vpc.id, "subnet": subnet.id, "port": port.id}[TAMPERINGS[tampering][0]]
    command = TAMPERINGS[tampering][1].format(
        vpc=vpc.id,
        subnet=subnet.id,
        port=port.id,
        copp=derived(vpc.id, "copp"),
        meter=derived(vpc.id, "meter-neighbours"),
        band=derived(vpc.id, "band-neighbours"),
        forged=derived(subnet.id, "never-forged"),
        flooding=derived(subnet.id, "flooding-arp"),
    )
    assert id not in fabric.inventory().unprotected
    onebox.northbound(*command.split())
    wait_until(lambda: id in fabric.inventory().unprotected, "notice", seconds=60)
    fabric.ensure(vpc)
    fabric.ensure(subnet)
    fabric.ensure(port)
    assert fabric.inventory().unprotected.isdisjoint({vpc.id, subnet.id, port.id})


EDGE_TAMPERINGS = {
    "an edge without its controller limits": ("edge", "clear logical_router {edge} copp"),
    "an edge that passes on anything": ("edge", "clear logical_router {edge} policies"),
    "a rule for guests that lets through": ("edge", "set acl {forged} action=allow"),
    "guests that reach each other": ("edge", "set acl {elsewhere} action=allow"),
    "VPCs that reach each other": ("edge", "set acl {links} action=allow"),
    "a way to VPCs that is silent about sizes": ("edge", "clear logical_router_port {ways} options"),
    "a provider network on another VLAN": ("network", "set logical_switch_port {localnet} tag=4000"),
    "a provider network without its controller limits": ("network", "clear logical_switch {network} copp"),
    "a port that may use any address": ("port", "clear logical_switch_port {port} port_security"),
    "a port outside the group of all": ("edge", "clear port_group {everybody} ports"),
    "an address without translation": ("port", "clear logical_router {edge} nat"),
    "an address with another MAC": (
        "port",
        "set static_mac_binding {binding} mac=02\\:00\\:00\\:00\\:00\\:01",
    ),
    "an address without its limit": ("port", "clear logical_switch {guests} qos_rules"),
}


@pytest.mark.requirement("SE-10")
@pytest.mark.parametrize("tampering", EDGE_TAMPERINGS)
def test_what_an_edge_needs_is_noticed_when_it_is_gone_and_put_back(
    fabric: OvnFabric, onebox: Onebox, tampering: str
) -> None:
    edge, network = connected(fabric)
    port = an_external_port(edge, at(network))
    fabric.ensure(port)
    id = {"edge": edge.id, "network": network.id, "port": port.id}[EDGE_TAMPERINGS[tampering][0]]
    command = EDGE_TAMPERINGS[tampering][1].format(
        edge=edge.id,
        network=network.id,
        port=port.id,
        forged=derived(edge.id, "externals-never-forged"),
        elsewhere=derived(edge.id, "externals-nowhere-else"),
        links=derived(edge.id, "links-not-to-each-other"),
        ways=derived(edge.id, "edge-links-gateway"),
        localnet=derived(network.id, "localnet"),
        everybody=derived(edge.id, "externals"),
        binding=derived(edge.id, f"mac {port.addresses[0].ip}"),
        guests=derived(edge.id, "edge-guests"),
    )
    assert id not in fabric.inventory().unprotected
    onebox.northbound(*command.split())
    wait_until(lambda: id in fabric.inventory().unprotected, "notice", seconds=10)
    for spec in (edge, network, port):
        fabric.ensure(spec)
    assert fabric.inventory().unprotected.isdisjoint({edge.id, network.id, port.id})


def test_nothing_of_an_edge_is_left_behind_or_written_twice(fabric: OvnFabric) -> None:
    tables = sorted(ovn_columns())

    def rows() -> dict[str, int]:
        return fabric._northbound.read(
            lambda replica: {each: len(replica.tables[each].rows) for each in tables}
        )

    before = rows()
    edge, network = connected(fabric)
    limited = replace(an_external_port(edge, at(network)), mbit_in=50, mbit_out=50)
    fabric.ensure(limited)
    vpc, inside, one_to_one = translated(fabric, edge, at(network, 11))
    unchanged = changes_seen(fabric)
    for spec in (edge, network, limited, one_to_one):
        fabric.ensure(spec)
    assert changes_seen(fabric) == unchanged
    for kind, id in (
        (TranslatedAddressSpec, one_to_one.id),
        (ExternalPortSpec, limited.id),
        (ProviderNetworkSpec, network.id),
        (EdgeSpec, edge.id),
        (PortSpec, inside.id),
        (SubnetSpec, inside.subnet_id),
        (VpcSpec, vpc.id),
    ):
        fabric.ensure_absent(kind, id)
    assert rows() == before


@pytest.mark.requirement("SE-10")
def test_a_connection_limit_taken_away_is_noticed_and_put_back(fabric: OvnFabric, onebox: Onebox) -> None:
    _, subnet = built(fabric)
    port = a_port(subnet)
    fabric.ensure(port)
    onebox.northbound("remove", "logical_switch_port", port.id, "options", "ct-zone-limit")
    wait_until(lambda: fabric.inventory().connection_limits[port.id] == 0, "notice", seconds=60)
    fabric.ensure(port)
    assert fabric.inventory().connection_limits[port.id] == port.connection_limit


@pytest.mark.requirement("SE-10")
def test_what_a_network_was_limited_by_goes_with_it(fabric: OvnFabric) -> None:
    tables = ("ACL", "QoS", "Copp", "Meter", "Meter_Band")

    def rows() -> list[int]:
        return fabric._northbound.read(lambda replica: [len(replica.tables[table].rows) for table in tables])

    before = rows()
    vpc, subnet = built(fabric)
    port = a_port(subnet)
    fabric.ensure(port)
    assert all(now > then for now, then in zip(rows(), before, strict=True))
    for kind, id in ((PortSpec, port.id), (SubnetSpec, subnet.id), (VpcSpec, vpc.id)):
        fabric.ensure_absent(kind, id)
    assert rows() == before


@pytest.mark.requirement("SE-10")
def test_every_protocol_that_ovn_can_limit_is_limited(fabric: OvnFabric, onebox: Onebox) -> None:
    """ovn-nbctl refuses a protocol it does not know, and names all that it does."""
    vpc = a_vpc()
    fabric.ensure(vpc)
    refusal = onebox.central.exec(
        *("sh", "-c", "ovn-nbctl --timeout=15 copp-add nobody no-such-protocol meter 2>&1 || true")
    )
    known = set(re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)*", refusal.rpartition("Allowed values:")[2]))
    limited = onebox.northbound("--bare", "--columns=meters", "list", "copp", str(derived(vpc.id, "copp")))
    assert known >= {"arp", "dhcpv4-opts", "reject"}, refusal
    assert {word.partition("=")[0] for word in limited.split()} == known


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.mark.requirement("CL-6", "EI-5")
def test_a_port_of_a_vm_that_moves_belongs_to_both_hosts_the_second_silent_until_the_guest_is_there(
    onebox: Onebox, fabric: OvnFabric
) -> None:
    _vpc, subnet = built(fabric)
    port = a_port(subnet)
    fabric.ensure(port)

    def options() -> str:
        return onebox.northbound("get", "Logical_Switch_Port", port.id, "options")

    before = options()
    fabric.ensure_hosts([port.id], ["host-1", "host-2"])
    for _ in range(2):
        assert 'requested-chassis="host-1,host-2"' in options()
        assert "activation-strategy=rarp" in options()
        fabric.ensure(port)  # whatever else happens meanwhile
    fabric.ensure_hosts([port.id], ["host-2"])
    assert "requested-chassis=host-2" in options()
    assert "activation-strategy" not in options()
    fabric.ensure_hosts([port.id], [])
    assert options() == before


def test_processes_that_race_make_one_of_each(northbound: str, stack: ExitStack) -> None:
    fabrics = [stack.enter_context(tidy_fabric(northbound)) for _ in range(4)]
    for fabric in fabrics:
        fabric.inventory()
    vpc = a_vpc()
    subnet = a_subnet(vpc)
    port = a_port(subnet)

    def ensure(fabric: OvnFabric) -> None:
        for _ in range(3):
            try:
                fabric.ensure(vpc)
                fabric.ensure(subnet)
                return fabric.ensure(port)
            except DriverError as error:
                assert not error.permanent, error

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ensure, fabrics))
    seen = fabrics[0].inventory()
    assert (
        vpc.id in seen.of(VpcSpec),
        subnet.id in seen.of(SubnetSpec),
        port.id in seen.of(PortSpec),
    ) == (True, True, True)


def test_a_database_that_does_not_answer_is_told_within_the_time_out() -> None:
    with refused("fabric.unreachable"):
        OvnFabric("tcp:127.0.0.1:9", timeout=1).inventory()
