"""Creating VMs with an EIP and an external security group, by API and page."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import Project, Tenant, User
from apps.compute.models import Vm
from apps.lifecycle.actor import Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.models import Operation, OperationStatus, State
from apps.network.models import Eip, ExternalSegment, NicRole, Subnet
from apps.network.services.eip_binding import bind_eip
from apps.quotas.models import Quota
from tests import factories
from tests.compute.eips import addresses, image_with_agent, nic_of
from tests.compute.factories import Cloud, ask_for_vms, make_group, make_vm
from tests.network.external import DATA_CENTRE, INTERNET6, make_eip, make_segment
from tests.network.factories import settle

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("VM-1")]


@pytest.fixture
def project(tenant_a: Tenant) -> Project:
    return factories.default_project(tenant_a)


@pytest.fixture
def segment(cloud: Cloud) -> ExternalSegment:
    return make_segment(cloud.region, ceiling_mbit=50)


@pytest.fixture
def image(cloud: Cloud) -> object:
    return image_with_agent(cloud).pk


@pytest.fixture
def client(alice: User) -> Client:
    return factories.page_client(alice)


def create(client: Client, cloud: Cloud, subnet: Subnet, query: str = "", **more: Any) -> Any:
    body = {
        "name": "web",
        "instance_type": cloud.small.pk,
        "image": str(cloud.image.pk),
        "subnet": str(subnet.pk),
        "security_group": None,
        **more,
    }
    return client.post(f"/api/v1/vms{query}", body, content_type="application/json")


def test_the_external_group_is_that_of_the_internal_nic_unless_one_is_chosen(
    cloud: Cloud, subnet: Subnet, owner: Actor, project: Project
) -> None:
    one, other = make_group(cloud.region, project), make_group(cloud.region, project)
    same = make_vm(owner, cloud, subnet, name="same", security_group=one.pk)
    own = make_vm(owner, cloud, subnet, name="own", security_group=one.pk, external_security_group=other.pk)
    none = make_vm(owner, cloud, subnet, name="none", security_group=one.pk, external_security_group=None)
    assert [nic_of(vm).security_group for vm in (same, own, none)] == [one, other, None]
    assert {nic_of(vm, NicRole.INTERNAL).security_group for vm in (same, own, none)} == {one}


def test_a_vm_is_created_with_an_existing_eip(
    cloud: Cloud, subnet: Subnet, owner: Actor, segment: ExternalSegment, project: Project, image: object
) -> None:
    eip = make_eip(segment, project)
    vm = make_vm(owner, cloud, subnet, eip=eip.pk, image=image)
    eip.refresh_from_db()
    assert (eip.carrier_id, eip.state, addresses(cloud, vm)) == (vm.pk, State.READY, [eip.address])


def test_each_of_several_vms_gets_a_new_eip(
    cloud: Cloud, subnet: Subnet, owner: Actor, segment: ExternalSegment, image: object
) -> None:
    new = {"segment": segment.pk, "mbit": 20}
    operations = ask_for_vms(owner, cloud, subnet, new_eip=new, count=2, image=image)
    assert [len(operation.resource.shown_eips) for operation in operations] == [1, 1]  # type: ignore[union-attr]
    for operation in Operation.objects.filter(verb="eip.create"):
        settle(operation)
    for operation in operations:
        settle(operation)
    eips = Eip.objects.select_related("segment_address").order_by("name")
    assert [(eip.name, eip.mbit) for eip in eips] == [("web-1-eip", 20), ("web-2-eip", 20)]
    assert [addresses(cloud, Vm.objects.get(pk=eip.carrier_id)) for eip in eips] == [
        [eip.address] for eip in eips
    ]
    assert Quota.objects.get(metric="eip").used == 2


def test_a_vm_waits_for_its_eip_and_is_created_without_one_that_failed(
    cloud: Cloud, subnet: Subnet, owner: Actor, segment: ExternalSegment, image: object, monkeypatch: Any
) -> None:
    monkeypatch.setattr("apps.compute.operations.new_eips.PATIENCE_SECONDS", 0.0)
    (operation,) = ask_for_vms(owner, cloud, subnet, new_eip={"segment": segment.pk}, image=image)
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.QUEUED
    Eip.objects.update(state=State.ERROR)
    Operation.objects.filter(verb="eip.create").update(status=OperationStatus.FAILED)
    Operation.objects.filter(pk=operation.pk).update(not_before=timezone.now())
    settle(operation)
    assert Eip.objects.get().carrier_id is None
    vm = Vm.objects.get(pk=operation.target_id)
    assert (vm.state, addresses(cloud, vm)) == (State.READY, [])


def test_wrong_choices_are_named_at_their_fields(
    cloud: Cloud, subnet: Subnet, owner: Actor, client: Client, segment: ExternalSegment, project: Project
) -> None:
    eip = make_eip(segment, project)
    used = make_eip(segment, project)
    make_vm(owner, cloud, subnet, name="first", eip=used.pk)
    for more, field in (
        ({"eip": str(eip.pk), "new_eip": {"segment": str(segment.pk)}}, "eip"),
        ({"eip": str(eip.pk), "count": 2}, "eip"),
        ({"eip": str(used.pk)}, "eip"),
        ({"eip": str(subnet.pk)}, "eip"),
        ({"new_eip": {"segment": str(subnet.pk)}}, "new_eip.segment"),
        ({"new_eip": {"segment": str(segment.pk), "mbit": 51}}, "new_eip.mbit"),
        ({"external_security_group": str(subnet.pk)}, "external_security_group"),
    ):
        answer = create(client, cloud, subnet, **more)
        assert answer.status_code == 422, more
        assert [error["field"] for error in answer.json()["errors"]] == [field], answer.json()
    assert Vm.objects.count() == 1
    assert Eip.objects.count() == 2


def test_a_dry_run_says_which_eip_and_group_the_vm_would_have(
    cloud: Cloud, subnet: Subnet, client: Client, segment: ExternalSegment
) -> None:
    answer = create(client, cloud, subnet, "?dry_run=1", new_eip={"segment": str(segment.pk)})
    assert answer.status_code == 200, answer.json()
    assert answer.json()["eip"] == {
        "address": None,
        "segment": {"id": str(segment.pk), "name": segment.name},
        "mbit": 50,
        "delivery": "translated",
        "delivery_chosen": False,
    }
    assert [line["asked"] for line in answer.json()["quotas"] if line["metric"] == "eip"] == [1]
    assert Eip.objects.count() == 0


def test_the_api_shows_nics_eips_and_the_default_egress(
    cloud: Cloud, subnet: Subnet, owner: Actor, client: Client, segment: ExternalSegment, project: Project
) -> None:
    eip = make_eip(segment, project)
    vm = make_vm(owner, cloud, subnet, eip=eip.pk)
    body = client.get(f"/api/v1/vms/{vm.pk}").json()
    assert [(nic["role"], nic["ip"] is None, nic["subnet"] is None) for nic in body["nics"]] == [
        ("internal", False, False),
        ("external", True, True),
    ]
    (shown,) = body["eips"]
    assert (shown["address"], shown["is_default_egress"], shown["delivery"]) == (
        eip.address,
        True,
        "translated",
    )
    assert body["guest_network"] == {"configured": True, "reason": ""}
    found = client.get("/api/v1/vms", {"q": eip.address}).json()["results"]
    assert [each["id"] for each in found] == [str(vm.pk)]


def test_the_create_page_offers_eips_and_shows_the_choice(
    cloud: Cloud, subnet: Subnet, client: Client, segment: ExternalSegment, project: Project
) -> None:
    eip = make_eip(segment, project)
    page = client.get("/vms/create/").content.decode()
    assert f'value="new:{segment.pk}"' in page
    assert f'value="{eip.pk}"' in page
    form = {
        "name": "web",
        "count": 1,
        "project": str(project.uid),
        "instance_type": cloud.small.pk,
        "image": str(cloud.image.pk),
        "subnet": str(subnet.pk),
        "security_group": "",
        "external_security_group": "",
        "eip": f"new:{segment.pk}",
        "eip_mbit": 20,
    }
    assert client.post("/vms/create/", form).status_code == 302
    made = Eip.objects.exclude(pk=eip.pk).get()
    assert (made.mbit, made.carrier_id) == (20, Vm.objects.get().pk)


def test_the_network_tab_shows_nics_eips_and_how_to_change_the_egress(
    cloud: Cloud, subnet: Subnet, owner: Actor, client: Client, segment: ExternalSegment, project: Project
) -> None:
    vm = make_vm(owner, cloud, subnet)
    page = client.get(f"/vms/{vm.pk}/network/").content.decode()
    assert "External" in page and "No default egress" in page
    eip = make_eip(segment, project)
    other = make_vm(owner, cloud, subnet, name="other", eip=eip.pk)
    page = client.get(f"/vms/{other.pk}/network/").content.decode()
    assert eip.address in page and "One-to-one NAT" in page and f"Default egress: {eip.address}" in page


@pytest.mark.requirement("EI-3")
@pytest.mark.parametrize(
    ("chosen", "way"), [("", "translated"), ("guest", "guest"), ("translated", "translated")]
)
def test_how_a_new_vms_eip_is_delivered_is_chosen_or_follows_the_image(
    cloud: Cloud, subnet: Subnet, client: Client, segment: ExternalSegment, chosen: str, way: str
) -> None:
    more: dict[str, Any] = {"new_eip": {"segment": str(segment.pk)}, "eip_delivery": chosen or None}
    seen = create(client, cloud, subnet, "?dry_run=1", **more).json()["eip"]
    assert (seen["delivery"], seen["delivery_chosen"]) == (way, bool(chosen))
    answer = create(client, cloud, subnet, **more)
    assert answer.status_code == 202, answer.json()
    eip = Eip.objects.get()
    assert (eip.delivery, eip.delivery_chosen) == (way, bool(chosen))
    (shown,) = client.get(f"/api/v1/vms/{eip.carrier_id}").json()["eips"]
    assert (shown["delivery"], shown["delivery_chosen"]) == (way, bool(chosen))
    settle(Operation.objects.get(verb="eip.create"))
    why = "chosen" if chosen else "automatic: the image has no guest agent"
    label = Eip.Delivery(way).label
    for page in (f"/vms/{eip.carrier_id}/network/", f"/eips/{eip.pk}/"):
        assert f"{label} ({why})" in client.get(page).content.decode()
    own = client.get(f"/api/v1/eips/{eip.pk}").json()
    assert (own["delivery"], own["delivery_chosen"]) == (way, bool(chosen))


@pytest.mark.requirement("EI-3", "EI-6")
def test_one_to_one_nat_of_a_new_vm_is_refused_where_it_has_no_inside_address(
    cloud: Cloud, subnet: Subnet, client: Client, project: Project
) -> None:
    six = make_eip(make_segment(cloud.region, INTERNET6), project)
    for more in ({"eip": str(six.pk)}, {"eip": str(six.pk), "eip_delivery": "translated"}):
        answer = create(client, cloud, subnet, **more)
        assert answer.status_code == 422
        (error,) = answer.json()["errors"]
        assert error["field"] == "eip_delivery" and "In the guest" in error["message"]
    answer = create(client, cloud, subnet, eip_delivery="guest")
    assert [error["field"] for error in answer.json()["errors"]] == ["eip_delivery"], "no EIP to deliver"
    assert create(client, cloud, subnet, eip=str(six.pk), eip_delivery="guest").status_code == 202


def test_the_create_page_takes_a_delivery_and_ignores_one_without_an_eip(
    cloud: Cloud, subnet: Subnet, client: Client, segment: ExternalSegment, project: Project
) -> None:
    form = {
        "name": "web",
        "count": 1,
        "project": str(project.uid),
        "instance_type": cloud.small.pk,
        "image": str(cloud.image.pk),
        "subnet": str(subnet.pk),
        "security_group": "",
        "external_security_group": "",
        "eip_delivery": "guest",
    }
    assert "One-to-one NAT" in client.get("/vms/create/").content.decode()
    assert client.post("/vms/create/", form).status_code == 302
    assert client.post("/vms/create/", {**form, "name": "two", "eip": f"new:{segment.pk}"}).status_code == 302
    assert list(Eip.objects.values_list("delivery", "delivery_chosen")) == [("guest", True)]


@pytest.mark.requirement("EI-3", "EI-4")
def test_the_network_tab_says_what_a_guest_without_an_agent_gets(
    cloud: Cloud, subnet: Subnet, owner: Actor, client: Client, project: Project
) -> None:
    named = make_segment(cloud.region, DATA_CENTRE)
    eip = make_eip(named, project)
    vm = make_vm(owner, cloud, subnet, eip=eip.pk)
    page = client.get(f"/vms/{vm.pk}/network/").content.decode()
    assert f"All that it sends out of its VPC leaves by {eip.address}" in page
    assert "No default egress" not in page and "data-guest-manual" not in page
    inside = make_eip(make_segment(cloud.region), project)
    settle(bind_eip(owner, inside, carrier=vm.pk, delivery="guest"))
    Vm.objects.filter(pk=vm.pk).update(guest_configured=False, guest_network_reason="no_agent")
    page = client.get(f"/vms/{vm.pk}/network/").content.decode()
    assert "Replies leave by this EIP, new connections by the default egress" in page
    assert "only its first IPv4 EIP" in page and "169.254.77.1 (IPv6: fd77::1)" in page
