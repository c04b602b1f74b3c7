"""Data disks that are created with a VM (VM-1)."""

from __future__ import annotations

from typing import Any

import pytest

from apps.accounts.models import Tenant, User
from apps.compute.models import Vm
from apps.compute.services.delete import delete_vm
from apps.compute.services.power import retry_vm
from apps.drivers.errors import DriverError
from apps.drivers.memory import World
from apps.infrastructure.models import StorageCluster
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid, NoCapacity, QuotaExceeded
from apps.lifecycle.models import Operation, State
from apps.network.models import Subnet
from apps.quotas.models import Quota
from apps.quotas.recount import recount
from apps.storage.models import Disk
from tests import factories
from tests.compute.factories import Cloud, ask_for_vms
from tests.storage.factories import done, failed, running_with, volumes

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("VM-1", "EV-1")]


def two(cloud: Cloud) -> list[dict[str, Any]]:
    return [{"size_gib": 10, "cluster": cloud.storage.pk}, {"size_gib": 20, "cluster": cloud.storage.pk}]


def miscounted(tenant: Tenant) -> list[str]:
    return [each.metric for each in recount(tenant) if "disk" in each.metric]


def permanent() -> DriverError:
    return DriverError("No.", code="tried.refused", permanent=True)


def test_vms_come_with_their_data_disks_attached_in_order(
    owner: Actor, cloud: Cloud, subnet: Subnet, tenant_a: Tenant
) -> None:
    for operation in ask_for_vms(owner, cloud, subnet, count=2, data_disks=two(cloud)):
        done(operation)
    for vm in Vm.objects.all():
        disks = list(vm.disks.order_by("slot"))
        assert [(disk.slot, disk.size_gib, disk.state) for disk in disks] == [
            (0, 40, State.READY),
            (1, 10, State.READY),
            (2, 20, State.READY),
        ]
        assert disks[2].name == f"{vm.name}-data2"
        assert running_with(vm) == [str(disk.pk) for disk in disks]
    cloud.storage.refresh_from_db()
    assert (cloud.storage.provisioned_gib, miscounted(tenant_a)) == (140, [])


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"size_gib": 9}, "data_disks.1.size_gib"), ({"cluster": 4_711}, "data_disks.1.cluster")],
)
def test_what_is_wrong_with_one_is_said_at_its_field(
    owner: Actor, cloud: Cloud, subnet: Subnet, changes: dict[str, int], field: str
) -> None:
    first, second = two(cloud)
    with pytest.raises(Invalid) as refused:
        ask_for_vms(owner, cloud, subnet, data_disks=[first, second | changes])
    assert refused.value.field == field


def test_too_many_and_too_large_are_refused_and_leave_nothing(
    owner: Actor, cloud: Cloud, subnet: Subnet, tenant_a: Tenant
) -> None:
    with pytest.raises(Invalid, match="At most 6 data disks"):
        ask_for_vms(owner, cloud, subnet, data_disks=[*two(cloud)] * 4)
    Quota.objects.filter(tenant=tenant_a, metric="disk_gib").update(limit=69)
    with pytest.raises(QuotaExceeded, match="70 more requested"):
        ask_for_vms(owner, cloud, subnet, data_disks=two(cloud))
    Quota.objects.filter(tenant=tenant_a, metric="disk_gib").update(limit=1_000)
    StorageCluster.objects.update(capacity_bytes=69 << 30, overcommit=100)
    with pytest.raises(NoCapacity):
        ask_for_vms(owner, cloud, subnet, data_disks=two(cloud))
    assert not Vm.objects.exists() and not Disk.objects.exists()


def test_a_creation_that_failed_at_a_data_disk_is_finished_or_leaves_nothing(
    owner: Actor, cloud: Cloud, subnet: Subnet, world: World, tenant_a: Tenant
) -> None:
    for way in ("retry", "delete"):
        calls = iter((False, True))

        def refuse(verb: str, moment: str, calls: Any = calls) -> None:
            if (verb, moment) == ("volumes.ensure_volume", "before") and next(calls, False):
                raise permanent()

        world.on_call = refuse
        (operation,) = ask_for_vms(owner, cloud, subnet, name=way, data_disks=two(cloud))
        failed(operation)
        world.on_call = None
        vm = Vm.objects.get(name=way)
        done(retry_vm(owner, vm) if way == "retry" else delete_vm(owner, vm))
    assert (
        list(Disk.objects.order_by("slot").values_list("vm__name", "state")) == [("retry", State.READY)] * 3
    )
    assert (len(volumes()), miscounted(tenant_a)) == (3, [])


def test_the_api_takes_and_shows_them_and_a_dry_run_counts_them(
    alice: User, cloud: Cloud, subnet: Subnet
) -> None:
    body = {
        "name": "web",
        "instance_type": cloud.small.pk,
        "image": str(cloud.image.pk),
        "subnet": str(subnet.pk),
        "security_group": None,
        "data_disks": [{"size_gib": 15, "cluster": str(cloud.storage.pk)}],
    }
    client = factories.api_client(alice)
    seen = client.post("/api/v1/vms?dry_run=1", body, format="json").json()
    assert {line["metric"]: line["asked"] for line in seen["quotas"]}["disk_gib"] == 55
    made = client.post("/api/v1/vms", body, format="json")
    assert made.status_code == 202, made.content
    shown = made.json()["resources"][0]["disks"]
    assert [(disk["role"], disk["slot"], disk["size_gib"]) for disk in shown] == [
        ("system", 0, 40),
        ("data", 1, 15),
    ]
    done(Operation.objects.get())
