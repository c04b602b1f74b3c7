"""External segments: what may be created, changed and deleted, and what the network gets of it."""

from __future__ import annotations

from typing import Any

import pytest

from apps.accounts.models import Project, Tenant, User
from apps.drivers.fabric.declared import kind_of
from apps.drivers.specs import EdgeSpec, ExternalNetwork, ProviderNetworkSpec
from apps.infrastructure import backends
from apps.infrastructure.models import Host, Region
from apps.infrastructure.services.regions import delete_region
from apps.lifecycle.actor import SYSTEM, Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import Forbidden, InUse, Invalid, NotFound
from apps.lifecycle.models import Operation, OperationStatus, State
from apps.network.models import Edge, ExternalSegment, ProviderNetwork, SegmentAddress
from apps.network.selectors import usable_segments, visible_segments
from apps.network.services.allowed_ranges import set_allowed_ranges
from apps.network.services.edges import follow_hosts
from apps.network.services.external_segment import (
    change_segment,
    create_segment,
    delete_segment,
    permit_segment,
    rename_segment,
)
from apps.network.services.repair_external import force_clean_segment, free_address, resync_segment
from apps.network.services.segment_addresses import spans_given_out
from apps.network.services.vpc import create_vpc
from tests import factories
from tests.network.external import DATA_CENTRE, INTERNET, INTERNET6, make_eip, make_segment
from tests.network.factories import make_vpc, settle

pytestmark = pytest.mark.django_db


def in_fabric(spec: type[Any], id: object) -> Any:
    with backends.memory_world().call("test") as state:
        return state.get(kind_of(spec).memory.table, str(id))


@pytest.fixture
def admin(ada: User) -> Actor:
    return factories.actor_for_user(ada)


@pytest.mark.requirement("EI-1")
def test_the_first_segment_makes_the_edge_and_the_vlan(admin: Actor, region: Region, host: Host) -> None:
    operation = settle(create_segment(admin, region=region, name="internet", **INTERNET))
    segment = ExternalSegment.objects.get(pk=operation.target_id)
    assert segment.state == State.READY
    assert (segment.version, segment.has_default_route) == (4, True)
    assert str(segment.router_address) == "203.0.113.254"
    edge, network = segment.edge, segment.provider_network
    assert in_fabric(EdgeSpec, edge.pk) == EdgeSpec(str(edge.pk), edge.mac, ("host-1",))
    assert in_fabric(ProviderNetworkSpec, network.pk) == ProviderNetworkSpec(
        str(network.pk),
        str(edge.pk),
        "physnet1",
        101,
        network.mac,
        (ExternalNetwork("203.0.113.0/24", "203.0.113.1", "203.0.113.254"),),
    )


@pytest.mark.requirement("EI-1")
def test_segments_of_one_vlan_share_its_network_and_other_vlans_the_edge(region: Region, host: Host) -> None:
    first = make_segment(region)
    second = make_segment(region, INTERNET6)
    third = make_segment(region, DATA_CENTRE)
    assert first.provider_network_id == second.provider_network_id != third.provider_network_id
    assert Edge.objects.count() == 1
    shared = in_fabric(ProviderNetworkSpec, first.provider_network_id)
    assert [network.cidr for network in shared.networks] == ["203.0.113.0/24", "2001:db8:101::/64"]


@pytest.mark.requirement("EI-1")
@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("cidr", {"cidr": "203.0.113.1/24"}),
        ("cidr", {"cidr": "203.0.113.0"}),
        ("cidr", {"cidr": "203.0.113.0/255.255.255.0"}),
        ("cidr", {"cidr": "169.254.1.0/24", "gateway": "169.254.1.1"}),
        ("cidr", {"cidr": "fe80::/64", "gateway": "fe80::1"}),
        ("cidr", {"cidr": "fd77::/64", "gateway": "fd77::2"}),
        ("cidr", {"cidr": "224.0.0.0/24", "gateway": "224.0.0.1"}),
        ("cidr", {"cidr": "203.0.113.0/30"}),
        ("gateway", {"gateway": "203.0.114.1"}),
        ("gateway", {"gateway": "203.0.113.0"}),
        ("gateway", {"gateway": "203.0.113.255"}),
        ("gateway", {"gateway": "2001:db8::1"}),
        ("gateway", {"gateway": "fe80::1%eth0"}),
        ("router_address", {"router_address": "203.0.113.1"}),
        ("router_address", {"router_address": "x"}),
        ("vlan", {"vlan": 4095}),
        ("vlan", {"vlan": -1}),
        ("physical_network", {"physical_network": "phys net"}),
        ("physical_network", {"physical_network": ""}),
        ("routes", {"routes": ["::/0"]}),
        ("routes", {"routes": ["10.0.0.1/8"]}),
        ("routes", {"routes": ["0.0.0.0/0", "0.0.0.0/0"]}),
        ("ranges", {"ranges": [{"first": "203.0.113.20", "last": "203.0.113.10"}]}),
        ("ranges", {"ranges": [{"first": "203.0.114.20", "last": "203.0.114.30"}]}),
        (
            "ranges",
            {
                "ranges": [
                    {"first": "203.0.113.20", "last": "203.0.113.30"},
                    {"first": "203.0.113.30", "last": "203.0.113.40"},
                ]
            },
        ),
        ("ceiling_mbit", {"ceiling_mbit": 0}),
        ("name", {"name": ""}),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_left_behind(
    admin: Actor, region: Region, field: str, wrong: dict[str, Any]
) -> None:
    with pytest.raises(Invalid) as refusal:
        create_segment(admin, region=region, **{"name": "internet", **INTERNET, **wrong})
    assert list(refusal.value.fields) == [field]
    assert not ExternalSegment.objects.exists()
    assert not Edge.objects.exists()
    assert not ProviderNetwork.objects.exists()


@pytest.mark.requirement("EI-1")
def test_an_overlap_is_named(admin: Actor, region: Region, host: Host, project_a: Project) -> None:
    first = make_segment(region)
    with pytest.raises(Invalid, match=first.name):
        create_segment(admin, region=region, **{**INTERNET, "name": "again", "vlan": 7})
    other = factories.make_region("south")
    create_segment(admin, region=other, **{**INTERNET, "name": "the same elsewhere"})


@pytest.mark.requirement("EI-1", "VP-1")
def test_a_segment_may_overlap_vpcs_and_what_they_are_created_from(
    owner: Actor, admin: Actor, region: Region, host: Host, project_a: Project
) -> None:
    vpc = make_vpc(project_a, region)
    block = {"cidr": "10.0.200.0/24", "gateway": "10.0.200.1"}
    assert make_segment(region, {**INTERNET, **block}).cidr.subnet_of(vpc.cidr)
    set_allowed_ranges(admin, ranges=[{"cidr": "10.0.0.0/8", "min_prefix": 16, "max_prefix": 29}])
    create_vpc(owner, name="again", cidr="10.0.0.0/16")


@pytest.mark.requirement("EI-1")
def test_another_machine_at_the_routers_address_fails_the_segment(
    admin: Actor, region: Region, host: Host
) -> None:
    answer("203.0.113.254", "52:54:00:00:00:09")
    operation = create_segment(admin, region=region, name="internet", **INTERNET)
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.error["code"] == "address.conflict"
    assert "52:54:00:00:00:09" in operation.error["message"]


def answer(ip: str, mac: str, vlan: int = 101) -> None:
    from apps.drivers.memory.records import ANSWERING

    with backends.memory_world().call("test") as state:
        state.put(ANSWERING, f"physnet1/{vlan}/{ip}", mac)


@pytest.mark.requirement("EI-1")
def test_only_administrators_manage_segments(owner: Actor, segment: ExternalSegment, region: Region) -> None:
    with pytest.raises(Forbidden):
        create_segment(owner, region=region, name="mine", **DATA_CENTRE)
    for service in (change_segment, delete_segment):
        with pytest.raises(Forbidden):
            service(owner, segment)
    with pytest.raises(Forbidden):
        permit_segment(owner, segment, open_to_all=False)
    with pytest.raises((Forbidden, NotFound)):
        rename_segment(owner, segment, name="mine")


@pytest.mark.requirement("EI-1")
def test_a_segment_is_seen_and_used_by_the_tenants_permitted_only(
    admin: Actor, owner: Actor, stranger: Actor, segment: ExternalSegment, tenant_a: Tenant
) -> None:
    assert list(visible_segments(owner)) == list(visible_segments(stranger)) == [segment]
    permit_segment(admin, segment, open_to_all=False, tenants=[tenant_a])
    assert list(visible_segments(owner)) == [segment]
    assert not visible_segments(stranger).exists()
    assert stranger.tenant is not None
    assert not usable_segments(stranger.tenant.pk).exists()
    permit_segment(admin, segment, open_to_all=True)
    assert list(visible_segments(stranger)) == [segment]


@pytest.mark.requirement("EI-1")
def test_a_range_that_leaves_out_an_address_in_use_is_refused_naming_it(
    admin: Actor, segment: ExternalSegment, project_a: Project
) -> None:
    eip = make_eip(segment, project_a, "203.0.113.50")
    for ranges in (
        [{"first": "203.0.113.60", "last": "203.0.113.70"}],
        [{"first": "203.0.113.45", "last": "203.0.113.55", "reserved": True}],
    ):
        with pytest.raises(InUse, match=f"203.0.113.50 \\({eip.name}\\)"):
            change_segment(admin, segment, ranges=ranges)
    assert not segment.ranges.exists()
    settle(change_segment(admin, segment, ranges=[{"first": "203.0.113.40", "last": "203.0.113.60"}]))
    spans = [(str(first), str(last)) for first, last in spans_given_out(segment)]
    assert spans == [("203.0.113.40", "203.0.113.60")]


@pytest.mark.requirement("EI-1")
def test_what_is_reserved_and_what_the_network_needs_is_not_given_out(region: Region, host: Host) -> None:
    ranges = [
        {"first": "203.0.113.0", "last": "203.0.113.20"},
        {"first": "203.0.113.100", "last": "203.0.113.110"},
        {"first": "203.0.113.5", "last": "203.0.113.9", "reserved": True},
    ]
    segment = make_segment(region, ranges=ranges)
    spans = [(str(first), str(last)) for first, last in spans_given_out(segment)]
    assert spans == [
        ("203.0.113.2", "203.0.113.4"),
        ("203.0.113.10", "203.0.113.20"),
        ("203.0.113.100", "203.0.113.110"),
    ]


@pytest.mark.requirement("EI-1")
def test_a_segment_in_use_is_not_deleted_and_says_by_whom(
    admin: Actor, segment: ExternalSegment, project_a: Project
) -> None:
    eip = make_eip(segment, project_a)
    for service in (delete_segment, force_clean_segment):
        with pytest.raises(InUse, match=eip.name) as refusal:
            service(admin, segment)
        assert refusal.value.details["resources"] == [{"kind": "eip", "id": str(eip.pk), "name": eip.name}]


@pytest.mark.requirement("EI-1")
def test_the_vlan_goes_with_its_last_segment(region: Region, host: Host) -> None:
    first, second = make_segment(region), make_segment(region, INTERNET6)
    network = first.provider_network_id
    SegmentAddress.objects.create(segment=first, ip="203.0.113.9", use="conflict", mac="02:00:00:00:00:01")
    settle(delete_segment(SYSTEM, first))
    assert [each.cidr for each in in_fabric(ProviderNetworkSpec, network).networks] == ["2001:db8:101::/64"]
    settle(delete_segment(SYSTEM, second))
    assert in_fabric(ProviderNetworkSpec, network) is None
    assert not ProviderNetwork.objects.exists()
    assert Edge.objects.exists()
    make_segment(region)


@pytest.mark.requirement("EI-1")
def test_of_two_writers_at_once_the_later_rows_stay_in_the_network(
    region: Region, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second segment is created and settled while the first one's worker is between reading and writing."""
    late = create_segment(SYSTEM, region=region, name="first", **INTERNET)
    real = backends.fabric
    nested: list[bool] = []

    class Slow:
        def __init__(self, fabric: Any) -> None:
            self.fabric = fabric

        def ensure(self, spec: Any) -> None:
            if isinstance(spec, ProviderNetworkSpec) and not nested:
                nested.append(True)
                settle(create_segment(SYSTEM, region=region, name="second", **INTERNET6))
            self.fabric.ensure(spec)

    monkeypatch.setattr(backends, "fabric", lambda region, run=None: Slow(real(region, run)))
    settle(late)
    network = ProviderNetwork.objects.get()
    assert len(in_fabric(ProviderNetworkSpec, network.pk).networks) == 2
    assert in_fabric(ProviderNetworkSpec, network.pk).generation == network.generation


@pytest.mark.requirement("EI-1")
def test_a_segment_whose_deletion_is_cancelled_is_written_again(region: Region, host: Host) -> None:
    from apps.lifecycle.cancellation import cancel

    first, _second = make_segment(region), make_segment(region, INTERNET6)
    operation = delete_segment(SYSTEM, first)
    before = ProviderNetwork.objects.get().generation
    cancel(SYSTEM, operation)
    assert Operation.objects.get(pk=operation.pk).status == OperationStatus.CANCELLED
    assert ProviderNetwork.objects.get().generation == before + 1
    settle(resync_segment(SYSTEM, first))
    assert len(in_fabric(ProviderNetworkSpec, first.provider_network_id).networks) == 2


@pytest.mark.requirement("EI-1")
def test_the_edge_follows_the_hosts_of_its_region(
    region: Region, host: Host, segment: ExternalSegment
) -> None:
    assert follow_hosts() == 0
    factories.make_host(host.cluster, "host-2")
    assert follow_hosts() == 1
    assert follow_hosts() == 0
    settle(Operation.objects.open().get())
    assert in_fabric(EdgeSpec, segment.edge_id).hosts == ("host-1", "host-2")
    host.delete()
    assert follow_hosts() == 1
    settle(Operation.objects.open().get())
    assert in_fabric(EdgeSpec, segment.edge_id).hosts == ("host-2",)


@pytest.mark.requirement("EI-1")
def test_an_administrator_frees_what_is_in_conflict_but_nothing_in_use(
    admin: Actor, segment: ExternalSegment, project_a: Project
) -> None:
    eip = make_eip(segment, project_a)
    SegmentAddress.objects.create(segment=segment, ip="203.0.113.9", use="conflict", mac="02:00:00:00:00:01")
    free_address(admin, segment, address="203.0.113.9")
    assert not SegmentAddress.objects.filter(ip="203.0.113.9").exists()
    for wrong in (eip.address, "203.0.113.77", "x"):
        with pytest.raises(Invalid) as refusal:
            free_address(admin, segment, address=wrong)
        assert list(refusal.value.fields) == ["address"]


@pytest.mark.requirement("EI-1", "RG-2")
def test_a_region_is_deleted_with_its_edge_once_it_has_no_segment(admin: Actor) -> None:
    region = factories.make_region("south")
    segment = make_segment(region)
    with pytest.raises(InUse, match=segment.name):
        delete_region(admin, region)
    settle(delete_segment(SYSTEM, segment))
    delete_region(admin, region)
    assert not Edge.objects.exists()
