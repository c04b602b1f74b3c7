"""Two requests for one address, one elastic NIC or what has them, at the same moment: real threads, real transactions.

Whichever comes first, what is left at the end is of one piece: rows, network and guests agree, nothing is half-way.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Project, Tenant
from apps.compute.models import Vm
from apps.compute.services.delete import delete_vm
from apps.compute.services.eni_binding import bind_eni
from apps.drivers.specs import ProviderNetworkSpec
from apps.infrastructure import backends
from apps.lifecycle.actor import SYSTEM, Actor
from apps.lifecycle.errors import Busy, InUse, Invalid, NotFound, NotNow, Refused
from apps.lifecycle.models import Operation
from apps.network.models import Eip, Eni, ExternalSegment, ProviderNetwork, SegmentAddress, Subnet
from apps.network.operations import external_segment
from apps.network.segment_ranges import AddressRange, holds, spans_of
from apps.network.services import quarantine
from apps.network.services.eip import create_eips, release_eip
from apps.network.services.eip_binding import bind_eip, unbind_eip
from apps.network.services.eni import create_eni
from apps.network.services.external_segment import change_segment, create_segment, permit_segment
from apps.network.services.unfinished import finish_changes
from apps.quotas.recount import recount
from tests import factories
from tests.compute.eips import image_with_agent
from tests.compute.elastic import has, make_bound, make_eni
from tests.compute.factories import Cloud, ask_for_vms, make_vm
from tests.concurrency.together import at_once, overtaken
from tests.network.external import INTERNET6, make_eip, make_segment
from tests.reconciliation.drift import work
from tests.recovery.audit import audit
from tests.storage.factories import done

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("EI-2", "OP-1")]
DELIVERIES = pytest.mark.parametrize("delivery", list(Eip.Delivery))


@pytest.fixture
def vm(owner: Actor, cloud: Cloud, subnet: Subnet) -> Vm:
    return make_vm(owner, cloud, subnet)


@pytest.fixture
def other(owner: Actor, cloud: Cloud, subnet: Subnet) -> Vm:
    return make_vm(owner, cloud, subnet, name="other")


@pytest.fixture
def project(tenant_a: Tenant) -> Project:
    return factories.default_project(tenant_a)


@pytest.fixture
def segment(cloud: Cloud) -> ExternalSegment:
    return make_segment(cloud.region)


def together(*tasks: Callable[[], Any]) -> list[Any]:
    """Return what each request came to: an operation, or the refusal."""
    return at_once(tasks)


def settled(tenant: Tenant) -> None:
    """Carry out what was accepted, then what beat asks for, and compare everything."""
    work()
    finish_changes()
    work()
    recount(tenant, repair=True)  # networks of tests are not counted
    assert audit() == []


def accepted(outcomes: list[Any]) -> int:
    return sum(isinstance(outcome, Operation) for outcome in outcomes)


@DELIVERIES
def test_of_two_binds_of_one_eip_one_is_accepted(
    owner: Actor, vm: Vm, other: Vm, segment: ExternalSegment, project: Project, delivery: str
) -> None:
    eip = make_eip(segment, project)
    outcomes = together(
        lambda: bind_eip(owner, eip, carrier=vm.pk, delivery=delivery),
        lambda: bind_eip(owner, eip, carrier=other.pk, delivery=delivery),
    )
    assert {type(outcome) for outcome in outcomes} == {Operation, Busy}
    winner = next(outcome for outcome in outcomes if isinstance(outcome, Operation))
    settled(project.tenant)
    assert str(Eip.objects.get(pk=eip.pk).carrier_id) == winner.args["carrier"]


@DELIVERIES
@pytest.mark.parametrize("moves", [True, False], ids=["move", "unbind"])
def test_an_eip_leaves_a_vm_that_is_deleted_at_the_same_moment(
    owner: Actor, vm: Vm, other: Vm, segment: ExternalSegment, project: Project, delivery: str, moves: bool
) -> None:
    eip = make_eip(segment, project)
    done(bind_eip(owner, eip, carrier=vm.pk, delivery=delivery))

    def leave() -> Operation:
        return bind_eip(owner, eip, carrier=other.pk, delivery=delivery) if moves else unbind_eip(owner, eip)

    left, deleted = together(leave, lambda: delete_vm(owner, vm))
    assert isinstance(deleted, Operation)
    assert isinstance(left, (Operation, Busy, NotNow))
    settled(project.tenant)
    now = Eip.objects.get(pk=eip.pk)
    assert now.carrier_id == (other.pk if moves and isinstance(left, Operation) else None)
    done(unbind_eip(owner, now, carrier=other.pk))
    done(release_eip(owner, now))


@DELIVERIES
def test_an_eip_is_bound_to_a_vm_or_the_vm_is_deleted(
    owner: Actor, vm: Vm, segment: ExternalSegment, project: Project, delivery: str
) -> None:
    eip = make_eip(segment, project)
    bound, deleted = together(
        lambda: bind_eip(owner, eip, carrier=vm.pk, delivery=delivery), lambda: delete_vm(owner, vm)
    )
    assert isinstance(deleted, Operation) and isinstance(bound, (Operation, Refused))
    settled(project.tenant)
    assert Eip.objects.get(pk=eip.pk).carrier_id is None


@pytest.mark.requirement("EN-2")
@pytest.mark.parametrize("doomed", ["vm", "other"], ids=["where it was", "where it goes"])
def test_an_elastic_nic_moves_while_a_vm_is_deleted(
    owner: Actor, cloud: Cloud, vm: Vm, other: Vm, tenant_a: Tenant, doomed: str
) -> None:
    eni = make_bound(owner, cloud.network(tenant_a, "10.9.0.0/24"), vm)
    gone, kept = (vm, other) if doomed == "vm" else (other, vm)
    moved, deleted = together(lambda: bind_eni(owner, eni, vm=other.pk), lambda: delete_vm(owner, gone))
    assert isinstance(deleted, Operation) and isinstance(moved, (Operation, Refused))
    settled(tenant_a)
    now = Eni.objects.get(pk=eni.pk)
    assert now.vm_id in (None, kept.pk)
    if now.vm_id is None:
        done(bind_eni(owner, now, vm=kept.pk))
    assert has(kept, eni)


@pytest.mark.requirement("EN-2")
def test_of_more_elastic_nics_than_a_vm_takes_six_are_bound(
    owner: Actor, cloud: Cloud, vm: Vm, tenant_a: Tenant
) -> None:
    within = cloud.network(tenant_a, "10.9.0.0/24")
    enis = [make_eni(owner, within) for _ in range(8)]
    outcomes = together(*(lambda one=eni: bind_eni(owner, one, vm=vm.pk) for eni in enis))  # type: ignore[misc]
    refused = [outcome.code for outcome in outcomes if isinstance(outcome, Refused)]
    assert (accepted(outcomes), refused) == (6, ["vm.too_many_elastic_nics"] * 2)
    settled(tenant_a)
    slots = Eni.objects.filter(vm=vm.pk).values_list("slot", flat=True)
    assert sorted(slots) == [2, 3, 4, 5, 6, 7]  # type: ignore[type-var]


@pytest.mark.parametrize("attempt", range(2))
def test_an_eip_is_bound_or_released(
    owner: Actor, vm: Vm, segment: ExternalSegment, project: Project, attempt: int
) -> None:
    eip = make_eip(segment, project)
    bound, released = together(
        lambda: bind_eip(owner, eip, carrier=vm.pk, delivery="guest"), lambda: release_eip(owner, eip)
    )
    # A release pushes a bind aside only while the EIP is not bound by its row.
    assert (type(bound), type(released)) in {(Operation, NotNow), (Busy, Operation), (NotFound, Operation)}
    settled(project.tenant)
    assert Eip.objects.filter(pk=eip.pk).exists() == isinstance(bound, Operation)
    assert SegmentAddress.objects.count() == 1, "bound, or in quarantine"


@pytest.mark.requirement("EI-1")
@pytest.mark.parametrize("attempt", range(2))
def test_a_segment_is_not_narrowed_under_an_address_that_is_handed_out_at_the_same_moment(
    owner: Actor, segment: ExternalSegment, project: Project, attempt: int
) -> None:
    narrow = [{"first": "203.0.113.100", "last": "203.0.113.101"}]
    created, changed = together(
        lambda: create_eips(
            owner, segment=segment.pk, name="late", address="203.0.113.50", project=project.uid
        ),
        lambda: change_segment(SYSTEM, segment, ranges=narrow),
    )
    assert isinstance(created, list) == isinstance(changed, InUse), (created, changed)
    settled(project.tenant)
    now = ExternalSegment.objects.get(pk=segment.pk)
    ranges = [AddressRange(each.first, each.last, each.reserved) for each in now.ranges.all()]
    spans = spans_of(now.cidr, (now.gateway, now.router_address), ranges)
    assert all(holds(spans, held.ip) for held in SegmentAddress.objects.all())


@pytest.mark.parametrize("attempt", range(2))
def test_addresses_come_back_while_their_quarantine_ends(
    owner: Actor, segment: ExternalSegment, project: Project, monkeypatch: pytest.MonkeyPatch, attempt: int
) -> None:
    monkeypatch.setattr(quarantine, "MOST_IN_QUARANTINE", 3)
    for eip in [make_eip(segment, project) for _ in range(6)]:
        done(release_eip(owner, eip))
    SegmentAddress.objects.update(until=timezone.now())
    create = partial(create_eips, owner, segment=segment.pk, name="again", count=3, project=project.uid)
    outcomes = together(create, quarantine.end_quarantines, create, create)
    assert [type(outcome) for outcome in outcomes] == [list, int, list, list], outcomes
    settled(project.tenant)
    assert SegmentAddress.objects.filter(use=SegmentAddress.Use.EIP).count() == Eip.objects.count() == 9


@pytest.mark.requirement("EI-1")
@pytest.mark.parametrize("kind", ["eip", "eni", "vm"])
def test_whoever_loses_access_to_a_segment_while_waiting_for_it_gets_no_address(
    owner: Actor, cloud: Cloud, subnet: Subnet, segment: ExternalSegment, project: Project, kind: str
) -> None:
    image = image_with_agent(cloud)
    new_vm = {"image": image.pk, "new_eip": {"segment": segment.pk}}
    requests: dict[str, Callable[[], Any]] = {
        "eip": lambda: create_eips(owner, segment=segment.pk, name="late", project=project.uid),
        "eni": lambda: create_eni(owner, segment=segment.pk, name="late", project=project.uid),
        "vm": lambda: ask_for_vms(owner, cloud, subnet, **new_vm),
    }

    def withdraw(go_on: Callable[[], None]) -> None:
        with transaction.atomic():
            permit_segment(SYSTEM, segment, open_to_all=False)
            go_on()

    _done, late = overtaken(withdraw, requests[kind])
    assert isinstance(late, Invalid), late
    assert list(late.fields) == ["new_eip.segment" if kind == "vm" else "segment"]
    assert not SegmentAddress.objects.exists()


@pytest.mark.requirement("EI-1")
def test_the_last_two_segments_of_a_vlan_take_its_network_with_them(
    cloud: Cloud, segment: ExternalSegment
) -> None:
    other = make_segment(cloud.region, INTERNET6)

    def forget(one: ExternalSegment, go_on: Callable[[], None] = lambda: None) -> None:
        with transaction.atomic():
            external_segment._forget(one)
            go_on()

    overtaken(lambda go_on: forget(segment, go_on), lambda: forget(other))
    assert not ProviderNetwork.objects.exists()


@pytest.mark.requirement("EI-1")
def test_a_segment_is_created_while_the_last_one_of_its_vlan_is_deleted(
    cloud: Cloud, segment: ExternalSegment
) -> None:
    network = str(segment.provider_network_id)
    backends.fabric(cloud.region).ensure_absent(ProviderNetworkSpec, network)

    def forget(go_on: Callable[[], None]) -> None:
        with transaction.atomic():
            external_segment._forget(segment)
            go_on()

    created = {"region": cloud.region, "name": "next", **INTERNET6}
    _done, operation = overtaken(forget, lambda: create_segment(SYSTEM, **created))
    assert isinstance(operation, Operation)
    done(operation)
    assert ProviderNetwork.objects.get().segments.count() == 1
