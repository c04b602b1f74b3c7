"""External segments that overlap VPCs: allowed, but not at one VM. Numbers as in the example that EI-1 is from."""

from __future__ import annotations

import pytest

from apps.accounts.models import Project, Tenant
from apps.compute.models import Vm
from apps.compute.services.eni_binding import bind_eni
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid
from apps.network.models import ExternalSegment, Subnet, Vpc
from apps.network.services.eip_binding import bind_eip, unbind_eip
from apps.network.services.subnet import create_subnet
from tests import factories
from tests.compute.eips import addresses, guest_network, image_with_agent
from tests.compute.elastic import make_eni
from tests.compute.factories import Cloud, ask_for_vms, make_vm
from tests.network.external import INTERNET, make_eip, make_segment
from tests.network.factories import make_subnet, make_vpc, settle

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("EI-1")]

VLAN_200 = {**INTERNET, "vlan": 200, "cidr": "106.75.236.0/25", "gateway": "106.75.236.1"}
VLAN_100 = {
    **INTERNET,
    "vlan": 100,
    "cidr": "192.168.1.0/24",
    "gateway": "192.168.1.1",
    "routes": ["192.168.1.0/24"],
}


@pytest.fixture
def project(tenant_a: Tenant) -> Project:
    return factories.default_project(tenant_a)


@pytest.fixture
def internet(cloud: Cloud) -> ExternalSegment:
    return make_segment(cloud.region, VLAN_200, name="internet")


@pytest.fixture
def datacentre(cloud: Cloud) -> ExternalSegment:
    return make_segment(cloud.region, VLAN_100, name="datacentre")


@pytest.fixture
def vpc(cloud: Cloud, project: Project) -> Vpc:
    """One whose block contains the segment's."""
    return make_vpc(project, cloud.region, cidr="192.168.0.0/16")


@pytest.fixture
def beside(vpc: Vpc) -> Subnet:
    return make_subnet(vpc, "192.168.0.0/24")


@pytest.fixture
def inside(vpc: Vpc) -> Subnet:
    return make_subnet(vpc, "192.168.1.0/24")


def test_a_vm_has_both_addresses_of_the_example_while_vpcs_use_the_block(
    cloud: Cloud,
    owner: Actor,
    project: Project,
    internet: ExternalSegment,
    datacentre: ExternalSegment,
    beside: Subnet,
) -> None:
    vm = make_vm(owner, cloud, beside, image=image_with_agent(cloud).pk)
    for segment, address in ((internet, "106.75.236.2"), (datacentre, "192.168.1.2")):
        settle(bind_eip(owner, make_eip(segment, project, address), carrier=vm.pk))
    assert addresses(cloud, vm) == ["106.75.236.2", "192.168.1.2"]
    network = guest_network(cloud, vm)
    assert network is not None
    routes = {each.address: each.routes for nic in network.nics for each in nic.addresses}
    assert routes["106.75.236.2/32"] == ("0.0.0.0/0",)
    assert routes["192.168.1.2/32"] == ("192.168.1.0/24",)


def test_an_eip_is_refused_at_a_vm_whose_vpc_has_its_block_as_a_subnet(
    cloud: Cloud, owner: Actor, project: Project, datacentre: ExternalSegment, beside: Subnet, inside: Subnet
) -> None:
    eip = make_eip(datacentre, project)
    for subnet in (beside, inside):  # the other one would have no way to this subnet
        vm = make_vm(owner, cloud, subnet)
        with pytest.raises(Invalid) as refusal:
            bind_eip(owner, eip, carrier=vm.pk)
        (message,) = refusal.value.fields["carrier"]
        assert all(name in message for name in ("datacentre", "192.168.1.0/24", inside.name, inside.vpc.name))


def test_a_vm_is_not_created_with_such_an_eip(
    cloud: Cloud, owner: Actor, project: Project, datacentre: ExternalSegment, inside: Subnet
) -> None:
    eip = make_eip(datacentre, project)
    for field, asked in (
        ("eip", {"eip": eip.pk}),
        ("new_eip.segment", {"new_eip": {"segment": datacentre.pk}}),
    ):
        with pytest.raises(Invalid) as refusal:
            ask_for_vms(owner, cloud, inside, **asked)
        assert list(refusal.value.fields) == [field]
    assert not Vm.objects.exists()


def test_elastic_nics_are_refused_likewise(
    cloud: Cloud,
    owner: Actor,
    project: Project,
    subnet: Subnet,
    datacentre: ExternalSegment,
    inside: Subnet,
) -> None:
    internal, external = make_eni(owner, inside), make_eni(owner, datacentre)
    with pytest.raises(Invalid) as refusal:
        bind_eni(owner, external, vm=make_vm(owner, cloud, inside).pk)
    assert list(refusal.value.fields) == ["vm"]
    vm = make_vm(owner, cloud, subnet)
    settle(bind_eni(owner, external, vm=vm.pk))
    with pytest.raises(Invalid) as refusal:
        bind_eni(owner, internal, vm=vm.pk)
    assert list(refusal.value.fields) == ["vm"]


def test_a_subnet_cannot_be_added_over_a_segment_that_vms_of_its_vpc_have_addresses_of(
    cloud: Cloud, owner: Actor, project: Project, datacentre: ExternalSegment, beside: Subnet, vpc: Vpc
) -> None:
    vm, eip = make_vm(owner, cloud, beside), make_eip(datacentre, project)
    settle(bind_eip(owner, eip, carrier=vm.pk))
    with pytest.raises(Invalid, match="datacentre") as refusal:
        create_subnet(owner, vpc=vpc.pk, name="taken", cidr="192.168.1.128/25")
    assert list(refusal.value.fields) == ["cidr"]
    settle(unbind_eip(owner, eip))
    settle(bind_eni(owner, make_eni(owner, datacentre), vm=vm.pk))
    with pytest.raises(Invalid, match="datacentre"):
        create_subnet(owner, vpc=vpc.pk, name="taken", cidr="192.168.1.128/25")
    create_subnet(owner, vpc=vpc.pk, name="free", cidr="192.168.2.0/24")
    other = make_vpc(project, cloud.region, cidr="192.168.0.0/16")
    create_subnet(owner, vpc=other.pk, name="same", cidr="192.168.1.0/24")
