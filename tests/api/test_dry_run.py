"""`?dry_run=1`: what a create would come to, all that would be refused, and nothing left behind."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import ANY
from uuid import uuid4

import pytest

from apps.accounts.models import User
from apps.compute.models import InstanceType, Vm
from apps.infrastructure.models import Host
from apps.network.models import SecurityGroup, Subnet, Vpc
from apps.quotas.models import Quota
from tests import factories
from tests.compute.factories import Cloud, make_cloud, make_image

pytestmark = [pytest.mark.requirement("OP-6"), pytest.mark.django_db]


def test_a_dry_run_of_anything_else_is_refused_and_not_done(alice: User) -> None:
    region = factories.make_region()
    client = factories.api_client(alice)
    made = client.post(
        "/api/v1/vpcs", {"name": "net", "cidr": "10.0.0.0/16", "region": region.name}, format="json"
    )
    one = f"/api/v1/vpcs/{made.data['resource']['id']}"
    for send in (client.delete, client.patch):
        answer = send(f"{one}?dry_run=1", {"name": "other"}, format="json")
        assert answer.status_code == 422
        assert answer.data["errors"][0]["field"] == "dry_run"
    assert client.post(f"{one}/retry?dry_run=1").status_code == 422
    assert (
        client.post(
            "/api/v1/vpcs?dry_run=yes", {"name": "n", "cidr": "10.0.0.0/16"}, format="json"
        ).status_code
        == 422
    )
    assert [vpc.name for vpc in Vpc.objects.all()] == ["net"]
    assert client.get("/api/v1/vpcs?dry_run=1").status_code == 400


def test_a_kind_without_an_explanation_still_tells_its_quota_and_the_first_refusal(alice: User) -> None:
    factories.make_region()
    client = factories.api_client(alice)
    seen = client.post(
        "/api/v1/vpcs?dry_run=1",
        {"name": "n", "cidr": "10.0.0.0/16", "subnet_cidr": "10.0.0.0/24"},
        format="json",
    )
    lines = {line["metric"]: (line["used"], line["after"], line["limit"]) for line in seen.data["quotas"]}
    assert lines == {"vpc": (0, 1, 10), "subnet": (0, 1, 50)}
    seen = client.post("/api/v1/vpcs?dry_run=1", {"name": "n", "cidr": "8.8.8.0/24"}, format="json")
    assert [error["errors"][0]["field"] for error in seen.data["refusals"]] == ["cidr"]
    Quota.objects.update(limit=0)
    seen = client.post("/api/v1/vpcs?dry_run=1", {"name": "n", "cidr": "10.0.0.0/16"}, format="json")
    assert [error["code"] for error in seen.data["refusals"]] == ["quota.exceeded"]
    assert (seen.data["quotas"][0]["after"], seen.data["quotas"][0]["exceeded"]) == (1, True)
    seen = client.post("/api/v1/vpcs?dry_run=1", {"cidr": "x" * 50}, format="json")
    assert {error["field"] for error in seen.data["refusals"][0]["errors"]} == {"name", "cidr"}


def body_of(cloud: Cloud, within: Subnet, **changes: Any) -> dict[str, Any]:
    body = {
        "name": "web",
        "instance_type": cloud.small.pk,
        "image": str(cloud.image.pk),
        "subnet": str(within.pk),
        "security_group": None,
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None or name == "security_group"}


def tried(user: User, body: dict[str, Any]) -> dict[str, Any]:
    return said(factories.api_client(user).post("/api/v1/vms?dry_run=1", body, format="json"))


def said(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.content
    seen: dict[str, Any] = json.loads(answer.content)
    return seen


def test_a_vms_dry_run_shows_quota_hosts_addresses_and_disk(
    cloud: Cloud, subnet: Subnet, alice: User
) -> None:
    Host.objects.filter(pk=cloud.hosts[0].pk).update(accepts_vms=False)
    seen = tried(alice, body_of(cloud, subnet, count=3))
    assert seen["possible"] and seen["permission"] == {"allowed": True, "reason": ""}
    assert seen["names"] == ["web-1", "web-2", "web-3"]
    after = {line["metric"]: (line["used"], line["after"]) for line in seen["quotas"]}
    assert after == {"vm": (0, 3), "vcpu": (0, 3), "memory_gib": (0, 6), "disk": (0, 3), "disk_gib": (0, 120)}
    assert seen["addresses"] == {"subnet": ANY, "free": 4093, "left": 4090}
    assert seen["disk"] == {"size_gib": 40, "min_gib": 1}
    assert (seen["hosts"]["total"], seen["hosts"]["fitting"], seen["hosts"]["room"]) == (2, 1, 32)
    assert seen["hosts"]["reasons"] == [
        {"code": "closed", "text": "1 host has scheduling disabled", "count": 1, "hosts": {}}
    ]
    assert "price" not in seen, "there is no price list, so nothing true could be said"


def test_hosts_are_named_to_administrators_only(cloud: Cloud, subnet: Subnet, alice: User, ada: User) -> None:
    Host.objects.update(accepts_vms=False)
    assert subnet.project is not None
    names = {host.name for host in cloud.hosts}
    assert subnet.tenant is not None
    body = body_of(cloud, subnet, project=str(subnet.project.uid))
    acting = factories.acting_client(ada, subnet.tenant)
    seen = said(acting.post("/api/v1/vms?dry_run=1", json.dumps(body, default=str), "application/json"))
    assert seen["hosts"]["reasons"][0]["hosts"] == dict.fromkeys(names, "scheduling is disabled")
    told = json.dumps(tried(alice, body_of(cloud, subnet)))
    assert not any(name in told for name in names)


def test_everything_that_is_wrong_is_told_at_once_with_the_codes_of_the_real_call(
    cloud: Cloud, subnet: Subnet, alice: User
) -> None:
    Quota.objects.filter(metric="vcpu").update(limit=1)
    Host.objects.update(accepts_vms=False)
    seen = tried(alice, body_of(cloud, subnet, count=2, hostname="-x", disk_gib=99_000, password="short"))
    assert not seen["possible"]
    codes = [error["code"] for error in seen["refusals"]]
    assert codes == ["invalid", "quota.exceeded", "placement.no_host"]
    assert {error["field"] for error in seen["refusals"][0]["errors"]} == {"hostname", "disk_gib", "password"}
    assert seen["refusals"][2]["details"]["reasons"][0]["text"] == "2 hosts have scheduling disabled"
    real = factories.api_client(alice).post(
        "/api/v1/vms",
        body_of(cloud, subnet, count=2, hostname="-x", disk_gib=99_000, password="short"),
        format="json",
    )
    assert (real.status_code, real.data["errors"]) == (422, seen["refusals"][0]["errors"])


CASES: dict[str, Any] = {
    "quota.exceeded": lambda cloud, subnet: Quota.objects.filter(metric="vm").update(limit=0),
    "placement.no_host": lambda cloud, subnet: Host.objects.update(accepts_vms=False),
    "subnet.full": lambda cloud, subnet: Subnet.objects.filter(pk=subnet.pk).update(cidr="10.0.0.0/30"),
    "state.not_allowed": lambda cloud, subnet: type(cloud.image).objects.update(state="pending"),
}


@pytest.mark.parametrize("code", CASES)
def test_each_refusal_of_the_real_call_is_foreseen(
    code: str, cloud: Cloud, subnet: Subnet, alice: User
) -> None:
    if code == "subnet.full":
        subnet = cloud.network(subnet.tenant, "10.9.0.0/29")  # type: ignore[arg-type]
        for n in range(5):
            assert (
                factories.api_client(alice)
                .post("/api/v1/vms", body_of(cloud, subnet, name=f"vm{n}"), format="json")
                .data["resources"]
            )
    else:
        CASES[code](cloud, subnet)
    seen = tried(alice, body_of(cloud, subnet))
    real = factories.api_client(alice).post("/api/v1/vms", body_of(cloud, subnet), format="json")
    assert (real.status_code, real.data["code"]) == (409, code)
    expected = {name: real.data[name] for name in ("status", "code", "title", "hint")}
    assert [{name: error[name] for name in expected} for error in seen["refusals"]] == [expected]


def test_things_of_two_regions_are_refused_at_their_fields(cloud: Cloud, subnet: Subnet, alice: User) -> None:
    other = make_cloud(cloud.world)
    strange = make_image(other.storage, "elsewhere")
    seen = tried(alice, body_of(cloud, subnet, image=str(strange.pk)))
    assert [(error["code"], error["errors"][0]["field"]) for error in seen["refusals"]] == [
        ("region.mismatch", "image")
    ]


def test_what_is_typed_so_far_is_enough_to_look_ahead(cloud: Cloud, subnet: Subnet, alice: User) -> None:
    seen = tried(alice, body_of(cloud, subnet, name=None, subnet=None))
    assert {error["field"] for error in seen["refusals"][0]["errors"]} == {"name", "subnet"}
    assert seen["hosts"]["fitting"] == 2
    assert seen["quotas"][0]["after"] == 1
    assert seen["addresses"] is None


def test_who_may_not_create_hears_nothing_else(cloud: Cloud, subnet: Subnet, vera: User, bob: User) -> None:
    assert subnet.project is not None
    seen = tried(vera, body_of(cloud, subnet, project=str(subnet.project.uid)))
    assert seen["permission"]["allowed"] is False
    assert [error["code"] for error in seen["refusals"]] == ["forbidden"]
    assert (seen["quotas"], seen["hosts"], seen["addresses"]) == ([], None, None)
    seen = tried(bob, body_of(cloud, subnet, security_group=str(uuid4())))
    assert {error["field"] for error in seen["refusals"][0]["errors"]} == {"subnet", "security_group"}
    assert seen["addresses"] is None


def test_a_vms_dry_run_costs_as_many_queries_whatever_there_is(
    cloud: Cloud, subnet: Subnet, alice: User, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        factories.make_host(cloud.cluster)
    group = SecurityGroup.objects.create(
        kind="security_group",
        name="g",
        tenant=subnet.tenant,
        project=subnet.project,
        region=cloud.region,
        state="ready",
    )
    body = body_of(cloud, subnet, security_group=str(group.pk), count=10)
    client = factories.api_client(alice)
    with django_assert_max_num_queries(18):
        assert client.post("/api/v1/vms?dry_run=1", body, format="json").data["possible"]
    assert not Vm.objects.exists()
    assert InstanceType.objects.count() == 5
