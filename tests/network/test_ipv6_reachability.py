"""The connectivity check over IPv6."""

from __future__ import annotations

import pytest

from apps.accounts.models import Project, User
from apps.infrastructure.models import Region
from apps.lifecycle.models import Resource
from apps.network.models import SecurityGroup, Subnet, Vpc
from apps.network.services.addresses import allocate_nic
from tests import factories
from tests.network.factories import make_group, make_machine, make_subnet

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("UX-8")]

OUT6 = {"direction": "out", "protocol": "all", "address": "::/0"}
PING6_IN = {"direction": "in", "protocol": "icmpv6", "address": "fd12::/16"}
PING4_IN = {"direction": "in", "protocol": "ping", "address": "0.0.0.0/0"}


@pytest.fixture
def dual(vpc: Vpc) -> Subnet:
    return make_subnet(vpc, cidr6="fd12:0:0:1::/64")


def plugged(subnet: Subnet, name: str, group: SecurityGroup | None = None) -> Resource:
    assert subnet.project is not None and subnet.region is not None
    machine = make_machine(subnet.project, subnet.region, name)
    Resource.objects.filter(pk=machine.pk).update(observed_generation=1)
    allocate_nic(subnet, machine, security_group=group)
    return machine


def ask(user: User, a: str, b: str, **query: str) -> dict[str, object]:
    answer = factories.api_client(user).get("/api/v1/reachability", {"from": a, "to": b, **query})
    assert answer.status_code == 200, answer.content
    found: dict[str, object] = answer.json()
    return found


def bad(body: dict[str, object]) -> list[tuple[str, str]]:
    steps: list[dict[str, str]] = body["steps"]  # type: ignore[assignment]
    return [(step["code"], step["end"]) for step in steps if step["result"] != "ok"]


def test_an_ipv6_address_or_icmpv6_asks_about_ipv6(
    dual: Subnet, alice: User, project_a: Project, region: Region
) -> None:
    group = make_group(project_a, region, OUT6, PING6_IN)
    plugged(dual, "a", group), plugged(dual, "b", group)
    for query in (("a", "b", "icmpv6"), ("a", "fd12:0:0:1::3", "icmpv6"), ("fd12:0:0:1::2", "b", "icmpv6")):
        body = ask(alice, query[0], query[1], protocol=query[2])
        assert (body["result"], body["text"]) == ("ok", "a can reach b by ICMPv6.")
        ends = (body["from"], body["to"])
        assert [end["ip"] for end in ends] == ["fd12:0:0:1::2", "fd12:0:0:1::3"]  # type: ignore[index]
    assert bad(ask(alice, "a", "b", protocol="icmpv4"))[0][0] == "rules.no_match"
    assert bad(ask(alice, "a", "fd12:0:0:1::3", protocol="tcp", port="80")) == [("rules.no_match", "to")]


def test_another_subnet_of_the_vpc_is_reached_by_the_router(dual: Subnet, alice: User) -> None:
    other = make_subnet(dual.vpc, "10.0.2.0/24", "fd12:0:0:2::/64")
    plugged(dual, "a"), plugged(other, "b")
    body = ask(alice, "a", "b", protocol="icmpv6")
    steps: list[dict[str, str]] = body["steps"]  # type: ignore[assignment]
    (route,) = [step["text"] for step in steps if step["code"] == "route.router"]
    assert body["result"] == "ok" and "fd12:0:0:1::1" in route and "fd12:0:0:2::/64" in route


def test_an_end_without_ipv6_is_named(dual: Subnet, alice: User) -> None:
    plain = make_subnet(dual.vpc, "10.0.2.0/24")
    plugged(dual, "a"), plugged(plain, "b")
    body = ask(alice, "a", "b", protocol="icmpv6")
    assert (body["result"], bad(body)) == ("blocked", [("port.no_ipv6", "to")])
    assert "IPv6 prefix" in str(body["hint"])
    assert bad(ask(alice, "b", "a", protocol="icmpv6")) == [("port.no_ipv6", "from")]
    assert ask(alice, "a", "b", protocol="icmpv4")["result"] == "ok"


@pytest.mark.parametrize(
    ("to", "protocol", "why"),
    [
        ("fd12:0:0:1::3", "icmpv4", "ICMPv4 needs IPv4 addresses."),
        ("10.0.1.3", "icmpv6", "ICMPv6 needs IPv6 addresses."),
    ],
)
def test_a_protocol_of_the_other_ip_version_is_refused_at_its_field(
    dual: Subnet, alice: User, to: str, protocol: str, why: str
) -> None:
    plugged(dual, "a"), plugged(dual, "b")
    query = {"from": "a", "to": to, "protocol": protocol}
    answer = factories.api_client(alice).get("/api/v1/reachability", query)
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "protocol", "message": why}]
    page = factories.page_client(alice).get("/reachability/", query)
    assert page.status_code == 422 and why in page.content.decode()
