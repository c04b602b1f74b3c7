"""Changes with `If-Match` beside changes without: nothing is written between the comparison and the change."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from rest_framework.test import APIClient

from apps.accounts.keys import issue_key
from apps.accounts.models import ApiKey, Role, Tenant, User
from apps.api import conditional, views
from apps.network.models import Vpc
from apps.portal.models import SavedView
from tests import factories
from tests.concurrency.together import deadlocks, overtaken
from tests.network.factories import make_vpc

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("IN-2")]

#: Path, method, the body of the change with a condition, and the body of the change without.
DOCUMENTS: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    "settings": (
        "/api/v1/settings",
        "patch",
        {"settings": {"api_requests_per_minute": 500}},
        {"settings": {"api_requests_per_minute": 600}},
    ),
    "quotas": ("/api/v1/tenants/{tenant}/quotas", "patch", {"limits": {"vm": 3}}, {"limits": {"vm": 4}}),
    "VPC ranges": (
        "/api/v1/vpc-ranges",
        "put",
        {"ranges": [{"cidr": "10.0.0.0/8", "min_prefix": 16, "max_prefix": 24}]},
        {"ranges": [{"cidr": "10.0.0.0/8", "min_prefix": 16, "max_prefix": 26}]},
    ),
    "own profile": ("/api/v1/me", "patch", {"theme": "light"}, {"theme": "dark"}),
    "saved view": ("/api/v1/saved-views/{view}", "patch", {"query": "name=a"}, {"query": "name=b"}),
}


def _stopping_after_comparison(
    monkeypatch: pytest.MonkeyPatch, module: Any, go_on: Callable[[], None]
) -> None:
    """Have this thread call `go_on` once it has compared its condition."""
    compare, mine = module.ensure_match, threading.get_ident()

    def ensure_match(*given: Any) -> None:
        compare(*given)
        if threading.get_ident() == mine:
            go_on()

    monkeypatch.setattr(module, "ensure_match", ensure_match)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_change_without_a_condition_waits_for_one_that_has_compared(
    name: str, ada: User, tenant_a: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, method, mine, theirs = DOCUMENTS[name]
    view = SavedView.objects.create(user=ada, list_key="admin.vm", name="mine")
    url = path.format(tenant=tenant_a.uid, view=view.pk if name == "saved view" else "")
    client, other = factories.session_client(ada), factories.session_client(ada)
    etag = _etag(client, url)

    def conditional_change(go_on: Callable[[], None]) -> Any:
        _stopping_after_comparison(monkeypatch, conditional, go_on)
        return getattr(client, method)(url, mine, headers={"If-Match": etag}, format="json")

    before = deadlocks()
    first, second = overtaken(conditional_change, lambda: getattr(other, method)(url, theirs, format="json"))
    assert (first.status_code, second.status_code) == (200, 200), (first.content, second.content)
    # Last written, last kept: the change with the condition has overwritten nothing.
    assert _values(client, url, theirs) == theirs
    assert deadlocks() == before


def _etag(client: APIClient, url: str) -> str:
    if "saved-views" not in url:
        return str(client.get(url)["ETag"])
    # A view is read in its list only; any change answers with its tag.
    return str(client.patch(url, {"query": "name=0"}, format="json")["ETag"])


def _values(client: APIClient, url: str, like: dict[str, Any]) -> dict[str, Any]:
    """Return what the document says now of the values that `like` has."""
    if "saved-views" in url:
        return {"query": SavedView.objects.get().query}
    now: dict[str, Any] = client.get(url).json()
    if "limits" in like:
        return {"limits": {q["metric"]: q["limit"] for q in now["quotas"] if q["metric"] in like["limits"]}}
    if "settings" in like:
        return {"settings": {s["name"]: s["value"] for s in now["settings"] if s["name"] in like["settings"]}}
    return {field: now[field] for field in like}


def _key(tenant: Tenant) -> str:
    key, _token = issue_key(tenant.users.get(username="alice"), "laptop", ApiKey.Scope.READ, None)
    return f"DELETE /api/v1/api-keys/{key.uid}"


def _resource_role(tenant: Tenant) -> str:
    vpc: Vpc = make_vpc(factories.default_project(tenant), factories.make_region())
    member = factories.make_member_of_nothing(tenant)
    factories.grant_resource(member, Role.OPERATOR, vpc)
    (role,) = (
        factories.api_client(tenant.users.get(username="alice"))
        .get("/api/v1/resource-roles")
        .json()["results"]
    )
    return f"DELETE /api/v1/resource-roles/{role['id']}"


def _owner(tenant: Tenant) -> str:
    return f"POST /api/v1/members/{factories.make_owner(tenant).uid}/deactivate"


def _admin(_tenant: Tenant) -> str:
    return f"POST /api/v1/administrators/{factories.make_admin().uid}/deactivate"


def _tenant(_tenant: Tenant) -> str:
    uid: UUID = factories.make_tenant().uid
    return f"DELETE /api/v1/tenants/{uid}"


@pytest.mark.parametrize("made", [_key, _resource_role, _owner, _admin, _tenant])
def test_two_who_end_the_same_thing_lock_in_one_order(
    made: Callable[[Tenant], str], ada: User, alice: User, tenant_a: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    method, url = made(tenant_a).split()
    user = alice if made in (_key, _resource_role, _owner) else ada
    clients = [factories.session_client(user), factories.session_client(user)]
    etag = clients[0].get(url.removesuffix("/deactivate"))["ETag"]

    def conditional_change(go_on: Callable[[], None]) -> Any:
        _stopping_after_comparison(monkeypatch, views, go_on)
        return clients[0].generic(method, url, headers={"If-Match": etag})

    before = deadlocks()
    first, second = overtaken(conditional_change, lambda: clients[1].generic(method, url))
    assert first.status_code in (200, 204), first.content
    assert second.status_code in (200, 204, 404, 409), second.content
    assert deadlocks() == before
