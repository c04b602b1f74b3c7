"""Saved views and timelines in the API."""

from __future__ import annotations

import pytest

from apps.accounts.models import ApiKey, Role, User
from apps.lifecycle.actor import Actor
from apps.network.models import Subnet
from apps.portal.models import SavedView
from tests import factories
from tests.compute.factories import Cloud, make_vm

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("IN-2")]
VIEWS = "/api/v1/saved-views"


def test_a_view_is_saved_changed_shared_and_deleted(alice: User, vera: User, bob: User) -> None:
    client, others = factories.api_client(alice), factories.api_client(vera)
    body = {"list": "portal.vm", "name": "Failed", "query": "state=error", "columns": ["name", "state"]}
    made = client.post(VIEWS, body, format="json")
    assert made.status_code == 201, made.content
    url = f"{VIEWS}/{made.json()['id']}"
    assert others.get(f"{VIEWS}?list=portal.vm").json()["results"] == []
    changed = client.patch(url, {"shared": True}, format="json").json()
    assert (changed["shared"], changed["query"], changed["name"]) == (True, "state=error", "Failed")
    (seen,) = others.get(f"{VIEWS}?list=portal.vm").json()["results"]
    assert (seen["name"], seen["own"]) == ("Failed", False)
    assert others.patch(url, {"name": "mine"}, format="json").status_code == 403
    assert factories.api_client(bob).delete(url).status_code == 404
    assert factories.api_client(alice, ApiKey.Scope.OPERATE).delete(url).status_code == 403
    assert client.post(VIEWS, body, format="json").status_code == 422
    assert client.delete(url).status_code == 204
    assert not SavedView.objects.exists()


def test_what_is_no_list_is_refused(alice: User) -> None:
    client = factories.api_client(alice)
    assert client.get(f"{VIEWS}?list=other").status_code == 422
    assert client.post(VIEWS, {"list": "other.vm", "name": "x"}, format="json").status_code == 400


def test_a_timeline_says_what_was_done_to_a_resource(
    owner: Actor, alice: User, bob: User, cloud: Cloud, subnet: Subnet
) -> None:
    vm = make_vm(owner, cloud, subnet)
    client, url = factories.api_client(alice), f"/api/v1/resources/{vm.pk}/timeline"
    client.patch(f"/api/v1/vms/{vm.pk}", {"name": "db"}, format="json")
    body = client.get(url).json()
    assert [entry["text"] for entry in body["results"]][:2] == ["Rename", "Create VM"]
    created = body["results"][1]
    assert (created["who"], created["operation"] is not None, body["more"]) == ("alice", True, False)
    assert client.get(f"{url}?show=events").json()["results"] == []
    for query in ("show=nothing", "page=0", "page=x"):
        assert client.get(f"{url}?{query}").status_code == 400
    outsider = factories.make_member(vm.tenant, Role.VIEWER, project=factories.make_project(vm.tenant))
    for user in (bob, outsider):
        assert factories.api_client(user).get(url).status_code == 404
