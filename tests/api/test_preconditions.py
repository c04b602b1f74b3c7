"""Conditional requests: nothing is sent twice, and no change overwrites another."""

from __future__ import annotations

import re
from typing import Any

import pytest

from apps.accounts.models import Tenant, User
from apps.compute.models import Vm
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Operation
from apps.network.models import Subnet
from tests import factories, openapi
from tests.compute.factories import Cloud, make_group, make_vm
from tests.security.routes import all_routes

pytestmark = pytest.mark.requirement("IN-2")


@pytest.fixture
def vm(owner: Actor, cloud: Cloud, subnet: Subnet) -> Vm:
    return make_vm(owner, cloud, subnet)


def test_what_the_caller_has_is_not_sent_again(vm: Vm, alice: User) -> None:
    client, url = factories.api_client(alice), f"/api/v1/vms/{vm.pk}"
    etag = client.get(url)["ETag"]
    same = client.get(url, headers={"If-None-Match": f'"other", W/{etag}'})
    assert (same.status_code, same.content, same["ETag"]) == (304, b"", etag)
    client.patch(url, {"description": "changed"}, format="json")
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
    client.patch(url, {"description": "by somebody else"}, format="json")
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


def test_what_takes_no_condition_refuses_one_by_name(vm: Vm, alice: User) -> None:
    client, before = factories.api_client(alice), Operation.objects.count()
    bulk = {"action": "restart", "ids": [str(vm.pk)]}
    for path, body in (("vms/bulk", bulk), ("key-pairs", {"name": "laptop"}), ("projects", {"name": "new"})):
        answer = client.post(f"/api/v1/{path}", body, headers={"If-Match": "*"}, format="json")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "If-Match"), path
    assert Operation.objects.count() == before


@pytest.mark.parametrize("value", ['"a", b', '"a"b', "W/a", '"a",,"b"', '"a,b"'])
def test_a_list_of_tags_is_read_whole_or_refused(vm: Vm, alice: User, value: str) -> None:
    answer = factories.api_client(alice).get(f"/api/v1/vms/{vm.pk}", headers={"If-None-Match": value})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "If-None-Match")


def test_the_document_names_a_condition_where_the_code_heeds_it() -> None:
    documented = {
        f"{method.upper()} {path}"
        for path, methods in openapi.committed()["paths"].items()
        for method, operation in methods.items()
        if any(each["name"] == "If-Match" for each in operation.get("parameters", []))
    }
    heeded = set()
    for route in (each for each in all_routes() if each.area == "api"):
        view: Any = getattr(route.callback, "cls", None) or getattr(route.callback, "view_class", None)
        names = getattr(route.callback, "actions", None) or {}
        path = re.sub(r"<\w+:(\w+)>", r"{\1}", route.path)
        for method in route.methods - {"GET", "HEAD", "OPTIONS"}:
            if names.get(method.lower(), method.lower()) in getattr(view, "conditional", ()):
                heeded.add(f"{method} /{path}")
    assert documented == heeded


def test_ones_own_account_has_an_etag(alice: User) -> None:
    client = factories.session_client(alice)
    etag = client.get("/api/v1/me")["ETag"]
    assert client.get("/api/v1/me", headers={"If-None-Match": etag}).status_code == 304
    changed = client.patch("/api/v1/me", {"theme": "dark"}, headers={"If-Match": etag}, format="json")
    assert (changed.status_code, changed["ETag"]) == (200, client.get("/api/v1/me")["ETag"])
    late = client.patch("/api/v1/me", {"theme": "light"}, headers={"If-Match": etag}, format="json")
    assert (late.status_code, late["ETag"]) == (412, changed["ETag"])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("projects", {"name": "new"}),
        ("key-pairs", {"name": "laptop"}),
        ("api-keys", {"name": "k", "scope": "read"}),
    ],
)
def test_what_was_created_is_where_the_answer_says_with_the_same_etag(
    alice: User, cloud: Cloud, path: str, body: dict[str, str]
) -> None:
    client = factories.session_client(alice)
    made = client.post(f"/api/v1/{path}", body, format="json")
    assert made.status_code == 201, made.content
    shown = client.get(made["Location"])
    assert (shown.json()["id"], shown["ETag"]) == (made.json()["id"], made["ETag"])


def test_a_saved_view_changes_only_as_it_was_seen(alice: User) -> None:
    client = factories.session_client(alice)
    made = client.post("/api/v1/saved-views", {"list": "portal.vm", "name": "mine"}, format="json")
    url, seen = made["Location"], made["ETag"]
    renamed = client.patch(url, {"name": "ours"}, headers={"If-Match": seen}, format="json")
    assert renamed.status_code == 200
    assert client.delete(url, headers={"If-Match": seen}).status_code == 412
    assert client.delete(url, headers={"If-Match": renamed["ETag"]}).status_code == 204


def test_one_operation_of_a_create_is_where_the_answer_says(
    owner: Actor, alice: User, cloud: Cloud, subnet: Subnet, vm: Vm
) -> None:
    body = {"name": "db", "instance_type": str(vm.instance_type_id), "image": str(vm.image_id)}
    assert vm.project is not None
    group = make_group(cloud.region, vm.project)
    body |= {"subnet": str(subnet.pk), "security_group": str(group.pk), "password": "A long secret 42"}
    client = factories.api_client(alice)
    one = client.post("/api/v1/vms", body, format="json")
    assert one.status_code == 202, one.content
    assert client.get(one["Location"]).json()["id"] == one.json()["operations"][0]["id"]
    several = client.post("/api/v1/vms", {**body, "name": "web", "count": 2}, format="json")
    assert (several.status_code, "Location" in several) == (202, False)
