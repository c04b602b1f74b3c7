"""What `allowed_actions` of disks and snapshots lists is what a role may do: every verb, every role."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from apps.accounts.models import Role, Tenant, User
from apps.api.offered import offered
from apps.compute.models import Vm
from apps.lifecycle.models import Resource
from apps.lifecycle.verbs import verbs_of
from apps.storage.models import Disk, Snapshot
from tests import factories
from tests.compute.factories import Cloud
from tests.storage.rows import disk_row, snapshot_row

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("AC-1", "EV-1")]

#: How each action is requested: method, and body for the disk or snapshot with these companions.
ASKED: dict[str, Callable[[Vm, Snapshot], dict[str, Any]]] = {
    "attach": lambda vm, snapshot: {"vm": str(vm.pk)},
    "expand": lambda vm, snapshot: {"size_gib": 30},
    "snapshot": lambda vm, snapshot: {"name": "new"},
    "clone": lambda vm, snapshot: {"name": "new"},
    "roll-back": lambda vm, snapshot: {"snapshot": str(snapshot.pk)},
    "set-limits": lambda vm, snapshot: {"iops": 100},
    "rename": lambda vm, snapshot: {"name": "new"},
    "snapshot-disks": lambda vm, snapshot: {"name": "new"},
}
METHODS = {"rename": "PATCH", "delete": "DELETE"}


@pytest.fixture
def snapshot(tenant: Tenant, cloud: Cloud) -> Snapshot:
    return snapshot_row(disk_row(tenant, cloud))


def member(tenant: Tenant, role: Role, on: Resource | None) -> APIClient:
    """A member with the role in the project, or on the one resource only."""
    if on is None:
        return factories.api_client(factories.make_member(tenant, role))
    user = factories.make_member_of_nothing(tenant)
    factories.grant_resource(user, role, on)
    return factories.api_client(user)


def refused_for_permission(client: APIClient, url: str, action: str, body: dict[str, Any]) -> bool:
    """Request the action, and undo it."""
    method = METHODS.get(action, "POST")
    path = url if action in METHODS else f"{url}/{action}"
    with transaction.atomic():
        send: Any = client.generic  # not typed
        answer = send(method, path, json.dumps(body), content_type="application/json")
        transaction.set_rollback(True)
    assert answer.status_code in {200, 202, 204, 403, 409, 422}, (action, answer.status_code, answer.content)
    return bool(answer.status_code == 403)


@pytest.mark.parametrize("is_single", [False, True], ids=["in the project", "on the resource"])
@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("kind", ["disk", "snapshot", "vm"])
def test_what_is_listed_is_what_is_not_refused_for_permission(
    tenant: Tenant, vm: Vm, snapshot: Snapshot, kind: str, role: Role, is_single: bool
) -> None:
    row: Resource = {"disk": snapshot.disk, "snapshot": snapshot, "vm": vm}[kind]
    client = member(tenant, role, row if is_single else None)
    url = f"/api/v1/{kind}s/{row.pk}"
    listed = {
        each["action"]: each["code"] != "forbidden" for each in client.get(url).json()["allowed_actions"]
    }
    found = {
        action: not refused_for_permission(
            client, url, action, ASKED.get(action, lambda vm, snapshot: {})(vm, snapshot)
        )
        for action in listed
        if kind != "vm" or action == "snapshot-disks"
    }
    assert found == {action: listed[action] for action in found}
    assert kind != "disk" or found["snapshot"] is found["clone"] is (role == Role.MANAGER and not is_single)


def test_every_verb_of_disks_and_snapshots_is_tried(tenant: Tenant, snapshot: Snapshot, alice: User) -> None:
    client = factories.api_client(alice)
    for kind, row in (("disk", snapshot.disk), ("snapshot", snapshot)):
        listed = {
            each["action"] for each in client.get(f"/api/v1/{kind}s/{row.pk}").json()["allowed_actions"]
        }
        declared = {
            verb.action.replace("_", "-")
            for verb in verbs_of(kind)
            if verb.on_resource and verb.permission != "admin"
        }
        assert listed == declared
        assert {f"{kind}.{action.replace('-', '_')}" for action in listed} <= offered()


def test_the_dialog_of_a_roll_back_offers_no_snapshot_to_whoever_may_take_none(
    tenant: Tenant, snapshot: Snapshot
) -> None:
    user = factories.make_member_of_nothing(tenant)
    factories.grant_resource(user, Role.MANAGER, snapshot.disk)
    url = f"/disks/{snapshot.disk_id}/roll-back/"
    html = factories.page_client(user).get(url, headers={"HX-Request": "true"}).content.decode()
    assert 'name="snapshot"' in html and "snapshot_first" not in html
    assert Disk.objects.count() == 1
