"""EIPs: applied for, changed and released."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import Project, Tenant, User
from apps.drivers.memory.hypervisor import MemoryHypervisor
from apps.drivers.memory.records import ANSWERING
from apps.drivers.specs import FoundAddress
from apps.infrastructure import backends
from apps.infrastructure.models import Host, Region
from apps.lifecycle.actor import SYSTEM, Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import Forbidden, Invalid, NotFound, NotNow, QuotaExceeded, Refused
from apps.lifecycle.models import Operation, OperationStatus, State
from apps.network.models import Eip, ExternalSegment, SegmentAddress
from apps.network.platform_settings import ADDRESS_QUARANTINE_MINUTES
from apps.network.services import quarantine, segment_addresses
from apps.network.services.eip import create_eips, release_eip, rename_eip, retry_eip, set_bandwidth
from apps.network.services.external_segment import change_segment, permit_segment
from apps.network.services.quarantine import end_quarantines
from apps.network.services.repair_external import force_clean_eip, free_address
from apps.quotas.models import Quota
from apps.settings_pages.services import change_settings
from tests import factories
from tests.network.external import INTERNET, INTERNET6, make_eip, make_segment
from tests.network.factories import settle

pytestmark = pytest.mark.django_db

Use = SegmentAddress.Use


def answer(ip: str, mac: str = "52:54:00:00:00:09") -> None:
    with backends.memory_world().call("test") as state:
        state.put(ANSWERING, f"physnet1/101/{ip}", mac)


def failed(operation: Operation) -> dict[str, Any]:
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.FAILED, operation.status
    error: dict[str, Any] = operation.error
    return error


def used(tenant: Tenant) -> int:
    return Quota.objects.get(tenant=tenant, metric="eip").used


@pytest.mark.requirement("EI-2", "RG-2")
def test_an_eip_gets_the_next_free_address_of_its_segment(
    owner: Actor, segment: ExternalSegment, tenant_a: Tenant
) -> None:
    operations = create_eips(owner, segment=segment.pk, name="web", count=3, mbit=20)
    for operation in operations:
        settle(operation)
    eips = list(Eip.objects.order_by("name"))
    assert [(eip.name, eip.address, eip.mbit, eip.state) for eip in eips] == [
        ("web-1", "203.0.113.2", 20, State.READY),
        ("web-2", "203.0.113.3", 20, State.READY),
        ("web-3", "203.0.113.4", 20, State.READY),
    ]
    assert {eip.region_id for eip in eips} == {segment.region_id}
    assert used(tenant_a) == 3


@pytest.mark.requirement("EI-2")
def test_addresses_wrap_around_and_gaps_are_filled(region: Region, host: Host, project_a: Project) -> None:
    ranges = [
        {"first": "203.0.113.10", "last": "203.0.113.12"},
        {"first": "203.0.113.20", "last": "203.0.113.21"},
    ]
    segment = make_segment(region, ranges=ranges)
    eips = [make_eip(segment, project_a) for _ in range(5)]
    assert [eip.address.split(".")[-1] for eip in eips] == ["10", "11", "12", "20", "21"]
    with pytest.raises(Refused) as refusal:
        make_eip(segment, project_a)
    assert refusal.value.code == "segment.full"
    SegmentAddress.objects.filter(ip="203.0.113.11").delete()
    assert make_eip(segment, project_a).address == "203.0.113.11"


@pytest.mark.requirement("EI-2", "EI-6")
def test_a_chosen_address_is_given_or_refused_at_its_field(
    owner: Actor, segment: ExternalSegment, project_a: Project
) -> None:
    assert make_eip(segment, project_a, "203.0.113.77").address == "203.0.113.77"
    with pytest.raises(Refused) as refusal:
        create_eips(owner, segment=segment.pk, name="again", address="203.0.113.77")
    assert (refusal.value.code, refusal.value.field) == ("address.taken", "address")
    for wrong in ("203.0.114.1", "203.0.113.1", "203.0.113.254", "203.0.113.0", "203.0.113.255", "::1", "x"):
        with pytest.raises(Invalid) as invalid:
            create_eips(owner, segment=segment.pk, name="wrong", address=wrong)
        assert list(invalid.value.fields) == ["address"]
    assert Eip.objects.count() == 1


@pytest.mark.requirement("EI-2", "EI-6")
def test_ipv6_addresses_are_given_out_of_a_64(region: Region, host: Host, project_a: Project) -> None:
    segment = make_segment(region, INTERNET6)
    assert [make_eip(segment, project_a).address for _ in range(2)] == [
        "2001:db8:101::2",
        "2001:db8:101::3",
    ]
    assert make_eip(segment, project_a, "2001:DB8:101:0::beef").address == "2001:db8:101::beef"


@pytest.mark.requirement("EI-2")
@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("count", {"count": 11}),
        ("count", {"count": 0}),
        ("count", {"count": 2, "address": "203.0.113.9"}),
        ("mbit", {"mbit": 1001}),
        ("mbit", {"mbit": 0}),
        ("name", {"name": " "}),
        ("name", {"name": "x" * 63, "count": 10}),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    owner: Actor, segment: ExternalSegment, tenant_a: Tenant, field: str, wrong: dict[str, Any]
) -> None:
    with pytest.raises(Invalid) as refusal:
        create_eips(owner, **{"segment": segment.pk, "name": "web", **wrong})
    assert list(refusal.value.fields) == [field]
    assert not Eip.objects.exists()
    assert not SegmentAddress.objects.exists()


@pytest.mark.requirement("EI-1", "EI-2")
def test_a_segment_that_is_not_permitted_is_as_one_that_does_not_exist(
    owner: Actor, stranger: Actor, segment: ExternalSegment, tenant_a: Tenant
) -> None:
    permit_segment(SYSTEM, segment, open_to_all=False, tenants=[tenant_a])
    with pytest.raises(Invalid) as refusal:
        create_eips(stranger, segment=segment.pk, name="web")
    assert list(refusal.value.fields) == ["segment"]
    create_eips(owner, segment=segment.pk, name="web")


@pytest.mark.requirement("EI-2")
def test_quota_counts_eips(owner: Actor, segment: ExternalSegment, tenant_a: Tenant) -> None:
    settle(create_eips(owner, segment=segment.pk, name="one")[0])
    Quota.objects.filter(tenant=tenant_a, metric="eip").update(limit=2)
    with pytest.raises(QuotaExceeded):
        create_eips(owner, segment=segment.pk, name="two", count=2)
    eip = Eip.objects.get()
    settle(release_eip(owner, eip))
    assert used(tenant_a) == 0


@pytest.mark.requirement("EI-2")
def test_an_address_that_answers_is_a_conflict_and_another_one_is_taken(
    owner: Actor, segment: ExternalSegment
) -> None:
    answer("203.0.113.2")
    answer("203.0.113.3", "52:54:00:00:00:10")
    (operation,) = create_eips(owner, segment=segment.pk, name="web")
    settle(operation)
    assert Eip.objects.get().address == "203.0.113.4"
    rows = SegmentAddress.objects.filter(use=Use.CONFLICT, holder__isnull=True).order_by("ip")
    assert [(str(row.ip), row.mac) for row in rows] == [
        ("203.0.113.2", "52:54:00:00:00:09"),
        ("203.0.113.3", "52:54:00:00:00:10"),
    ]
    with pytest.raises(Refused, match=r"Another machine answers at 203\.0\.113\.2\."):
        create_eips(owner, segment=segment.pk, name="chosen", address="203.0.113.2")


@pytest.mark.requirement("EI-2")
def test_a_chosen_address_that_answers_is_refused_until_it_is_freed(
    owner: Actor, segment: ExternalSegment
) -> None:
    answer("203.0.113.50")
    (operation,) = create_eips(owner, segment=segment.pk, name="web", address="203.0.113.50")
    assert failed(operation)["code"] == "address.conflict"
    eip = Eip.objects.get()
    assert (eip.state, eip.address) == (State.ERROR, "")
    assert failed(retry_eip(owner, eip))["code"] == "address.taken"
    with backends.memory_world().call("test") as state:
        state.delete(ANSWERING, "physnet1/101/203.0.113.50")
    free_address(SYSTEM, segment, address="203.0.113.50")
    settle(retry_eip(owner, eip))
    assert Eip.objects.get().address == "203.0.113.50"


@pytest.mark.requirement("EI-2")
def test_a_segment_full_of_machines_of_others_gives_up(owner: Actor, segment: ExternalSegment) -> None:
    for last in range(2, 20):
        answer(f"203.0.113.{last}")
    (operation,) = create_eips(owner, segment=segment.pk, name="web")
    assert failed(operation)["code"] == "segment.conflicts"
    settle(release_eip(owner, Eip.objects.get()))


def test_without_a_host_that_could_look_an_eip_waits(owner: Actor, segment: ExternalSegment) -> None:
    Host.objects.update(last_report_at=timezone.now() - timedelta(hours=1))
    (operation,) = create_eips(owner, segment=segment.pk, name="web")
    execute(operation.pk)
    operation.refresh_from_db()
    assert (operation.status, operation.error["code"]) == (OperationStatus.QUEUED, "host.unreachable")


@pytest.mark.requirement("EI-2")
def test_a_released_address_is_in_quarantine_for_the_time_that_is_set(
    owner: Actor, stranger: Actor, segment: ExternalSegment, project_a: Project
) -> None:
    eip = make_eip(segment, project_a)
    address = eip.address
    settle(release_eip(owner, eip))
    held = SegmentAddress.objects.get()
    assert (held.use, held.holder) == (Use.QUARANTINE, None)
    assert held.until is not None
    assert timedelta(minutes=9) < held.until - timezone.now() <= timedelta(minutes=10)
    with pytest.raises(Refused, match="quarantine"):
        create_eips(stranger, segment=segment.pk, name="again", address=address)
    assert end_quarantines() == 0
    SegmentAddress.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert end_quarantines() == 1
    assert make_eip(segment, project_a, address).address == address


@pytest.mark.requirement("EI-2")
def test_a_tenant_gets_back_the_address_that_it_released(
    owner: Actor, segment: ExternalSegment, project_a: Project
) -> None:
    eip = make_eip(segment, project_a)
    address = eip.address
    settle(release_eip(owner, eip))
    assert make_eip(segment, project_a, address).address == address
    held = SegmentAddress.objects.get()
    assert (held.use, held.until, held.tenant) == (Use.EIP, None, None)


@pytest.mark.requirement("EI-2")
def test_no_tenant_uses_up_a_segment_by_releasing_what_it_gets(
    owner: Actor,
    segment: ExternalSegment,
    project_a: Project,
    project_b: Project,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(quarantine, "MOST_IN_QUARANTINE", 2)
    for _ in range(5):
        settle(release_eip(owner, make_eip(segment, project_a)))
    assert {str(row.ip) for row in SegmentAddress.objects.all()} == {"203.0.113.2", "203.0.113.3"}
    with pytest.raises(Refused, match="2 addresses that you released") as refusal:
        create_eips(owner, segment=segment.pk, name="next", address="203.0.113.77")
    assert (refusal.value.code, refusal.value.field) == ("address.taken", "address")
    assert make_eip(segment, project_b).address == "203.0.113.4"


def test_the_end_of_its_quarantine_and_its_return_to_its_tenant_are_one_or_the_other(
    owner: Actor, segment: ExternalSegment, project_a: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "MOST_IN_QUARANTINE", 1)
    settle(release_eip(owner, make_eip(segment, project_a)))
    found = quarantine.oldest_of_too_many

    def gone(*args: Any) -> Any:
        oldest = found(*args)
        SegmentAddress.objects.all().delete()
        return oldest

    monkeypatch.setattr(segment_addresses, "oldest_of_too_many", gone)
    assert make_eip(segment, project_a).address == "203.0.113.3"


@pytest.mark.requirement("EI-2")
def test_a_host_says_nothing_of_addresses_that_were_not_asked_for(
    segment: ExternalSegment, project_a: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    lie = (FoundAddress("203.0.113.9", "52:54:00:00:00:09"),)
    monkeypatch.setattr(MemoryHypervisor, "probe_addresses", lambda *_: lie)
    assert make_eip(segment, project_a).address == "203.0.113.2"
    assert not SegmentAddress.objects.filter(use=Use.CONFLICT).exists()


@pytest.mark.requirement("EI-2")
def test_without_quarantine_an_address_is_free_at_once(
    owner: Actor, ada: User, segment: ExternalSegment, project_a: Project
) -> None:
    change_settings(factories.actor_for_user(ada), {ADDRESS_QUARANTINE_MINUTES.name: 0})
    eip = make_eip(segment, project_a)
    settle(release_eip(owner, eip))
    assert not SegmentAddress.objects.exists()


@pytest.mark.requirement("EI-2")
def test_bandwidth_is_set_within_the_ceiling_and_kept_when_that_is_lowered(
    owner: Actor, segment: ExternalSegment, project_a: Project
) -> None:
    eip = make_eip(segment, project_a)
    assert eip.mbit == 100
    settle(set_bandwidth(owner, eip, mbit=1000))
    with pytest.raises(Invalid) as refusal:
        set_bandwidth(owner, eip, mbit=1001)
    assert list(refusal.value.fields) == ["mbit"]
    settle(change_segment(SYSTEM, segment, ceiling_mbit=50))
    eip.refresh_from_db()
    assert eip.mbit == 1000
    with pytest.raises(Invalid):
        set_bandwidth(owner, eip, mbit=51)
    assert make_eip(segment, project_a).mbit == 50


def test_a_description_is_changed_without_an_operation(
    owner: Actor, segment: ExternalSegment, project_a: Project
) -> None:
    eip = make_eip(segment, project_a)
    before = Operation.objects.count()
    rename_eip(owner, eip, description="For the shop")
    eip.refresh_from_db()
    assert (eip.description, eip.name, Operation.objects.count()) == ("For the shop", eip.name, before)


def test_others_eips_are_not_found_and_viewers_change_nothing(
    stranger: Actor, vera: User, segment: ExternalSegment, project_a: Project
) -> None:
    eip = make_eip(segment, project_a)
    with pytest.raises(NotFound):
        release_eip(stranger, eip)
    with pytest.raises(Forbidden):
        release_eip(factories.actor_for_user(vera), eip)


def test_force_clean_releases_an_eip_that_could_not_be_created(
    owner: Actor, segment: ExternalSegment, tenant_a: Tenant
) -> None:
    create_eips(owner, segment=segment.pk, name="web")
    eip = Eip.objects.get()
    settle(force_clean_eip(SYSTEM, eip))
    assert not Eip.objects.exists()
    assert SegmentAddress.objects.get().use == Use.QUARANTINE
    assert used(tenant_a) == 0


@pytest.mark.requirement("EI-2")
def test_nothing_is_given_of_a_segment_that_is_not_there_yet(
    owner: Actor, region: Region, host: Host
) -> None:
    from apps.network.services.external_segment import create_segment

    operation = create_segment(SYSTEM, region=region, name="new", **INTERNET)
    with pytest.raises((Invalid, NotNow)):
        create_eips(owner, segment=operation.target_id, name="web")
