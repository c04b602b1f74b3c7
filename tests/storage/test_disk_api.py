"""Disks and snapshots in the API: create, act, filter, delete with a body, bulk, dry run; lists at a constant cost."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.compute.models import Vm
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Operation
from apps.storage.models import Disk, Snapshot
from tests import factories
from tests.compute.factories import Cloud
from tests.storage.factories import done, make_attached, make_disk, make_snapshot

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("EV-1")]


@pytest.fixture
def client(alice: User) -> APIClient:
    return factories.api_client(alice)


def post(client: APIClient, path: str, status: int = 202, **body: Any) -> Any:
    answer = client.post(f"/api/v1/{path}", body, format="json")
    assert answer.status_code == status, answer.content
    return answer.json()


def carried_out(answer: Any) -> None:
    for operation in answer.get("operations") or [answer["operation"]]:
        done(Operation.objects.get(pk=operation["id"]))


def test_a_disk_lives_its_life_by_the_api(client: APIClient, cloud: Cloud, vm: Vm) -> None:
    made = post(client, "disks", name="data", size_gib=10, cluster=str(cloud.storage.pk), count=2)
    carried_out(made)
    key = made["resources"][0]["id"]
    carried_out(post(client, f"disks/{key}/attach", vm=str(vm.pk)))
    shown = client.get(f"/api/v1/disks/{key}").json()
    assert (shown["status"], shown["vm"]["id"], shown["slot"]) == ("attached", str(vm.pk), 1)
    assert shown["serial"] == key.replace("-", "")[:20]
    assert shown["guest_path"] == f"/dev/disk/by-id/virtio-{shown['serial']}"
    carried_out(post(client, f"disks/{key}/expand", size_gib=12))
    carried_out(post(client, f"disks/{key}/set-limits", iops=200))
    taken = post(client, f"disks/{key}/snapshot", name="one")
    assert taken["operation"]["target"]["kind"] == "snapshot"
    carried_out(taken)
    snapshot = client.get(f"/api/v1/snapshots/{taken['operation']['target']['id']}").json()
    assert (snapshot["disk"]["id"], snapshot["consistency"], snapshot["size_gib"]) == (key, "filesystem", 12)
    carried_out(post(client, f"disks/{key}/clone", name="copy"))
    carried_out(post(client, f"disks/{key}/detach", vm=str(vm.pk)))
    carried_out(post(client, f"disks/{key}/roll-back", snapshot=snapshot["id"], snapshot_first=True))
    refused = client.delete(f"/api/v1/disks/{key}")
    assert (refused.status_code, refused.json()["code"]) == (409, "resource.in_use")
    answer = client.delete(f"/api/v1/disks/{key}", {"with_snapshots": True}, format="json")
    assert answer.status_code == 202
    carried_out(answer.json())
    assert client.get(f"/api/v1/disks/{key}").status_code == 404
    assert not Snapshot.objects.exists()


def test_what_is_wrong_with_a_body_is_said_at_its_fields(client: APIClient, disk: Disk) -> None:
    for path, body, field in (
        ("disks", {"name": "x", "size_gib": 5}, "cluster"),
        (f"disks/{disk.pk}/attach", {"vm": str(disk.pk)}, "vm"),
        (f"disks/{disk.pk}/expand", {"size_gib": 9}, "size_gib"),
        (f"disks/{disk.pk}/set-limits", {"iops": 10**9}, "iops"),
        (f"disks/{disk.pk}/roll-back", {"snapshot": str(disk.pk)}, "snapshot"),
        ("snapshots", {"name": "x", "disk": str(disk.tenant.uid)}, "disk"),  # type: ignore[union-attr]
    ):
        answer = post(client, path, 422, **body)
        assert [error["field"] for error in answer["errors"]] == [field], answer


@pytest.mark.requirement("VM-10")
def test_a_vm_is_deleted_with_the_disks_that_are_named(
    client: APIClient, owner: Actor, cloud: Cloud, vm: Vm
) -> None:
    gone, kept = make_attached(owner, cloud, vm), make_attached(owner, cloud, vm)
    answer = client.delete(f"/api/v1/vms/{vm.pk}", {"delete_disks": [str(gone.pk)]}, format="json")
    assert answer.status_code == 202, answer.content
    carried_out(answer.json())
    assert list(Disk.objects.values_list("pk", "vm")) == [(kept.pk, None)]


@pytest.mark.requirement("VM-11")
def test_all_disks_of_a_vm_are_kept_by_one_request(
    client: APIClient, owner: Actor, cloud: Cloud, vm: Vm
) -> None:
    make_attached(owner, cloud, vm)
    carried_out(post(client, f"vms/{vm.pk}/snapshot-disks", name="nightly"))
    listed = client.get("/api/v1/snapshots", {"vm": str(vm.pk), "sort": "name"}).json()["results"]
    assert [row["name"] for row in listed] == ["nightly-0", "nightly-1"]
    group = {row["group"] for row in listed}
    assert len(group) == 1
    assert len(client.get("/api/v1/snapshots", {"group": group.pop()}).json()["results"]) == 2


def test_disks_and_snapshots_are_filtered_and_sorted(
    client: APIClient, owner: Actor, cloud: Cloud, vm: Vm
) -> None:
    free, attached = make_disk(owner, cloud, name="free"), make_attached(owner, cloud, vm, name="used")
    make_snapshot(owner, free, "one")

    def names(path: str, **query: Any) -> list[str]:
        return [row["name"] for row in client.get(f"/api/v1/{path}", query).json()["results"]]

    assert names("disks", attached="false") == ["free"]
    assert names("disks", status="attached", role="data") == ["used"]
    assert names("disks", vm=str(vm.pk), sort="slot") == ["web-system", "used"]
    assert names("disks", sort="-snapshots")[0] == "free"
    assert names("snapshots", disk=str(free.pk)) == ["one"]
    assert names("snapshots", disk=str(attached.pk)) == []
    assert names("snapshots", consistency="offline", status="available") == ["one"]


def test_a_dry_run_says_what_it_would_come_to_and_makes_nothing(client: APIClient, cloud: Cloud) -> None:
    body = {"name": "data", "size_gib": 10, "cluster": str(cloud.storage.pk), "count": 3}
    seen = post(client, "disks?dry_run=1", 200, **body)
    assert seen["possible"] is True
    assert {line["metric"]: line["asked"] for line in seen["quotas"]} == {"disk": 3, "disk_gib": 30}
    assert not Disk.objects.exists()


@pytest.mark.requirement("OP-1")
def test_many_disks_are_attached_expanded_or_deleted_by_one_request(
    client: APIClient, owner: Actor, cloud: Cloud
) -> None:
    disks = [make_disk(owner, cloud) for _ in range(2)]
    make_snapshot(owner, disks[0])
    ids = [str(disk.pk) for disk in disks]
    answer = post(client, "disks/bulk", 207, action="expand", ids=ids, size_gib=20)
    assert [row["status"] for row in answer["results"]] == ["accepted", "accepted"]
    for operation in Operation.objects.open():
        done(operation)
    answer = post(client, "disks/bulk", 207, action="delete", ids=ids)
    assert sorted(row["status"] for row in answer["results"]) == ["accepted", "refused"]


@pytest.mark.parametrize("path", ["disks", "snapshots"])
def test_lists_cost_the_same_number_of_queries_however_long_they_are(
    client: APIClient, owner: Actor, cloud: Cloud, vm: Vm, path: str
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert client.get(f"/api/v1/{path}").status_code == 200
        return len(seen)

    make_snapshot(owner, make_attached(owner, cloud, vm))
    queries()
    few = queries()
    for _ in range(2):
        disk = make_attached(owner, cloud, vm)
        for name in ("one", "two"):
            make_snapshot(owner, disk, name)
    make_disk(owner, cloud, cluster=None, snapshot=Snapshot.objects.all()[0].pk)
    assert queries() == few
