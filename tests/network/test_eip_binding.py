"""EIPs on what carries them: bound, moved, unbound; in the rows and in the network."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from apps.accounts.models import Project
from apps.drivers.errors import DriverError
from apps.infrastructure.models import Host, Region
from apps.lifecycle.actor import SYSTEM, Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import Busy, Invalid, NotNow, Refused
from apps.lifecycle.models import Operation, OperationStatus, Resource, State
from apps.lifecycle.operation_context import OperationContext
from apps.network import carriers
from apps.network.models import Eip, ExternalSegment, SegmentAddress
from apps.network.services.carried import hold_eips, release_all, unbind_all
from apps.network.services.eip import pick_egress, release_eip, set_bandwidth
from apps.network.services.eip_binding import bind_eip, unbind_eip
from apps.network.services.external_segment import change_segment
from apps.network.services.repair_external import force_clean_eip, resync_eip
from tests import factories
from tests.network.external import (
    DATA_CENTRE,
    INTERNET6,
    addresses_of,
    apply_carrier,
    make_carrier,
    make_eip,
    make_segment,
)
from tests.network.factories import settle

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("carrier_kind")]


@pytest.fixture
def one(project_a: Project, region: Region) -> Resource:
    return make_carrier(project_a, region)


@pytest.fixture
def two(project_a: Project, region: Region) -> Resource:
    return make_carrier(project_a, region)


@pytest.fixture
def eip(segment: ExternalSegment, project_a: Project) -> Eip:
    return make_eip(segment, project_a)


def fail_once(monkeypatch: pytest.MonkeyPatch, *, at: Resource) -> None:
    """Have the network refuse the carrier for good until this is undone."""

    def refuse(run: object, pk: object) -> None:
        if pk == at.pk:
            raise DriverError("The network is down.", code="test.down", permanent=True)
        apply_carrier(run, pk)  # type: ignore[arg-type]

    monkeypatch.setitem(carriers._appliers, "carrier", carriers.Applier(refuse))


def fails(operation: Operation) -> None:
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.FAILED


@pytest.mark.requirement("EI-2", "EI-3")
def test_a_bound_address_is_on_its_carrier_and_an_unbound_one_is_gone(
    owner: Actor, eip: Eip, one: Resource
) -> None:
    settle(bind_eip(owner, eip, carrier=one.pk))
    eip.refresh_from_db()
    assert (eip.carrier_id, eip.leaving) == (one.pk, [])
    assert eip.bound_at is not None
    assert addresses_of(one) == [eip.address]
    settle(unbind_eip(owner, eip))
    eip.refresh_from_db()
    assert not (eip.carrier_id or eip.bound_at or eip.leaving)
    assert addresses_of(one) == []


@pytest.mark.requirement("EI-2")
def test_binding_while_bound_moves_the_address_in_one_operation(
    owner: Actor, eip: Eip, one: Resource, two: Resource
) -> None:
    settle(bind_eip(owner, eip, carrier=one.pk))
    operation = settle(bind_eip(owner, eip, carrier=two.pk))
    assert operation.verb == "eip.bind"
    assert (addresses_of(one), addresses_of(two)) == ([], [eip.address])
    with pytest.raises(NotNow, match=two.name):
        bind_eip(owner, eip, carrier=two.pk)


@pytest.mark.requirement("EI-2")
def test_a_move_that_failed_is_finished_by_binding_again(
    owner: Actor, eip: Eip, one: Resource, two: Resource, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(bind_eip(owner, eip, carrier=one.pk))
    with monkeypatch.context() as broken:
        fail_once(broken, at=two)
        fails(bind_eip(owner, eip, carrier=two.pk))
    eip.refresh_from_db()
    assert (eip.carrier_id, eip.leaving) == (two.pk, [one.pk])
    settle(bind_eip(owner, eip, carrier=two.pk))
    assert (addresses_of(one), addresses_of(two)) == ([], [eip.address])


@pytest.mark.requirement("EI-2")
def test_a_move_that_failed_is_undone_by_unbinding(
    owner: Actor, eip: Eip, one: Resource, two: Resource, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(bind_eip(owner, eip, carrier=one.pk))
    with monkeypatch.context() as broken:
        fail_once(broken, at=one)
        fails(bind_eip(owner, eip, carrier=two.pk))
    assert addresses_of(one) == [eip.address]
    settle(unbind_eip(owner, eip))
    eip.refresh_from_db()
    assert (addresses_of(one), addresses_of(two), eip.leaving) == ([], [], [])


@pytest.mark.requirement("EI-2")
def test_an_address_is_not_released_before_the_network_has_lost_it(
    owner: Actor, eip: Eip, one: Resource, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(bind_eip(owner, eip, carrier=one.pk))
    with monkeypatch.context() as broken:
        fail_once(broken, at=one)
        fails(unbind_eip(owner, eip))
        fails(release_eip(owner, eip))
    assert addresses_of(one) == [eip.address]
    assert SegmentAddress.objects.get().use == SegmentAddress.Use.EIP
    settle(release_eip(owner, eip))
    assert addresses_of(one) == []
    assert SegmentAddress.objects.get().use == SegmentAddress.Use.QUARANTINE


@pytest.mark.requirement("EI-2")
def test_a_stale_unbind_ends_as_done_and_touches_nothing(
    owner: Actor, eip: Eip, one: Resource, two: Resource
) -> None:
    settle(bind_eip(owner, eip, carrier=one.pk))
    settle(bind_eip(owner, eip, carrier=two.pk))
    for gone in (one.pk, uuid4()):
        settle(unbind_eip(owner, eip, carrier=gone))
    eip.refresh_from_db()
    assert eip.carrier_id == two.pk
    assert addresses_of(two) == [eip.address]
    settle(unbind_eip(owner, eip, carrier=two.pk))
    settle(unbind_eip(owner, eip, carrier=two.pk))
    with pytest.raises(NotNow):
        unbind_eip(owner, eip)


@pytest.mark.requirement("EI-2")
def test_a_bound_eip_is_not_released(owner: Actor, eip: Eip, one: Resource) -> None:
    bind_eip(owner, eip, carrier=one.pk)
    with pytest.raises(NotNow, match="Unbind"):
        release_eip(owner, eip)


@pytest.mark.requirement("EI-3")
def test_more_addresses_than_a_carrier_can_have_are_refused_by_name(
    owner: Actor, segment: ExternalSegment, region: Region, project_a: Project, one: Resource
) -> None:
    for _ in range(3):
        settle(bind_eip(owner, make_eip(segment, project_a), carrier=one.pk))
    with pytest.raises(Refused, match=f"{one.name} already has 3 IPv4 addresses") as refusal:
        bind_eip(owner, make_eip(segment, project_a), carrier=one.pk)
    assert (refusal.value.code, refusal.value.field) == ("eip.too_many", "carrier")
    six = make_segment(region, INTERNET6)
    settle(bind_eip(owner, make_eip(six, project_a), carrier=one.pk))
    with pytest.raises(Refused, match="1 IPv6"):
        bind_eip(owner, make_eip(six, project_a), carrier=one.pk)


@pytest.mark.requirement("EI-2", "RG-2")
def test_only_carriers_of_the_same_tenant_and_region_are_taken(
    owner: Actor, eip: Eip, one: Resource, project_b: Project, project_a: Project, segment: ExternalSegment
) -> None:
    foreign = make_carrier(project_b, one.region)  # type: ignore[arg-type]
    for wrong in (foreign.pk, segment.pk, uuid4()):
        with pytest.raises(Invalid) as invalid:
            bind_eip(owner, eip, carrier=wrong)
        assert list(invalid.value.fields) == ["carrier"]
    elsewhere = make_carrier(project_a, factories.make_region("south"))
    with pytest.raises(Refused) as refusal:
        bind_eip(owner, eip, carrier=elsewhere.pk)
    assert (refusal.value.code, refusal.value.field) == ("region.mismatch", "carrier")
    with pytest.raises(Invalid) as invalid:
        bind_eip(owner, eip, carrier=one.pk, delivery="translated")
    assert list(invalid.value.fields) == ["delivery"]
    Resource.objects.filter(pk=one.pk).update(state=State.ERROR)
    with pytest.raises(NotNow):
        bind_eip(owner, eip, carrier=one.pk)


def test_what_a_carrier_does_not_take_now_is_refused_with_its_reason(
    owner: Actor, eip: Eip, one: Resource, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.network.external import carriers_of

    kind = carriers.Carrier("carrier", carriers_of, obstacle=lambda row: "Not while it sleeps.")
    monkeypatch.setattr(carriers.CARRIERS, "_fillings", [kind])
    with pytest.raises(NotNow, match="Not while it sleeps") as refusal:
        bind_eip(owner, eip, carrier=one.pk)
    assert refusal.value.field == "carrier"


@pytest.mark.requirement("EI-2")
def test_binds_to_one_carrier_take_turns(
    owner: Actor, eip: Eip, segment: ExternalSegment, project_a: Project, one: Resource
) -> None:
    first = bind_eip(owner, eip, carrier=one.pk)
    other = make_eip(segment, project_a)
    second = bind_eip(owner, other, carrier=one.pk)
    with pytest.raises(Busy):
        unbind_eip(owner, eip)
    settle(first)
    settle(second)
    assert addresses_of(one) == [eip.address, other.address]


@pytest.mark.requirement("EI-4")
def test_one_bound_address_with_a_default_route_is_the_picked_egress(
    owner: Actor, eip: Eip, segment: ExternalSegment, region: Region, project_a: Project, one: Resource
) -> None:
    with pytest.raises(NotNow, match="not bound"):
        pick_egress(owner, eip)
    settle(bind_eip(owner, eip, carrier=one.pk))
    named = make_eip(make_segment(region, DATA_CENTRE), project_a)
    settle(bind_eip(owner, named, carrier=one.pk))
    with pytest.raises(NotNow, match="no default route"):
        pick_egress(owner, named)
    other = make_eip(segment, project_a)
    settle(bind_eip(owner, other, carrier=one.pk))
    settle(pick_egress(owner, eip))
    settle(pick_egress(owner, other))
    assert list(Eip.objects.filter(is_egress=True)) == [other]
    settle(unbind_eip(owner, other))
    assert not Eip.objects.filter(is_egress=True).exists()


@pytest.mark.requirement("EI-4", "EI-6")
def test_a_pick_of_one_ip_version_leaves_that_of_the_other(
    owner: Actor, eip: Eip, region: Region, project_a: Project, one: Resource
) -> None:
    six = make_eip(make_segment(region, INTERNET6), project_a)
    for each in (eip, six):
        settle(bind_eip(owner, each, carrier=one.pk))
        settle(pick_egress(owner, each))
    assert set(Eip.objects.filter(is_egress=True)) == {eip, six}


@pytest.mark.requirement("EI-2")
def test_the_bandwidth_of_a_bound_eip_is_changed_live(owner: Actor, eip: Eip, one: Resource) -> None:
    from apps.drivers.fabric.declared import kind_of
    from apps.drivers.specs import ExternalPortSpec
    from apps.infrastructure import backends

    settle(bind_eip(owner, eip, carrier=one.pk))
    settle(set_bandwidth(owner, eip, mbit=7))
    with backends.memory_world().call("test") as state:
        port = state.get(kind_of(ExternalPortSpec).memory.table, str(one.pk))
    assert port is not None
    assert [(each.mbit_in, each.mbit_out) for each in port.addresses] == [(7, 7)]


@pytest.mark.requirement("EI-2")
def test_eips_outlive_their_carrier_unless_they_are_released_with_it(
    owner: Actor, eip: Eip, segment: ExternalSegment, project_a: Project, one: Resource
) -> None:
    other = make_eip(segment, project_a)
    for each in (eip, other):
        settle(bind_eip(owner, each, carrier=one.pk))
    held = hold_eips(one.pk)
    assert {each.pk for each in held} == {eip.pk, other.pk}
    release_all([other])
    unbind_all(one.pk)
    eip.refresh_from_db()
    assert (eip.carrier_id, eip.state) == (None, State.READY)
    assert not Eip.objects.filter(pk=other.pk).exists()
    one.delete()
    settle(release_eip(owner, eip))


@pytest.mark.requirement("EI-1")
def test_changed_routes_of_a_segment_reach_its_bound_eips(
    owner: Actor, eip: Eip, segment: ExternalSegment, one: Resource
) -> None:
    settle(bind_eip(owner, eip, carrier=one.pk))
    settle(change_segment(SYSTEM, segment, routes=["198.51.100.0/24"]))
    assert [each.verb for each in Operation.objects.open()] == ["eip.resync"]


def test_resync_and_force_clean_put_the_network_right(
    owner: Actor, eip: Eip, one: Resource, host: Host
) -> None:
    settle(bind_eip(owner, eip, carrier=one.pk))
    Eip.objects.filter(pk=eip.pk).update(carrier=None, leaving=[one.pk])
    settle(resync_eip(SYSTEM, eip))
    assert addresses_of(one) == []
    settle(bind_eip(owner, eip, carrier=one.pk))
    settle(force_clean_eip(SYSTEM, eip))
    assert addresses_of(one) == []
    assert not Eip.objects.exists()


def test_force_clean_leaves_behind_what_the_network_does_not_give_back(
    owner: Actor, eip: Eip, one: Resource, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(bind_eip(owner, eip, carrier=one.pk))
    fail_once(monkeypatch, at=one)
    settle(force_clean_eip(SYSTEM, eip))
    assert not Eip.objects.exists()
    assert SegmentAddress.objects.get().use == SegmentAddress.Use.QUARANTINE


@pytest.mark.requirement("EI-2")
def test_a_guest_has_an_address_before_it_moves_and_loses_it_afterwards(
    owner: Actor, eip: Eip, one: Resource, two: Resource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the network of the one and that of the other nothing is waited for."""
    settle(bind_eip(owner, eip, carrier=one.pk))
    seen: list[tuple[str, Resource]] = []

    def network(run: OperationContext, pk: UUID) -> None:
        seen.append(("network", one if pk == one.pk else two))
        apply_carrier(run, pk)

    def guest(run: OperationContext, pk: UUID) -> None:
        seen.append(("guest", one if pk == one.pk else two))

    monkeypatch.setitem(carriers._appliers, "carrier", carriers.Applier(network, guest))
    settle(bind_eip(owner, eip, carrier=two.pk))
    assert seen == [("guest", two), ("network", one), ("network", two), ("guest", one)]


@pytest.mark.requirement("EI-2")
def test_a_guest_that_cannot_be_prepared_is_configured_behind_the_network(
    owner: Actor, eip: Eip, one: Resource, two: Resource, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(bind_eip(owner, eip, carrier=one.pk))
    asked: list[UUID] = []

    def guest(run: OperationContext, pk: UUID) -> None:
        asked.append(pk)
        if len(asked) == 1:
            raise DriverError("Busy.", code="test.busy")

    monkeypatch.setitem(carriers._appliers, "carrier", carriers.Applier(apply_carrier, guest))
    settle(bind_eip(owner, eip, carrier=two.pk))
    assert asked == [two.pk, two.pk, one.pk]
    assert addresses_of(two) == [eip.address]


@pytest.mark.requirement("EI-4")
def test_a_pick_that_failed_is_finished_by_picking_again(
    owner: Actor, eip: Eip, one: Resource, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(bind_eip(owner, eip, carrier=one.pk))
    with monkeypatch.context() as broken:
        fail_once(broken, at=one)
        fails(pick_egress(owner, eip))
    settle(pick_egress(owner, eip))
    with pytest.raises(NotNow, match="already"):
        pick_egress(owner, eip)
