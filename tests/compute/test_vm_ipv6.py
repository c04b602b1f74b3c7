"""VMs in subnets with an IPv6 prefix."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import Project, Tenant, User
from apps.compute.models import Vm
from apps.compute.specs import vm_spec
from apps.drivers.errors import DriverError
from apps.drivers.memory import MemoryFabric
from apps.drivers.memory.records import SUBNETS
from apps.drivers.specs import GuestNetwork
from apps.infrastructure import backends
from apps.lifecycle.actor import Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import Invalid, NotNow
from apps.lifecycle.legality import possibilities
from apps.lifecycle.models import OperationStatus
from apps.network.models import Eip, Nic, NicRole, Subnet
from apps.network.services.eip_binding import bind_eip
from apps.network.services.nic import add_ipv6, set_nic_bandwidth
from apps.network.services.subnet import add_ipv6 as add_ipv6_to_subnet
from apps.network.specs import port_spec
from apps.reconciliation.models import Rule
from tests import factories
from tests.compute.eips import guest_network, image_with_agent, internal_port, translated
from tests.compute.factories import Cloud, ask_for_vms, make_vm
from tests.network.external import INTERNET6, make_eip, make_segment
from tests.network.factories import settle
from tests.reconciliation.drift import look_twice, the_finding, work

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("VP-2")]

PREFIX = "fd12:3456:789a:1::/64"


@pytest.fixture
def project(tenant_a: Tenant) -> Project:
    return factories.default_project(tenant_a)


@pytest.fixture
def page(alice: User) -> Client:
    return factories.page_client(alice)


def dual(owner: Actor, subnet: Subnet) -> Subnet:
    settle(add_ipv6_to_subnet(owner, subnet, cidr6=PREFIX))
    return Subnet.objects.get(pk=subnet.pk)


def ip6_of(vm: Vm) -> str:
    return str(vm.nics.get(role=NicRole.INTERNAL).ip6)


def test_a_vm_has_both_addresses_in_fabric_and_first_boot_data(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    plain = make_vm(owner, cloud, subnet, name="plain")
    vm = make_vm(owner, cloud, dual(owner, subnet))
    assert ip6_of(vm) == "fd12:3456:789a:1::3" == internal_port(cloud, vm).ip6
    assert [nic.dhcp6 for nic in vm_spec(vm).seed.nics] == [True]
    network = guest_network(cloud, vm)
    assert network is not None and [nic.mac for nic in network.nics if nic.addresses] == [
        vm.nics.get(role=NicRole.INTERNAL).mac
    ]
    assert internal_port(cloud, plain).ip6 == "" and guest_network(cloud, plain) in (None, GuestNetwork())
    assert [nic.dhcp6 for nic in vm_spec(plain).seed.nics] == [False]


def test_api_and_pages_show_and_find_the_ipv6_address(
    cloud: Cloud, subnet: Subnet, owner: Actor, page: Client
) -> None:
    vm = make_vm(owner, cloud, dual(owner, subnet))
    shown = page.get(f"/api/v1/vms/{vm.pk}").json()["nics"]
    assert [(nic["role"], nic["ip6"]) for nic in shown] == [
        ("internal", "fd12:3456:789a:1::2"),
        ("external", None),
    ]
    for path in ("/vms/", f"/vms/{vm.pk}/", f"/vms/{vm.pk}/network/", f"/vms/{vm.pk}/delete/"):
        assert "fd12:3456:789a:1::2" in page.get(path).content.decode(), path
    for query in (
        {"q": "fd12:3456:789a:1::2"},
        {"ip": "FD12:3456:789A:1::2"},
        {"ip": "fd12:3456::/32"},
    ):
        assert [row["id"] for row in page.get("/api/v1/vms", query).json()["results"]] == [str(vm.pk)], query
    assert page.get("/api/v1/vms", {"ip": "fd13::/32"}).json()["results"] == []


def test_a_vm_from_before_gets_its_ipv6_address_by_a_verb(
    cloud: Cloud, subnet: Subnet, owner: Actor, page: Client
) -> None:
    vm = make_vm(owner, cloud, subnet)
    with pytest.raises(NotNow, match="Add one to the subnet first"):
        add_ipv6(owner, vm)
    dual(owner, subnet)
    assert "The guest agent configures it." in page.get(f"/vms/{vm.pk}/add-ipv6/").content.decode()
    answer = page.post(f"/api/v1/vms/{vm.pk}/add-ipv6", {}, content_type="application/json")
    assert answer.status_code == 202, answer.json()
    settle(vm.operations.latest("sequence"))
    vm = Vm.objects.get(pk=vm.pk)
    port = internal_port(cloud, vm)
    assert (ip6_of(vm), port.ip6, port.generation) == (
        "fd12:3456:789a:1::2",
        "fd12:3456:789a:1::2",
        vm.generation,
    )
    with pytest.raises(NotNow, match="already has an IPv6 address"):
        add_ipv6(owner, vm)


def test_an_ipv6_address_that_could_not_be_applied_is_added_again(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    vm = make_vm(owner, cloud, subnet)
    dual(owner, subnet)
    backends.memory_world().fail("fabric.ensure_port", DriverError("No.", code="t.refused", permanent=True))
    operation = add_ipv6(owner, vm)
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.FAILED
    assert "vm.add_ipv6" in {one.verb.name for one in possibilities(Vm.objects.get(pk=vm.pk)) if one.allowed}
    settle(add_ipv6(owner, Vm.objects.get(pk=vm.pk)))
    assert internal_port(cloud, vm).ip6 == "fd12:3456:789a:1::2"
    with pytest.raises(NotNow, match="already has an IPv6 address"):
        add_ipv6(owner, Vm.objects.get(pk=vm.pk))


def test_a_guest_gets_the_address_though_another_operation_followed_the_failed_one(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    vm = make_vm(owner, cloud, subnet, image=image_with_agent(cloud).pk)
    dual(owner, subnet)
    backends.memory_world().fail("fabric.ensure_port", DriverError("No.", code="t.refused", permanent=True))
    execute(add_ipv6(owner, vm).pk)
    settle(set_nic_bandwidth(owner, Vm.objects.get(pk=vm.pk), role="internal", mbit_in=10, mbit_out=10))
    look_twice()
    assert work() == ["vm.resync"]
    network = guest_network(cloud, Vm.objects.get(pk=vm.pk))
    assert network is not None
    assert "fd12:3456:789a:1::2/64" in [a.address for nic in network.nics for a in nic.addresses]


@pytest.mark.requirement("EI-6")
def test_a_guest_with_an_eip_gets_the_address_of_its_internal_nic_too(
    cloud: Cloud, subnet: Subnet, owner: Actor, project: Project
) -> None:
    vm = make_vm(owner, cloud, subnet, image=image_with_agent(cloud).pk)
    settle(bind_eip(owner, make_eip(make_segment(cloud.region, INTERNET6), project), carrier=vm.pk))
    dual(owner, subnet)
    settle(add_ipv6(owner, vm))
    network = guest_network(cloud, Vm.objects.get(pk=vm.pk))
    assert network is not None
    (internal,) = [nic for nic in network.nics if nic.mac == vm.nics.get(role=NicRole.INTERNAL).mac]
    assert [address.address for address in internal.addresses] == ["10.0.0.2/20", "fd12:3456:789a:1::2/64"]
    assert internal.addresses[1].routes == (PREFIX,)


@pytest.mark.requirement("EI-6")
def test_an_ipv6_eip_by_one_to_one_nat_leads_to_the_ipv6_address(
    cloud: Cloud, subnet: Subnet, owner: Actor, project: Project
) -> None:
    segment = make_segment(cloud.region, INTERNET6)
    eip = make_eip(segment, project)
    changes: list[dict[str, Any]] = [{"eip": eip.pk}, {"new_eip": {"segment": segment.pk}}]
    for more in changes:
        with pytest.raises(Invalid) as refusal:
            ask_for_vms(owner, cloud, subnet, **more)
        assert list(refusal.value.fields) == ["eip_delivery"]
    vm = make_vm(owner, cloud, dual(owner, subnet), eip=eip.pk)
    assert Eip.objects.get(pk=eip.pk).delivery == Eip.Delivery.TRANSLATED
    spec = translated(cloud, eip.pk)
    assert spec is not None and spec.inside_ip == ip6_of(vm)


@pytest.mark.requirement("OP-3")
def test_a_port_without_the_ipv6_address_is_found_and_repaired(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    vm = make_vm(owner, cloud, dual(owner, subnet))
    nic = vm.nics.get(role=NicRole.INTERNAL)
    nic.ip6 = None
    MemoryFabric(cloud.world).ensure(port_spec(nic, generation=vm.generation - 1))
    assert internal_port(cloud, vm).ip6 == ""
    look_twice()
    assert work() == ["vm.resync"]
    assert internal_port(cloud, vm).ip6 == ip6_of(vm)


@pytest.mark.requirement("OP-3")
def test_a_subnet_without_its_prefix_is_found_and_repaired(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    Subnet.objects.filter(pk=subnet.pk).update(cidr6=PREFIX, gateway6="fd12:3456:789a:1::1", generation=5)
    look_twice()
    assert work() == ["subnet.resync"]
    with cloud.world.records() as state:
        assert state.all(SUBNETS)[str(subnet.pk)].cidr6 == PREFIX


@pytest.mark.requirement("OP-3")
def test_an_ipv6_address_outside_its_subnet_is_for_the_administrator(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    vm = make_vm(owner, cloud, dual(owner, subnet))
    Nic.objects.filter(owner=vm.pk, role=NicRole.INTERNAL).update(ip6="fd13::2")
    look_twice()
    finding = the_finding()
    assert (finding.rule, finding.kind, finding.resource_id) == (Rule.MISCOUNTED, "nic", vm.pk)
    assert "fd13::2" in str(finding.kept)
