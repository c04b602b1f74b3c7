"""EIPs on VMs: in the fabric, in the guest, by one-to-one NAT; and what becomes of them with the VM."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.db import connection

from apps.accounts.models import Project, Tenant
from apps.compute.models import Vm
from apps.compute.services.delete import delete_vm
from apps.compute.services.power import power_off_vm, start_vm
from apps.compute.services.repair import force_clean_vm, resync_vm
from apps.drivers.errors import DriverError
from apps.drivers.memory import MemoryFabric
from apps.drivers.specs import GATEWAY_V4, ExternalPortSpec
from apps.lifecycle.actor import SYSTEM, Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import Invalid, Refused
from apps.network.models import Eip, ExternalSegment, NicRole, SegmentAddress, Subnet, VpcUplink
from apps.network.services.eip import create_eips, pick_egress, set_bandwidth
from apps.network.services.eip_binding import bind_eip, unbind_eip
from apps.network.services.nic import set_nic_bandwidth, set_security_group
from apps.quotas.models import Quota
from tests import factories
from tests.compute.eips import (
    addresses,
    external_port,
    guest_addresses,
    guest_network,
    image_with_agent,
    internal_port,
    nic_of,
    translated,
)
from tests.compute.factories import Cloud, make_group, make_vm, settled
from tests.network.external import DATA_CENTRE, INTERNET6, make_eip, make_segment
from tests.network.factories import settle
from tests.reconciliation.drift import look_twice, work
from tests.reconciliation.planting import hypervisor

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(tenant_a: Tenant) -> Project:
    return factories.default_project(tenant_a)


@pytest.fixture
def segment(cloud: Cloud) -> ExternalSegment:
    return make_segment(cloud.region)


@pytest.fixture
def eip(segment: ExternalSegment, project: Project) -> Eip:
    return make_eip(segment, project, mbit=30)


@pytest.fixture
def vm(cloud: Cloud, subnet: Subnet, owner: Actor) -> Vm:
    """A VM whose guest has an agent."""
    return make_vm(owner, cloud, subnet, image=image_with_agent(cloud).pk)


def bound(owner: Actor, eip: Eip, vm: Vm, **how: str) -> Eip:
    settle(bind_eip(owner, eip, carrier=vm.pk, **how))
    return Eip.objects.select_related("segment", "segment_address").get(pk=eip.pk)


@pytest.mark.requirement("NI-1")
def test_a_vm_has_an_external_nic_of_its_own_from_its_first_start(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    vm = make_vm(owner, cloud, subnet)
    internal, external = nic_of(vm, NicRole.INTERNAL), nic_of(vm)
    assert (external.subnet, external.ip) == (None, None)
    assert external.mac not in ("", internal.mac)
    with cloud.world.records() as state:
        from apps.drivers.memory.records import vms_of

        known = state.get(vms_of(vm.host.name), str(vm.pk))  # type: ignore[union-attr]
    assert [(nic.port_id, nic.slot) for nic in known.spec.nics] == [  # type: ignore[union-attr]
        (str(internal.pk), 0),
        (str(external.pk), 1),
    ]
    assert external_port(cloud, vm) is None  # without an address it takes no place in the network


@pytest.mark.requirement("EI-3", "EI-4")
def test_a_bound_eip_is_on_the_external_nic_and_in_the_guest_with_its_routes(
    cloud: Cloud, owner: Actor, vm: Vm, eip: Eip
) -> None:
    eip = bound(owner, eip, vm)
    assert eip.delivery == Eip.Delivery.GUEST
    port = external_port(cloud, vm)
    assert port is not None
    (address,) = port.addresses
    assert (address.ip, address.routes, address.mbit_in, address.mbit_out) == (
        eip.address,
        ("0.0.0.0/0",),
        30,
        30,
    )
    assert port.default_route
    assert not internal_port(cloud, vm).default_route
    network = guest_network(cloud, vm)
    assert network is not None
    (given,) = network.nics[-1].addresses
    assert (given.address, given.gateway, given.routes) == (f"{eip.address}/32", GATEWAY_V4, ("0.0.0.0/0",))
    vm.refresh_from_db()
    assert vm.guest_configured


@pytest.mark.requirement("EI-2", "EI-3")
def test_an_unbound_eip_is_gone_from_network_and_guest(cloud: Cloud, owner: Actor, vm: Vm, eip: Eip) -> None:
    bound(owner, eip, vm)
    settle(unbind_eip(owner, eip))
    assert external_port(cloud, vm) is None
    assert internal_port(cloud, vm).default_route
    assert guest_addresses(cloud, vm) == []


@pytest.mark.requirement("EI-2")
def test_an_eip_is_moved_from_one_vm_to_another_by_one_operation(
    cloud: Cloud, subnet: Subnet, owner: Actor, vm: Vm, eip: Eip
) -> None:
    other = make_vm(owner, cloud, subnet, name="other", image=vm.image_id)
    eip = bound(owner, eip, vm)
    bound(owner, eip, other)
    assert (addresses(cloud, vm), addresses(cloud, other)) == ([], [eip.address])
    assert (guest_addresses(cloud, vm), guest_addresses(cloud, other)) == ([], [eip.address])


@pytest.mark.requirement("NI-1", "EI-6")
def test_addresses_of_several_segments_are_on_one_nic_in_the_order_of_binding(
    cloud: Cloud, owner: Actor, vm: Vm, eip: Eip, project: Project
) -> None:
    inside = make_eip(make_segment(cloud.region, DATA_CENTRE), project)
    six = make_eip(make_segment(cloud.region, INTERNET6), project)
    for each in (inside, six, eip):
        bound(owner, each, vm)
    assert addresses(cloud, vm) == [inside.address, six.address, eip.address]
    network = guest_network(cloud, vm)
    assert network is not None
    routes = [address.routes for address in network.nics[-1].addresses]
    assert routes == [("172.21.0.0/16",), ("::/0",), ("0.0.0.0/0",)]


@pytest.mark.requirement("EI-4")
def test_the_picked_eip_is_the_egress_in_the_guest_until_it_is_unbound(
    cloud: Cloud, owner: Actor, vm: Vm, eip: Eip, segment: ExternalSegment, project: Project
) -> None:
    def default_routes() -> list[bool]:
        network = guest_network(cloud, vm)
        assert network is not None
        return ["0.0.0.0/0" in address.routes for address in network.nics[-1].addresses]

    second = bound(owner, make_eip(segment, project), bound_vm(owner, eip, vm))
    assert default_routes() == [True, False]
    settle(pick_egress(owner, second))
    assert default_routes() == [False, True]
    settle(unbind_eip(owner, second))
    assert default_routes() == [True]


def bound_vm(owner: Actor, eip: Eip, vm: Vm) -> Vm:
    bound(owner, eip, vm)
    return vm


@pytest.mark.requirement("EI-3")
def test_a_guest_without_an_agent_has_the_address_by_one_to_one_nat(
    cloud: Cloud, subnet: Subnet, owner: Actor, eip: Eip
) -> None:
    vm = make_vm(owner, cloud, subnet)
    eip = bound(owner, eip, vm)
    assert eip.delivery == Eip.Delivery.TRANSLATED
    spec = translated(cloud, eip.pk)
    assert spec is not None
    uplink = VpcUplink.objects.get(vpc=subnet.vpc_id)
    assert (spec.address.ip, spec.inside_ip, spec.uplink, spec.vpc_id) == (
        eip.address,
        str(nic_of(vm, NicRole.INTERNAL).ip),
        uplink.number,
        str(subnet.vpc_id),
    )
    assert internal_port(cloud, vm).default_route
    assert external_port(cloud, vm) is None
    assert guest_addresses(cloud, vm) == []
    settle(unbind_eip(owner, eip))
    assert translated(cloud, eip.pk) is None


@pytest.mark.requirement("EI-3")
def test_the_delivery_can_be_changed_both_ways(cloud: Cloud, owner: Actor, vm: Vm, eip: Eip) -> None:
    eip = bound(owner, eip, vm)
    bound(owner, eip, vm, delivery=Eip.Delivery.TRANSLATED)
    assert (addresses(cloud, vm), translated(cloud, eip.pk) is None) == ([], False)
    bound(owner, eip, vm, delivery=Eip.Delivery.GUEST)
    assert (addresses(cloud, vm), translated(cloud, eip.pk)) == ([eip.address], None)


@pytest.mark.requirement("EI-3")
def test_one_to_one_nat_is_refused_where_it_would_be_ambiguous_or_have_no_address_inside(
    cloud: Cloud, subnet: Subnet, owner: Actor, eip: Eip, segment: ExternalSegment, project: Project
) -> None:
    vm = make_vm(owner, cloud, subnet)
    bound(owner, eip, vm)
    with pytest.raises(Invalid) as refused:
        bind_eip(owner, make_eip(segment, project), carrier=vm.pk)
    assert "already has an IPv4 EIP" in refused.value.fields["delivery"][0]
    six = make_eip(make_segment(cloud.region, INTERNET6), project)
    with pytest.raises(Invalid) as refused:
        bind_eip(owner, six, carrier=vm.pk)
    assert "IPv6 address in the VM’s subnet" in refused.value.fields["delivery"][0]
    bound(owner, six, vm, delivery=Eip.Delivery.GUEST)
    assert addresses(cloud, vm) == [six.address]


@pytest.mark.requirement("EI-3")
def test_vpcs_have_uplinks_of_their_own(
    cloud: Cloud, subnet: Subnet, owner: Actor, eip: Eip, segment: ExternalSegment, project: Project
) -> None:
    other = cloud.network(project.tenant, "10.9.0.0/24")
    for name, within, each in (("one", subnet, eip), ("two", other, make_eip(segment, project))):
        bound(owner, each, make_vm(owner, cloud, within, name=name))
    assert sorted(VpcUplink.objects.values_list("number", flat=True)) == [1, 2]


@pytest.mark.requirement("VM-11")
def test_the_51st_ipv4_and_the_11th_ipv6_address_are_refused_by_name(
    cloud: Cloud, owner: Actor, vm: Vm, segment: ExternalSegment, project: Project
) -> None:
    six = make_segment(cloud.region, INTERNET6)
    Quota.objects.filter(metric="eip").update(limit=100)
    for within, most, word in ((segment, 50, "50 IPv4"), (six, 10, "10 IPv6")):
        one_more = make_eip(within, project)
        for _request in range(most // 10):
            full = create_eips(SYSTEM, segment=within.pk, project=project.uid, name="bound", count=10)
            Eip.objects.filter(pk__in=[each.target_id for each in full]).update(carrier=vm.pk)
        with pytest.raises(Refused, match=f"{vm.name} already has {word}") as refused:
            bind_eip(owner, one_more, carrier=vm.pk)
        assert refused.value.code == "eip.too_many"


@pytest.mark.requirement("EI-3")
def test_a_start_and_a_resync_bring_the_external_port_back(
    cloud: Cloud, owner: Actor, vm: Vm, eip: Eip
) -> None:
    eip = bound(owner, eip, vm)
    MemoryFabric(cloud.world).ensure_absent(ExternalPortSpec, str(nic_of(vm).pk))
    settled(resync_vm(SYSTEM, vm))
    assert addresses(cloud, vm) == [eip.address]
    settled(power_off_vm(owner, vm))
    MemoryFabric(cloud.world).ensure_absent(ExternalPortSpec, str(nic_of(vm).pk))
    settled(start_vm(owner, Vm.objects.get(pk=vm.pk)))
    assert addresses(cloud, vm) == [eip.address]
    assert guest_addresses(cloud, vm) == [eip.address]


@pytest.mark.requirement("NI-3", "SG-1")
def test_the_external_nic_has_a_security_group_of_its_own(
    cloud: Cloud, owner: Actor, vm: Vm, eip: Eip, project: Project
) -> None:
    bound(owner, eip, vm)
    group = make_group(cloud.region, project)
    settle(set_security_group(owner, vm, security_group=group.pk, role=NicRole.EXTERNAL))
    port = external_port(cloud, vm)
    assert port is not None
    assert port.security_group_ids == (str(group.pk),)
    assert internal_port(cloud, vm).security_group_ids == ()


@pytest.mark.requirement("NI-4", "EI-2")
def test_nics_and_eips_are_limited_live(cloud: Cloud, owner: Actor, vm: Vm, eip: Eip) -> None:
    bound(owner, eip, vm)
    settle(set_nic_bandwidth(owner, vm, mbit_in=40, mbit_out=50))
    settle(set_nic_bandwidth(owner, vm, mbit_in=60, mbit_out=0, role=NicRole.EXTERNAL))
    settle(set_bandwidth(owner, eip, mbit=20))
    inside, outside = internal_port(cloud, vm), external_port(cloud, vm)
    assert outside is not None
    assert (inside.mbit_in, inside.mbit_out, outside.mbit_in, outside.mbit_out) == (40, 50, 60, 0)
    assert (outside.addresses[0].mbit_in, outside.addresses[0].mbit_out) == (20, 20)
    with pytest.raises(Invalid) as refused:
        set_nic_bandwidth(owner, vm, mbit_in=-1, mbit_out=10_000_000)
    assert set(refused.value.fields) == {"mbit_in", "mbit_out"}


@pytest.mark.requirement("VM-10")
@pytest.mark.parametrize("delivery", list(Eip.Delivery))
def test_a_deleted_vm_leaves_its_eips_unbound(
    cloud: Cloud, owner: Actor, vm: Vm, eip: Eip, delivery: str
) -> None:
    eip, nic = bound(owner, eip, vm, delivery=delivery), nic_of(vm)
    settle(delete_vm(owner, vm))
    eip.refresh_from_db()
    assert (eip.carrier_id, eip.bound_at) == (None, None)
    assert str(nic.pk) not in MemoryFabric(cloud.world).inventory().of(ExternalPortSpec)
    assert translated(cloud, eip.pk) is None


@pytest.mark.requirement("VM-10", "EI-2")
def test_a_deleted_vm_releases_its_eips_when_that_was_asked_for(
    owner: Actor, vm: Vm, eip: Eip, project: Project
) -> None:
    bound(owner, eip, vm)
    settle(delete_vm(owner, vm, release_eips=True))
    assert not Eip.objects.filter(pk=eip.pk).exists()
    assert SegmentAddress.objects.get().use == SegmentAddress.Use.QUARANTINE
    assert Quota.objects.get(tenant=project.tenant, metric="eip").used == 0


@pytest.mark.requirement("VM-10")
def test_a_force_clean_unbinds_eips(owner: Actor, vm: Vm, eip: Eip) -> None:
    bound(owner, eip, vm)
    settle(force_clean_vm(SYSTEM, vm))
    eip.refresh_from_db()
    assert eip.carrier_id is None


@pytest.mark.requirement("NI-1")
def test_vms_from_before_get_an_external_nic_once(
    cloud: Cloud, subnet: Subnet, owner: Actor, project: Project
) -> None:
    group = make_group(cloud.region, project)
    vm = make_vm(owner, cloud, subnet, security_group=group.pk)
    vm.nics.filter(role=NicRole.EXTERNAL).delete()
    add = import_module("apps.compute.migrations.0009_external_nics").ADD
    for _time in range(2):
        with connection.cursor() as cursor:
            cursor.execute(add)
    external = nic_of(vm)
    assert external.mac and external.mac != nic_of(vm, NicRole.INTERNAL).mac
    assert (external.security_group, external.subnet, external.mbit_in) == (group, None, 0)


def test_a_vm_whose_deletion_failed_half_way_is_not_defined_again_for_its_eip(
    cloud: Cloud, vm: Vm, eip: Eip, owner: Actor
) -> None:
    settle(bind_eip(owner, eip, carrier=vm.pk, delivery="translated"))
    refused = DriverError("No.", code="tried.refused", permanent=True)
    cloud.world.fail("volumes.ensure_volume_absent", refused)
    execute(delete_vm(owner, vm).pk)
    look_twice()
    work()
    assert not hypervisor(cloud, vm).status(str(vm.pk)).exists
    settle(delete_vm(owner, Vm.objects.get(pk=vm.pk)))
    assert not Vm.objects.filter(pk=vm.pk).exists()
