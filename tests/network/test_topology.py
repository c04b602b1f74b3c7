"""UX-8: the picture of a VPC."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import Project, Role, Tenant, User
from apps.compute.models import Power, Vm
from apps.infrastructure.models import Host, Region
from apps.lifecycle.models import Resource, State
from apps.lifecycle.state_labels import StateLabel
from apps.network import topology
from apps.network.models import Eip, SecurityGroup, SegmentAddress, Subnet, Vpc
from apps.network.services.addresses import allocate_nic
from apps.network.topology import TOPOLOGY, TopologyItem, TopologySlot
from tests import factories
from tests.kinds.external_segment import segment_row
from tests.network.factories import make_group, make_subnet, make_vpc

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("UX-8")]

NewVm = Callable[..., Vm]


@pytest.fixture
def host(region: Region) -> Host:
    return factories.make_host(factories.make_cluster(region), last_report_at=timezone.now())


@pytest.fixture
def new_vm(project_a: Project, region: Region, host: Host, subnet: Subnet) -> NewVm:
    """Make VMs that run, each with a NIC."""

    def made(
        name: str,
        at: Subnet | None = None,
        group: SecurityGroup | None = None,
        project: Project = project_a,
        **more: Any,
    ) -> Vm:
        common: dict[str, Any] = {
            "kind": "vm",
            "name": name,
            "hostname": name,
            "state": State.READY,
            "region": region,
        }
        where: dict[str, Any] = {
            "tenant": project.tenant,
            "project": project,
            "cluster": host.cluster,
            "host": host,
        }
        common |= {"vcpu": 1, "memory_mib": 1024, "power_seen": Power.ON}
        vm = Vm.objects.create(**(common | where | more))
        allocate_nic(at or subnet, vm, security_group=group)
        return vm

    return made


def shown(user: User, vpc: Vpc, query: str = "", area: str = "") -> str:
    """Return the tab, white space narrowed."""
    answer = factories.page_client(user).get(f"{area}/vpcs/{vpc.pk}/topology/{query}")
    assert answer.status_code == 200, answer.content
    page = re.sub(r"\s+", " ", answer.content.decode())
    return page[page.index('data-live="tab"') :]


def machine(page: str, name: str) -> str:
    """Return what is drawn of one machine."""
    return next(part for part in page.split('<li class="topology-machine')[1:] if f">{name}</a>" in part)


@pytest.mark.parametrize("area", ["", "/admin"])
def test_the_picture_has_router_subnets_and_vms_with_address_state_and_security_group(
    alice: User, ada: User, area: str, new_vm: NewVm, subnet: Subnet, project_a: Project, region: Region
) -> None:
    group = make_group(project_a, region)
    runs, stopped = new_vm("web-1", group=group), new_vm("web-2", power_seen=Power.OFF)
    page = shown(ada if area else alice, subnet.vpc, area=area)
    for row in (subnet.vpc, subnet, runs, stopped, group):
        plural = {"vpc": "vpcs", "subnet": "subnets", "vm": "vms"}.get(row.kind, "security-groups")
        assert f'href="{area}/{plural}/{row.pk}/"' in page
    assert str(subnet.vpc.cidr) in page and str(subnet.cidr) in page and "251 free addresses" in page
    first, second = machine(page, "web-1"), machine(page, "web-2")
    assert (
        str(runs.nics.get(role="internal").ip) in first
        and "pill-ok" in first
        and f">{group.name}</a>" in first
    )
    assert (
        str(stopped.nics.get(role="internal").ip) in second
        and "pill-off" in second
        and "No security group" in second
    )


def test_the_subnets_and_vms_left_out_are_counted_with_a_link_to_the_narrowed_list(
    alice: User, new_vm: NewVm, vpc: Vpc, subnet: Subnet, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (topology.MOST_SUBNETS, topology.MOST_MACHINES) == (12, 24)
    monkeypatch.setattr(topology, "MOST_SUBNETS", 2)
    monkeypatch.setattr(topology, "MOST_MACHINES", 2)
    for block in range(2, 6):
        make_subnet(vpc, f"10.0.{block}.0/24")
    for number in range(5):
        new_vm(f"vm-{number}")
    page = shown(alice, vpc)
    assert page.count('class="topology-subnet"') == 2
    assert re.findall(r">(vm-\d)</a>", page) == ["vm-0", "vm-1"]
    assert f'<a href="/vms/?subnet={subnet.pk}">and 3 more<' in page
    assert f'<a href="/subnets/?vpc={vpc.pk}">and 3 more subnets</a>' in page


def test_a_large_vpc_costs_as_many_queries_as_a_small_one(
    alice: User, mia: User, new_vm: NewVm, vpc: Vpc, project_a: Project, region: Region
) -> None:
    clients = [factories.page_client(user) for user in (alice, mia)]

    def queries() -> list[int]:
        found = []
        for client in clients:
            with CaptureQueriesContext(connection) as captured:
                assert client.get(f"/vpcs/{vpc.pk}/topology/").status_code == 200
            found.append(len(captured))
        return found

    new_vm("first", group=make_group(project_a, region))
    queries()
    small = queries()
    for block in range(8, 12):
        subnet = make_subnet(vpc, f"10.0.{block}.0/24")
        for number in range(4):
            new_vm(f"vm-{block}-{number}", at=subnet, group=make_group(project_a, region))
    assert queries() == small


def test_the_source_and_then_the_destination_lead_to_the_connectivity_check(
    alice: User, new_vm: NewVm, vpc: Vpc
) -> None:
    a, b = new_vm("a"), new_vm("b")
    assert f'href="?from={a.pk}"' in machine(shown(alice, vpc), "a")
    page = shown(alice, vpc, f"?from={a.pk}")
    assert "Source: a. Choose the destination." in page
    assert "topology-source" in page and "Source<" in machine(page, "a")
    target = f"/reachability/?from={a.pk}&amp;to={b.pk}"
    assert f'href="{target}"' in machine(page, "b")
    answer = factories.page_client(alice).get(target.replace("&amp;", "&"))
    assert answer.context["answer"].path.target.owner.name == "b"


@pytest.mark.parametrize("given", ["", "x", "\0", "00000000-0000-0000-0000-000000000000"])
def test_an_unknown_source_is_no_source(alice: User, new_vm: NewVm, vpc: Vpc, given: str) -> None:
    new_vm("a")
    assert "Check from here" in shown(alice, vpc, f"?from={given}")


def test_an_empty_vpc_says_what_to_do_next(
    alice: User, vera: User, vpc: Vpc, ada: User, project_a: Project
) -> None:
    create = f'href="/subnets/create/?vpc={vpc.pk}"'
    assert "VMs need a subnet" in shown(alice, vpc) and create in shown(alice, vpc)
    assert create not in shown(vera, vpc) and create not in shown(ada, vpc, area="/admin")
    subnet = make_subnet(vpc)
    new = f'href="/vms/create/?subnet={subnet.pk}"'
    assert "No VMs yet." in shown(alice, vpc) and new in shown(alice, vpc)
    assert new not in shown(vera, vpc)


def test_another_tenant_finds_no_picture(bob: User, vpc: Vpc) -> None:
    assert factories.page_client(bob).get(f"/vpcs/{vpc.pk}/topology/").status_code == 404


def test_vms_of_projects_without_access_are_counted_and_not_named(
    new_vm: NewVm, vpc: Vpc, tenant_a: Tenant, project_a: Project
) -> None:
    member = factories.make_member(tenant_a, Role.VIEWER, "only-a", project=project_a)
    new_vm("mine")
    new_vm("secret", project=factories.make_project(tenant_a, "other"))
    page = shown(member, vpc)
    assert "mine" in page and "secret" not in page and "and 1 without access" in page


def test_the_tab_follows_what_it_draws(alice: User, vpc: Vpc, monkeypatch: pytest.MonkeyPatch) -> None:
    slot = TopologySlot(lambda page, row, keys: (), watch=("gateway",))
    monkeypatch.setattr(TOPOLOGY, "_fillings", [*TOPOLOGY, slot])
    client = factories.page_client(alice)
    everywhere = ["subnet", "vm", "eni"]
    for tab, kinds in (("topology/", [*everywhere, "security_group", "eip", "gateway"]), ("", everywhere)):
        watched = client.get(f"/vpcs/{vpc.pk}/{tab}").context["watched"]
        assert watched.split() == [f"vpc:{vpc.pk}", *kinds]


def test_apps_above_add_to_the_router_to_subnets_and_to_vms(
    alice: User, new_vm: NewVm, subnet: Subnet, monkeypatch: pytest.MonkeyPatch
) -> None:
    vm = new_vm("web")
    elsewhere = make_vpc(vm.project, vm.region) if vm.project and vm.region else vm
    gateway = StateLabel("Available", "ok")
    items = [
        TopologyItem(subnet.vpc_id, "world", "nat-<1>", "/nat/1/", gateway, ("192.0.2.1",)),
        TopologyItem(subnet.pk, "world", "balancer"),
        TopologyItem(vm.pk, "world", "eip-1", details=("192.0.2.7",)),
        TopologyItem(elsewhere.pk, "world", "not here"),
    ]
    monkeypatch.setattr(topology, "MOST_ITEMS", 1)
    slot = TopologySlot(lambda page, row, keys: [*items, items[0]])
    monkeypatch.setattr(TOPOLOGY, "_fillings", [*TOPOLOGY, slot])
    page = shown(alice, subnet.vpc)
    before_router, rest = page.split('class="topology-router"')
    assert '<a href="/nat/1/">nat-&lt;1&gt;</a>' in before_router and "192.0.2.1" in before_router
    assert before_router.count("nat-&lt;1&gt;") == 1 and "and 1 more" in before_router
    head, machines = rest.split('class="topology-machines"')
    assert "balancer" in head and "192.0.2.7" in machine(machines, "web") and "not here" not in page


@pytest.mark.requirement("EI-3")
def test_eips_are_drawn_at_their_vms(alice: User, new_vm: NewVm, vpc: Vpc) -> None:
    vm, other = new_vm("web"), new_vm("db")
    assert vm.region is not None and vm.project is not None
    segment = segment_row(vm.region, "internet")
    for number, carrier in enumerate((vm, other, None), start=7):
        eip = Eip.objects.create(
            kind="eip",
            name=f"eip-{number}",
            tenant=vm.tenant,
            project=vm.project,
            region=vm.region,
            state=State.READY,
            segment=segment,
            mbit=10,
            carrier=carrier,
        )
        SegmentAddress.objects.create(segment=segment, ip=f"203.0.113.{number}", use="eip", holder=eip)
    _head, machines = shown(alice, vpc).split('class="topology-machines"')
    assert "203.0.113.7" in machine(machines, "web") and "203.0.113.8" not in machine(machines, "web")
    assert "203.0.113.8" in machine(machines, "db") and "203.0.113.9" not in machines


def test_a_vm_that_fails_or_changes_has_its_tone(alice: User, new_vm: NewVm, vpc: Vpc) -> None:
    failed = new_vm("failed")
    Resource.objects.filter(pk=failed.pk).update(state=State.ERROR)
    drawn = machine(shown(alice, vpc), "failed")
    assert drawn.startswith(" topology-error") and "pill-error" in drawn
