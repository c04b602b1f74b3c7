"""Conditional requests: nothing is sent twice, and no change overwrites another."""

from __future__ import annotations

from typing import Any

import pytest

from apps.accounts.models import Tenant, User
from apps.compute.models import Vm
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Operation
from apps.network.models import Subnet
from tests import factories
from tests.compute.factories import Cloud, make_vm

pytestmark = pytest.mark.requirement("IN-2")


@pytest.fixture
def vm(owner: Actor, cloud: Cloud, subnet: Subnet) -> Vm:
    return make_vm(owner, cloud, subnet)


def test_what_the_caller_has_is_not_sent_again(vm: Vm, alice: User) -> None:
    client, url = factories.api_client(alice), f"/api/v1/vms/{vm.pk}"
    etag = client.get(url)["ETag"]
    same = client.get(url, headers={"If-None-Match": f'"other", W/{etag}'})
    assert (same.status_code, same.content, same["ETag"]) == (304, b"", etag)
    client.patch(url, {"remark": "changed"}, format="json")
    assert client.get(url, headers={"If-None-Match": etag}).status_code == 200


def test_the_answer_to_a_change_has_the_next_etag(vm: Vm, alice: User) -> None:
    client, url = factories.api_client(alice), f"/api/v1/vms/{vm.pk}"
    changed = client.patch(url, {"name": "db"}, format="json")
    assert changed.json()["name"] == "db"
    assert changed["ETag"] == client.get(url)["ETag"]


@pytest.mark.parametrize("path", ["", "/shut-down"], ids=["the resource", "an action"])
@pytest.mark.parametrize("method", ["patch", "delete", "post"])
def test_a_change_of_what_has_changed_is_refused_and_changes_nothing(
    vm: Vm, alice: User, method: str, path: str
) -> None:
    if (method == "post") != bool(path):
        return
    client, url = factories.api_client(alice), f"/api/v1/vms/{vm.pk}"
    seen = client.get(url)["ETag"]
    client.patch(url, {"remark": "by somebody else"}, format="json")
    before = Operation.objects.count()
    answer: Any = getattr(client, method)(
        url + path, {"name": "mine"} if method == "patch" else None, headers={"If-Match": seen}, format="json"
    )
    assert (answer.status_code, answer.json()["code"]) == (412, "precondition.failed")
    assert answer["ETag"] == answer.json()["details"]["etag"] == client.get(url)["ETag"]
    vm.refresh_from_db()
    assert (vm.name, Operation.objects.count()) == ("web", before)
    right = getattr(client, method)(
        url + path,
        {"name": "mine"} if method == "patch" else None,
        headers={"If-Match": f'"other", {answer["ETag"]}'},
        format="json",
    )
    assert right.status_code in (200, 202), right.content


def test_an_action_sent_again_is_answered_again_whatever_has_changed_since(vm: Vm, alice: User) -> None:
    client, url = factories.api_client(alice), f"/api/v1/vms/{vm.pk}"
    headers = {"If-Match": client.get(url)["ETag"], "Idempotency-Key": "once"}
    first = client.post(f"{url}/shut-down", headers=headers)
    again = client.post(f"{url}/shut-down", headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()


def test_a_condition_that_cannot_be_read_is_refused(vm: Vm, alice: User) -> None:
    client, url = factories.api_client(alice), f"/api/v1/vms/{vm.pk}"
    answer = client.delete(url, headers={"If-Match": "not quoted"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "If-Match")
    assert not Operation.objects.filter(verb="vm.delete").exists()


def test_what_is_no_resource_has_them_too(ada: User) -> None:
    client = factories.session_client(ada)
    factories.make_region("north")
    etag = client.get("/api/v1/regions/north")["ETag"]
    assert client.get("/api/v1/regions/north", headers={"If-None-Match": etag}).status_code == 304
    changed = client.patch("/api/v1/regions/north", {"label": "N"}, headers={"If-Match": etag}, format="json")
    assert changed.status_code == 200, changed.content
    late = client.patch("/api/v1/regions/north", {"label": "M"}, headers={"If-Match": etag}, format="json")
    assert (late.status_code, late["ETag"]) == (412, changed["ETag"])


SINGLE = {
    "/api/v1/vpc-ranges": ("put", {"ranges": [{"cidr": "10.0.0.0/8", "min_prefix": 16, "max_prefix": 24}]}),
    "/api/v1/settings": ("patch", {"settings": {"api_requests_per_minute": 500}}),
    "/api/v1/tenants/{tenant}/quotas": ("patch", {"limits": {"vm": 3}}),
}


@pytest.mark.parametrize("path", SINGLE)
def test_documents_that_are_changed_as_a_whole_have_them_too(
    path: str, ada: User, tenant_a: Tenant, cloud: Cloud
) -> None:
    client, url = factories.session_client(ada), path.format(tenant=tenant_a.uid)
    method, body = SINGLE[path]
    change = getattr(client, method)
    etag = client.get(url)["ETag"]
    assert client.get(url, headers={"If-None-Match": etag}).status_code == 304
    first = change(url, body, headers={"If-Match": etag}, format="json")
    assert first.status_code == 200, first.content
    assert first["ETag"] == client.get(url)["ETag"] != etag
    late = change(url, body, headers={"If-Match": etag}, format="json")
    assert (late.status_code, late["ETag"]) == (412, first["ETag"])
