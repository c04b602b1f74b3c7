"""UX-8: why one VM cannot reach another."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import Project, Role, Tenant, User
from apps.compute.models import PauseReason, Power, Vm
from apps.drivers.ovn.security_groups import ACTIONS, PRIORITIES
from apps.drivers.specs import RuleAction, RulePriority
from apps.infrastructure.models import Host, Region
from apps.lifecycle.models import Operation, OperationStatus, Resource, State
from apps.network.models import Nic, Protocol, SecurityGroup, SecurityGroupRule, Subnet
from apps.network.reachability.deciding import deciding_rule
from apps.network.reachability.flow import Flow
from apps.network.services.addresses import allocate_nic
from apps.reconciliation.models import Finding, FindingState
from apps.reconciliation.models import Rule as FindingRule
from tests import factories
from tests.network.factories import make_group, make_subnet, make_vpc

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("UX-8")]

PATH = "/api/v1/reachability"
ALL_OUT = {"direction": "out", "protocol": "all", "address": "0.0.0.0/0"}
PING_IN = {"direction": "in", "protocol": "ping", "address": "0.0.0.0/0"}


@pytest.fixture
def host(region: Region) -> Host:
    host = factories.make_host(factories.make_cluster(region))
    Host.objects.update(last_report_at=timezone.now() + timedelta(hours=1))
    host.refresh_from_db()
    return host


Plug = Callable[..., Vm]


@pytest.fixture
def plug(project_a: Project, region: Region, host: Host, subnet: Subnet) -> Plug:
    """Make VMs that run, each with a NIC."""

    def made(
        name: str,
        group: SecurityGroup | None = None,
        at: Subnet | None = None,
        project: Project | None = None,
    ) -> Vm:
        project = project or project_a
        vm = Vm.objects.create(
            kind="vm",
            name=name,
            hostname=name,
            state=State.READY,
            observed_generation=1,
            tenant=project.tenant,
            project=project,
            region=region,
            cluster=host.cluster,
            host=host,
            vcpu=1,
            memory_mib=1024,
            power_seen=Power.ON,
        )
        allocate_nic(at or subnet, vm, security_group=group)
        return vm

    return made


def ask(user: User, **query: Any) -> dict[str, Any]:
    answer = factories.api_client(user).get(PATH, query)
    assert answer.status_code == 200, answer.content
    body: dict[str, Any] = answer.json()
    return body


def check(user: User, a: Vm, b: Vm, **query: Any) -> dict[str, Any]:
    return ask(user, **{"from": str(a.pk), "to": str(b.pk), **query})


def bad(body: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return code, result and end of the steps that are not ok."""
    return [(s["code"], s["result"], s["end"]) for s in body["steps"] if s["result"] != "ok"]


def test_what_passes_is_said_step_by_step_in_the_order_of_the_way(
    plug: Plug, alice: User, project_a: Project, region: Region
) -> None:
    group = make_group(project_a, region, ALL_OUT, PING_IN)
    a, b = plug("a", group), plug("b", group)
    body = check(alice, a, b)
    assert (body["result"], body["text"]) == ("ok", "a can reach b by ICMPv4.")
    assert "firewall" in body["hint"]
    assert [(s["code"], s["end"]) for s in body["steps"]] == [
        ("power.on", "from"),
        ("port.ready", "from"),
        ("rules.accept", "from"),
        ("vpc.same", ""),
        ("route.local", ""),
        ("rules.accept", "to"),
        ("port.ready", "to"),
        ("power.on", "to"),
    ]
    assert body["from"]["vm"] == {"id": str(a.pk), "name": "a"}
    assert body["to"]["ip"] == str(Nic.objects.get(owner=b).ip)


def test_two_subnets_of_a_vpc_are_connected_by_its_router(plug: Plug, alice: User, subnet: Subnet) -> None:
    body = check(alice, plug("a"), plug("b", at=make_subnet(subnet.vpc, "10.0.2.0/24")))
    assert body["result"] == "ok"
    assert "route.router" in [s["code"] for s in body["steps"]]
    assert [s["code"] for s in body["steps"]].count("rules.no_group") == 2


def test_another_vpc_is_never_reached(plug: Plug, alice: User, project_a: Project, region: Region) -> None:
    other = make_subnet(make_vpc(project_a, region))
    body = check(alice, plug("a"), plug("b", at=other))
    assert bad(body) == [("vpc.other", "blocked", "")]
    (step,) = [s for s in body["steps"] if s["code"] == "vpc.other"]
    assert step["resource"]["id"] == str(other.vpc_id) and step["hint"]


RULES: dict[str, tuple[list[dict[str, Any]], dict[str, Any], list[tuple[str, str, str]]]] = {
    "no rule lets it in": ([ALL_OUT], {}, [("rules.no_match", "blocked", "to")]),
    "no rule lets it out": ([PING_IN], {}, [("rules.no_match", "blocked", "from")]),
    "another port": (
        [ALL_OUT, {"direction": "in", "protocol": "tcp", "port": "80-90", "address": "10.0.0.0/16"}],
        {"protocol": "tcp", "port": 91},
        [("rules.no_match", "blocked", "to")],
    ),
    "the last port of a range": (
        [ALL_OUT, {"direction": "in", "protocol": "tcp", "port": "80-90", "address": "10.0.0.0/16"}],
        {"protocol": "tcp", "port": 90},
        [],
    ),
    "another sender": (
        [ALL_OUT, {"direction": "in", "protocol": "ping", "address": "192.168.0.0/16"}],
        {},
        [("rules.no_match", "blocked", "to")],
    ),
    "drop wins over accept": (
        [ALL_OUT, PING_IN, {**PING_IN, "action": "drop", "address": "10.0.0.0/8"}],
        {},
        [("rules.drop", "blocked", "to")],
    ),
    "reject is named": (
        [ALL_OUT, PING_IN, {**PING_IN, "action": "reject", "address": "10.0.0.0/8"}],
        {},
        [("rules.reject", "blocked", "to")],
    ),
    "a higher priority wins over drop": (
        [ALL_OUT, {**PING_IN, "priority": "high"}, {**PING_IN, "action": "drop", "address": "10.0.0.0/8"}],
        {},
        [],
    ),
    "IPv6 means nothing here": (
        [ALL_OUT, {"direction": "in", "protocol": "all", "address": "::/0"}],
        {},
        [("rules.no_match", "blocked", "to")],
    ),
    "all TCP is no UDP": (
        [ALL_OUT, {"direction": "in", "protocol": "all_tcp", "address": "0.0.0.0/0"}],
        {"protocol": "udp", "port": 53},
        [("rules.no_match", "blocked", "to")],
    ),
    "GRE": (
        [ALL_OUT, {"direction": "in", "protocol": "gre", "address": "0.0.0.0/0"}],
        {"protocol": "gre"},
        [],
    ),
}


@pytest.mark.parametrize("case", RULES)
def test_the_rule_that_decides_is_named(
    plug: Plug, alice: User, project_a: Project, region: Region, case: str
) -> None:
    rules, flow, expected = RULES[case]
    group = make_group(project_a, region, *rules)
    body = check(alice, plug("a", group), plug("b", group), **flow)
    assert bad(body) == expected, body
    for step in body["steps"]:
        if step["code"] in ("rules.drop", "rules.reject", "rules.accept"):
            assert step["rule"]["address"] and step["resource"]["id"] == str(group.pk)


def test_the_deciding_rule_is_the_one_the_driver_gives_the_highest_priority() -> None:
    """Two hundred random groups, against the priorities that OVN gets."""
    dice = random.Random(8)  # noqa: S311 -- the same groups each time
    flow, peer = Flow(Protocol.TCP, 22), IPv4Address("10.0.0.9")
    kinds = [
        (Protocol.ALL, None),
        (Protocol.ALL_TCP, None),
        (Protocol.TCP, 22),
        (Protocol.UDP, 22),
        (Protocol.TCP, 80),
    ]
    blocks = ["0.0.0.0/0", "10.0.0.0/24", "10.0.0.9/32", "10.1.0.0/16"]
    for _ in range(200):
        rules = []
        for position in range(dice.randint(0, 6)):
            protocol, port = dice.choice(kinds)
            rules.append(
                SecurityGroupRule(
                    position=position,
                    direction=dice.choice(["in", "out"]),
                    protocol=protocol,
                    port_min=port,
                    port_max=port,
                    cidr=IPv4Network(dice.choice(blocks)),
                    action=dice.choice(SecurityGroupRule.Action.values),
                    priority=dice.choice(SecurityGroupRule.Priority.values),
                )
            )
        matching = [
            rule
            for rule in rules
            if rule.direction == "in" and peer in rule.cidr and rule.protocol != "udp" and rule.port_min != 80
        ]
        best = max(map(_acl_priority, matching), default=None)
        found = deciding_rule(rules, "in", flow, peer)
        assert (found and _acl_priority(found)) == best


def _acl_priority(rule: SecurityGroupRule) -> int:
    return PRIORITIES[RulePriority(rule.priority)] + ACTIONS[RuleAction(rule.action)][1]


def test_a_vm_that_does_not_run_is_named_with_what_to_do(plug: Plug, alice: User) -> None:
    a, b = plug("a"), plug("b")
    Vm.objects.filter(pk=b.pk).update(power_seen=Power.OFF)
    body = check(alice, a, b)
    assert bad(body) == [("power.off", "blocked", "to")]
    (step,) = [s for s in body["steps"] if s["code"] == "power.off"]
    assert (step["text"], step["hint"]) == ("b is stopped.", "Start the VM.")
    assert step["resource"] == {"kind": "vm", "id": str(b.pk), "name": "b"}
    assert body["hint"] == "Start the VM."
    Vm.objects.filter(pk=b.pk).update(power_seen=Power.ON, pause_reason=PauseReason.NO_SPACE)
    assert bad(check(alice, a, b)) == [("power.paused", "blocked", "to")]


def test_what_a_silent_host_said_last_is_not_certain(plug: Plug, alice: User) -> None:
    a, b = plug("a"), plug("b")
    Host.objects.update(last_report_at=timezone.now() - timedelta(hours=1))
    body = check(alice, a, b)
    assert body["result"] == "unknown"
    assert bad(body) == [("power.unknown", "unknown", "from"), ("power.unknown", "unknown", "to")]
    host = Host.objects.get()
    assert host.name not in str(body)


def _outdated(row: Resource) -> None:
    Resource.objects.filter(pk=row.pk).update(generation=5, observed_generation=4)


def _failed(row: Resource) -> None:
    Resource.objects.filter(pk=row.pk).update(state=State.ERROR)


def _never_made(row: Resource) -> None:
    Resource.objects.filter(pk=row.pk).update(state=State.ERROR, observed_generation=0)


def _being_created(row: Resource) -> None:
    Resource.objects.filter(pk=row.pk).update(state=State.PENDING)


def _changing(row: Resource) -> None:
    Operation.objects.create(
        verb="vm.rename",
        resource_id=row.pk,
        target_kind=row.kind,
        target_id=row.pk,
        status=OperationStatus.RUNNING,
        deadline=timezone.now() + timedelta(hours=1),
    )


def _differing(row: Resource) -> None:
    Finding.objects.create(
        rule=FindingRule.UNSYNCED,
        kind=row.kind,
        target_id=row.pk,
        resource_id=row.pk,
        region=row.region,
        state=FindingState.OPEN,
    )


STATES: dict[Callable[[Resource], None], tuple[str, str]] = {
    _outdated: ("network.outdated", "unknown"),
    _failed: ("network.failed", "unknown"),
    _never_made: ("network.failed", "blocked"),
    _being_created: ("network.pending", "blocked"),
    _changing: ("network.changing", "unknown"),
    _differing: ("network.differs", "unknown"),
}


@pytest.mark.parametrize("change", STATES)
@pytest.mark.parametrize("part", ["vm", "group", "subnet", "vpc"])
def test_what_is_not_yet_in_the_network_is_not_called_ok(
    plug: Plug,
    alice: User,
    project_a: Project,
    region: Region,
    part: str,
    change: Callable[[Resource], None],
) -> None:
    group = make_group(project_a, region, ALL_OUT, PING_IN)
    a, b = plug("a"), plug("b", group)
    subnet = Nic.objects.get(owner=b).subnet
    change({"vm": b, "group": group, "subnet": subnet, "vpc": subnet.vpc}[part])
    body = check(alice, a, b)
    end = "to" if part in ("vm", "group") else ""
    assert bad(body) == [(*STATES[change], end)], body
    (step,) = [s for s in body["steps"] if s["result"] != "ok"]
    assert step["hint"] and step["resource"]


def test_the_ends_are_found_by_id_nic_name_and_address(plug: Plug, alice: User, subnet: Subnet) -> None:
    a, b = plug("a"), plug("b")
    nic = Nic.objects.get(owner=b)
    for to in (b.pk, nic.pk, nic.ip, "b", "B", f" {nic.ip} "):
        assert ask(alice, **{"from": "a", "to": str(to)})["to"]["nic"] == str(nic.pk)
    assert ask(alice, **{"from": str(a.pk), "to": "b"})["from"]["vm"]["name"] == "a"


def test_an_address_means_the_one_in_the_senders_vpc(
    plug: Plug, alice: User, project_a: Project, region: Region
) -> None:
    other = make_subnet(make_vpc(project_a, region))
    plug("x", at=other), plug("y", at=other)
    a, b = plug("a"), plug("b")
    ip = str(Nic.objects.get(owner=b).ip)
    assert Nic.objects.filter(ip=ip).count() == 2
    assert ask(alice, **{"from": str(a.pk), "to": ip})["to"]["vm"]["name"] == "b"


def _refused(user: User, **query: Any) -> tuple[int, list[str]]:
    answer = factories.api_client(user).get(PATH, query)
    return answer.status_code, sorted(error["field"] for error in answer.json().get("errors", []))


def test_what_is_wrong_is_named_at_its_field(plug: Plug, alice: User) -> None:
    a, b = plug("a"), plug("b")
    plug("twin"), plug("twin")
    ends = {"from": str(a.pk), "to": str(b.pk)}
    assert _refused(alice) == (422, ["from", "to"])
    assert _refused(alice, **{**ends, "protocol": "sctp"}) == (422, ["protocol"])
    assert _refused(alice, **{**ends, "protocol": "tcp"}) == (422, ["port"])
    assert _refused(alice, **{**ends, "port": 80}) == (422, ["port"])
    for port in ("0", "65536", "x", "٢٢", "1-2"):
        assert _refused(alice, **{**ends, "protocol": "tcp", "port": port}) == (422, ["port"])
    assert _refused(alice, **{**ends, "to": str(a.pk)}) == (422, ["to"])
    assert _refused(alice, **{"from": "nobody", "to": "10.9.9.9"}) == (422, ["from", "to"])
    assert _refused(alice, **{**ends, "to": "twin"}) == (422, ["to"])
    assert _refused(alice, **{**ends, "to": ""}) == (422, ["to"])
    assert _refused(alice, **{**ends, "to": "x" * 64}) == (422, ["to"])
    assert _refused(alice, **{**ends, "vpc": "1"}) == (400, ["vpc"])


@pytest.mark.requirement("AC-1")
def test_nobody_learns_of_vms_of_others(
    plug: Plug, alice: User, bob: User, ada: User, tenant_a: Tenant, tenant_b: Tenant
) -> None:
    a, b = plug("a"), plug("b", project=factories.make_project(tenant_a))
    assert _refused(bob, **{"from": str(a.pk), "to": str(b.pk)}) == (422, ["from", "to"])
    viewer = factories.make_member(tenant_a, Role.VIEWER)
    ip = str(Nic.objects.get(owner=b).ip)
    for to in (str(b.pk), "b", ip):
        assert _refused(viewer, **{"from": str(a.pk), "to": to}) == (422, ["to"])
    assert check(ada, a, b)["result"] == "ok"


@pytest.mark.requirement("AC-1")
def test_rules_of_a_group_that_the_reader_does_not_see_are_not_shown(
    plug: Plug, project_a: Project, region: Region, tenant_a: Tenant
) -> None:
    group = make_group(factories.make_project(tenant_a), region, ALL_OUT, PING_IN)
    a, b = plug("a", group), plug("b", group)
    body = check(factories.make_member(tenant_a, Role.VIEWER), a, b)
    assert body["result"] == "ok"
    rules = [step for step in body["steps"] if step["code"] == "rules.accept"]
    assert [step["rule"] for step in rules] == [None, None]
    assert "0.0.0.0/0" not in str(body)


def test_the_number_of_queries_does_not_depend_on_the_size_of_networks_and_groups(
    plug: Plug, alice: User, project_a: Project, region: Region
) -> None:
    rules = [
        {"direction": "in", "protocol": "tcp", "port": str(port), "address": "0.0.0.0/0"}
        for port in range(1, 150)
    ]
    small, large = (
        make_group(project_a, region, ALL_OUT, PING_IN),
        make_group(project_a, region, ALL_OUT, *rules),
    )
    a, b = plug("a", small), plug("b", small)
    client = factories.api_client(alice)

    def queries(source: Vm, target: Vm) -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            assert client.get(PATH, {"from": str(source.pk), "to": str(target.pk)}).status_code == 200
        return len(seen)

    queries(a, b)
    few = queries(a, b)
    c, d = plug("c", large), plug("d", large)
    for number in range(10):
        plug(f"more-{number}", large)
    assert queries(c, d) == few <= 12


def test_the_page_asks_answers_and_links_to_what_to_change(
    plug: Plug, alice: User, project_a: Project, region: Region, subnet: Subnet
) -> None:
    group = make_group(project_a, region, ALL_OUT)
    a, _b = plug("a"), plug("b", group)
    browser = factories.page_client(alice)
    link = f"/reachability/?from={a.pk}"
    assert link in browser.get(f"/vms/{a.pk}/network/").content.decode()
    asked = browser.get(link).content.decode()
    assert f'value="{a.pk}"' in asked and '<option value="b">' in asked
    vpc_link = f"/reachability/?vpc={subnet.vpc_id}"
    assert vpc_link in browser.get(f"/vpcs/{subnet.vpc_id}/subnets/").content.decode()
    assert '<option value="a">' in browser.get(vpc_link).content.decode()
    answer = browser.get(f"{link}&to=b&protocol=tcp&port=22")
    html = answer.content.decode()
    assert answer.status_code == 200
    assert "a cannot reach b by TCP 22." in html
    assert f"a, {Nic.objects.get(owner=a).ip}" in html
    assert f"No inbound rule of {group.name} accepts TCP 22 from" in html
    assert f'href="/security-groups/{group.pk}/"' in html


def test_the_page_marks_what_is_wrong_at_its_field(plug: Plug, alice: User) -> None:
    a = plug("a")
    answer = factories.page_client(alice).get(f"/reachability/?from={a.pk}&to=nobody&protocol=tcp")
    html = answer.content.decode()
    assert answer.status_code == 422
    assert 'data-field="port"' in html and "A port from 1 to 65535." in html
    answer = factories.page_client(alice).get(f"/reachability/?from={a.pk}&to=nobody")
    assert answer.status_code == 422 and "No VM has this name, ID or IP address." in answer.content.decode()


def test_administrators_check_from_their_own_pages(plug: Plug, ada: User) -> None:
    a, b = plug("a"), plug("b")
    browser = factories.page_client(ada)
    assert f"/admin/reachability/?from={a.pk}" in browser.get(f"/admin/vms/{a.pk}/network/").content.decode()
    assert "a can reach b" in browser.get(f"/admin/reachability/?from={a.pk}&to={b.pk}").content.decode()
