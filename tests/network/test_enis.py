"""Elastic NICs: created, changed and deleted, in a subnet and in an external segment."""

from __future__ import annotations

from typing import Any

import pytest

from apps.accounts.models import Project, Tenant, User
from apps.drivers.errors import DriverError
from apps.drivers.memory.records import ANSWERING
from apps.infrastructure import backends
from apps.infrastructure.models import Host, Region
from apps.lifecycle.actor import Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import Forbidden, InUse, Invalid, NotFound, QuotaExceeded, Refused
from apps.lifecycle.models import Operation, OperationStatus, State
from apps.network.models import Eni, ExternalSegment, Nic, NicRole, SegmentAddress, Subnet
from apps.network.services.eni import (
    create_eni,
    delete_eni,
    rename_eni,
    retry_eni,
    set_bandwidth,
    set_security_group,
)
from apps.network.services.external_segment import delete_segment
from apps.network.services.subnet import delete_subnet
from apps.quotas.models import Quota
from tests import factories
from tests.network.factories import make_group, make_subnet, make_vpc, settle

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("EN-1"), pytest.mark.usefixtures("host")]


def make(actor: Actor, **values: Any) -> Eni:
    return Eni.objects.get(pk=settle(create_eni(actor, **{"name": "nic", **values})).target_id)


def used(tenant: Tenant) -> int:
    return Quota.objects.get(tenant=tenant, metric="eni").used


def answer(ip: str) -> None:
    with backends.memory_world().call("test") as state:
        state.put(ANSWERING, f"physnet1/101/{ip}", "52:54:00:00:00:09")


@pytest.mark.requirement("EN-4")
def test_an_internal_one_has_an_address_of_its_subnet_for_its_whole_life(
    owner: Actor, subnet: Subnet, tenant_a: Tenant
) -> None:
    operation = create_eni(owner, name="nic", subnet=subnet.pk)
    assert Eni.objects.get().state == State.PENDING
    settle(operation)
    eni = Eni.objects.get()
    assert (eni.state, eni.address, eni.is_external) == (State.READY, "10.0.1.2", False)
    assert (eni.nic.role, eni.nic.mbit_in, eni.nic.mbit_out) == (NicRole.ELASTIC, 0, 0)
    assert used(tenant_a) == 1
    chosen = make(owner, subnet=subnet.pk, address="10.0.1.9")
    assert chosen.address == "10.0.1.9" and chosen.nic.mac != eni.nic.mac
    settle(delete_eni(owner, eni))
    assert (Eni.objects.get(), Nic.objects.filter(role=NicRole.ELASTIC).count()) == (chosen, 1)
    assert used(tenant_a) == 1


def test_the_address_of_an_external_one_is_in_quarantine_when_it_is_deleted(
    owner: Actor, segment: ExternalSegment
) -> None:
    eni = make(owner, segment=segment.pk)
    assert (eni.address, eni.is_external, eni.nic.ip) == ("203.0.113.2", True, None)
    assert (eni.nic.mbit_in, eni.nic.mbit_out) == (100, 100)
    chosen = make(owner, segment=segment.pk, address="203.0.113.9", mbit_in=5, mbit_out=1000)
    assert (chosen.address, chosen.nic.mbit_in, chosen.nic.mbit_out) == ("203.0.113.9", 5, 1000)
    settle(delete_eni(owner, eni))
    held = SegmentAddress.objects.get(ip="203.0.113.2")
    assert (held.use, held.holder_id) == (SegmentAddress.Use.QUARANTINE, None)


def test_an_address_that_answers_is_never_given_out(owner: Actor, segment: ExternalSegment) -> None:
    answer("203.0.113.2")
    assert make(owner, segment=segment.pk).address == "203.0.113.3"
    answer("203.0.113.9")
    operation = create_eni(owner, name="chosen", segment=segment.pk, address="203.0.113.9")
    execute(operation.pk)
    operation.refresh_from_db()
    assert (operation.status, operation.error["code"]) == (OperationStatus.FAILED, "address.conflict")
    failed = Eni.objects.get(name="chosen")
    assert (failed.state, failed.address) == (State.ERROR, "")
    settle(delete_eni(owner, failed))


def test_one_that_failed_is_made_by_a_retry(owner: Actor, subnet: Subnet) -> None:
    refusal = DriverError("No.", code="tried.refused", permanent=True)
    backends.memory_world().fail("fabric.ensure_port", refusal)
    operation = create_eni(owner, name="nic", subnet=subnet.pk)
    execute(operation.pk)
    eni = Eni.objects.get()
    assert eni.state == State.ERROR
    settle(retry_eni(owner, eni))
    assert Eni.objects.get().state == State.READY


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, "subnet"),
        ({"subnet": "own", "segment": "own"}, "segment"),
        ({"subnet": "own", "address": "10.0.2.1"}, "address"),
        ({"subnet": "own", "address": "2001:db8::1"}, "address"),
        ({"segment": "own", "address": "10.0.1.9"}, "address"),
        ({"subnet": "own", "mbit_in": -1}, "mbit_in"),
        ({"subnet": "own", "mbit_out": 10_000_001}, "mbit_out"),
        ({"segment": "own", "mbit_in": 0}, "mbit_in"),
        ({"segment": "own", "mbit_out": 1001}, "mbit_out"),
        ({"subnet": "own", "name": ""}, "name"),
    ],
)
def test_bad_input_is_refused_at_its_field_and_makes_nothing(
    owner: Actor,
    subnet: Subnet,
    segment: ExternalSegment,
    tenant_a: Tenant,
    values: dict[str, Any],
    field: str,
) -> None:
    own = {"subnet": subnet.pk, "segment": segment.pk}
    given = {key: own[key] if value == "own" else value for key, value in values.items()}
    with pytest.raises(Invalid) as refused:
        create_eni(owner, **{"name": "nic", **given})
    assert field in refused.value.fields
    assert not Eni.objects.exists() and used(tenant_a) == 0


def test_an_address_in_use_is_refused_by_name(owner: Actor, subnet: Subnet, segment: ExternalSegment) -> None:
    for where, address in (({"subnet": subnet.pk}, "10.0.1.9"), ({"segment": segment.pk}, "203.0.113.9")):
        make(owner, **where, address=address)
        with pytest.raises(Refused) as refused:
            create_eni(owner, name="two", **where, address=address)
        assert (refused.value.code, refused.value.field) == ("address.taken", "address")
        assert address in refused.value.message


@pytest.mark.requirement("RG-2")
def test_a_group_of_another_region_is_refused(owner: Actor, subnet: Subnet, project_a: Project) -> None:
    elsewhere = make_group(project_a, factories.make_region("south"))
    with pytest.raises(Refused) as refused:
        create_eni(owner, name="nic", subnet=subnet.pk, security_group=elsewhere.pk)
    assert (refused.value.code, refused.value.field) == ("region.mismatch", "security_group")
    eni = make(owner, subnet=subnet.pk)
    with pytest.raises(Refused, match="in region South"):
        set_security_group(owner, eni, security_group=elsewhere.pk)


def test_of_another_tenant_nothing_exists(
    owner: Actor, stranger: Actor, subnet: Subnet, project_a: Project
) -> None:
    eni = make(owner, subnet=subnet.pk)
    with pytest.raises(Invalid, match="Subnet not found"):
        create_eni(stranger, name="nic", subnet=subnet.pk)
    for ask in (
        lambda: delete_eni(stranger, eni),
        lambda: set_bandwidth(stranger, eni, mbit_in=1, mbit_out=1),
        lambda: rename_eni(stranger, eni, name="mine"),
    ):
        with pytest.raises(NotFound):
            ask()
    with pytest.raises((Invalid, Forbidden)):
        create_eni(stranger, name="nic", subnet=subnet.pk, project=project_a.uid)


def test_a_quota_limits_them(owner: Actor, subnet: Subnet, tenant_a: Tenant) -> None:
    Quota.objects.filter(tenant=tenant_a, metric="eni").update(limit=1)
    make(owner, subnet=subnet.pk)
    with pytest.raises(QuotaExceeded):
        create_eni(owner, name="two", subnet=subnet.pk)
    assert Eni.objects.count() == 1


@pytest.mark.requirement("EN-3", "NI-4")
def test_bandwidth_is_changed_within_the_ceiling_of_its_segment(
    owner: Actor, subnet: Subnet, segment: ExternalSegment
) -> None:
    inside, outside = make(owner, subnet=subnet.pk), make(owner, segment=segment.pk)
    settle(set_bandwidth(owner, inside, mbit_in=0, mbit_out=40))
    settle(set_bandwidth(owner, outside, mbit_in=1000, mbit_out=1))
    assert {(nic.mbit_in, nic.mbit_out) for nic in Nic.objects.filter(role=NicRole.ELASTIC)} == {
        (0, 40),
        (1000, 1),
    }
    for speeds in ({"mbit_in": 1001, "mbit_out": 1}, {"mbit_in": 0, "mbit_out": 1}):
        with pytest.raises(Invalid, match="1 to 1,000 Mbit/s"):
            set_bandwidth(owner, outside, **speeds)


def test_what_it_is_in_cannot_be_deleted(
    owner: Actor, subnet: Subnet, segment: ExternalSegment, ada: User
) -> None:
    make(owner, subnet=subnet.pk, name="inside")
    make(owner, segment=segment.pk, name="outside")
    with pytest.raises(InUse, match="inside"):
        delete_subnet(owner, subnet)
    with pytest.raises(InUse, match="outside"):
        delete_segment(factories.actor_for_user(ada), segment)


def test_the_last_address_goes_to_one_of_both_kinds(owner: Actor, region: Region, project_a: Project) -> None:
    small = make_subnet(make_vpc(project_a, region, "172.16.0.0/16"), "172.16.0.0/29")
    for _ in range(5):
        make(owner, subnet=small.pk)
    with pytest.raises(Refused) as refused:
        create_eni(owner, name="late", subnet=small.pk)
    assert refused.value.code == "subnet.full"


def test_renaming_leaves_the_network_alone(owner: Actor, subnet: Subnet, host: Host) -> None:
    eni = make(owner, subnet=subnet.pk)
    rename_eni(owner, eni, name="other", description="new")
    assert not Operation.objects.open().exists()
    assert Eni.objects.get().name == "other"
