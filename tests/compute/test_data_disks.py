"""A VM with data disks attached: defined with all of them at every start; none is destroyed with it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.compute.models import Vm
from apps.compute.operations.parts import load_vm
from apps.compute.pages.vms import _goes
from apps.compute.selectors import visible_vms
from apps.compute.services.delete import delete_vm
from apps.compute.services.power import power_off_vm, restart_vm, start_vm
from apps.compute.services.repair import force_clean_vm, resync_vm
from apps.compute.specs import vm_guest_network, vm_spec
from apps.drivers.libvirt import HostSettings, domain_xml
from apps.drivers.libvirt.metadata import VmMetadata
from apps.drivers.libvirt.pool_drivers import DiskFiles, in_files
from apps.drivers.memory import MemoryVolumes
from apps.drivers.memory.records import VOLUMES, vms_of
from apps.drivers.specs import PoolKind
from apps.infrastructure.models import Host
from apps.lifecycle.actor import SYSTEM, Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.models import Operation, OperationStatus, Resource, State
from apps.lifecycle.operation_context import OperationContext
from apps.network.models import Subnet
from apps.quotas.models import Quota
from apps.quotas.recount import recount
from apps.quotas.services import reserve_quota
from apps.reconciliation.finding_actions import Action
from apps.reconciliation.models import Rule
from apps.reconciliation.previews import preview
from apps.storage.models import Disk
from apps.storage.specs import volume_spec
from tests.compute.factories import GIB, Cloud, make_vm, settled
from tests.reconciliation.drift import look_twice, the_finding, work

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("VM-2")]

HOST = HostSettings("host-1", "192.0.2.1", "qemu", userspace_datapath=False)


def attach_disk(cloud: Cloud, vm: Vm, name: str, size_gib: int = 10) -> Disk:
    """Make a ready data disk, in the pool too, and attach its row."""
    with transaction.atomic():
        reserve_quota(vm.tenant_id, {"disk": 1, "disk_gib": size_gib})  # type: ignore[arg-type]
    disk = Disk.objects.create(
        kind="disk",
        name=name,
        tenant_id=vm.tenant_id,
        project_id=vm.project_id,
        region_id=vm.region_id,
        state=State.READY,
        cluster=cloud.storage,
        size_gib=size_gib,
        vm=vm,
        slot=vm.disks.count(),
    )
    MemoryVolumes(cloud.world).ensure_volume(volume_spec(disk))
    return disk


@pytest.fixture
def vm(owner: Actor, cloud: Cloud, subnet: Subnet) -> Vm:
    return make_vm(owner, cloud, subnet)


@pytest.fixture
def disks(cloud: Cloud, vm: Vm) -> list[Disk]:
    """Its disks in the order of their devices; the data disks' rows are older than the system disk's."""
    data = [attach_disk(cloud, vm, "data-1"), attach_disk(cloud, vm, "data-2", 20)]
    for age, disk in zip((9, 5), data, strict=True):
        Disk.objects.filter(pk=disk.pk).update(created_at=timezone.now() - timedelta(days=age))
    return [Disk.objects.get(vm=vm, role=Disk.Role.SYSTEM), *data]


def keys(disks: list[Disk]) -> list[str]:
    return [str(disk.pk) for disk in disks]


def defined_with(cloud: Cloud, vm: Vm) -> list[str]:
    """Return the volumes in the definition on its host."""
    assert vm.host is not None
    with cloud.world.records() as state:
        on_host = state.get(vms_of(vm.host.name), str(vm.pk))
        assert on_host is not None
        return [disk.volume.id for disk in on_host.spec.disks]


def volumes(cloud: Cloud) -> dict[str, int]:
    return dict(MemoryVolumes(cloud.world).inventory(cloud.storage.spec()).of(PoolKind.VOLUME))


def device_names(vm: Vm) -> list[tuple[str, str]]:
    """Return device and volume of each disk in libvirt's definition, but for the seed."""
    spec = vm_spec(Vm.objects.prefetch_related("disks__cluster", "nics", "eips").get(pk=vm.pk))
    files = {disk.volume.id: in_files(DiskFiles(Path(f"/pool/{disk.volume.id}"))) for disk in spec.disks}
    domain = ET.fromstring(domain_xml.build(spec, HOST, files, VmMetadata(), "hidden"))
    found = []
    for disk in domain.iterfind("devices/disk"):
        target, source = disk.find("target"), disk.find("source")
        assert target is not None and source is not None
        found.append((target.attrib["dev"], Path(source.attrib["file"]).name))
    return [each for each in found if each[0] != "vdz"]


def off_and_on(owner: Actor, vm: Vm) -> None:
    settled(start_vm(owner, settled(power_off_vm(owner, vm))))


def restarted(owner: Actor, vm: Vm) -> None:
    settled(restart_vm(owner, vm))


def resynced(owner: Actor, vm: Vm) -> None:
    settled(resync_vm(SYSTEM, vm, definition=True, disks=True))


@pytest.mark.parametrize("again", [off_and_on, restarted, resynced])
def test_it_is_defined_with_all_its_disks(
    owner: Actor, cloud: Cloud, vm: Vm, disks: list[Disk], again: Callable[[Actor, Vm], None]
) -> None:
    again(owner, vm)
    assert defined_with(cloud, vm) == keys(disks)


def test_its_devices_have_the_same_names_at_every_start(owner: Actor, vm: Vm, disks: list[Disk]) -> None:
    named = list(zip(("vda", "vdb", "vdc"), keys(disks), strict=True))
    assert device_names(vm) == named
    off_and_on(owner, vm)
    assert device_names(vm) == named


def test_a_data_disk_that_is_lost_keeps_it_from_starting_and_is_never_made_anew(
    owner: Actor, cloud: Cloud, vm: Vm, disks: list[Disk]
) -> None:
    vm = settled(power_off_vm(owner, vm))
    with cloud.world.records() as state:
        state.delete(VOLUMES, keys(disks)[1])
    operation = start_vm(owner, vm)
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status != OperationStatus.DONE
    assert keys(disks)[1] in operation.error["message"]
    assert keys(disks)[1] not in volumes(cloud)


def deleted(owner: Actor, vm: Vm) -> Operation:
    return delete_vm(owner, vm)


def force_cleaned(owner: Actor, vm: Vm) -> Operation:
    return force_clean_vm(SYSTEM, vm)


@pytest.mark.requirement("VM-10")
@pytest.mark.parametrize("remove", [deleted, force_cleaned])
def test_its_data_disks_outlive_it(
    owner: Actor, cloud: Cloud, vm: Vm, disks: list[Disk], remove: Callable[[Actor, Vm], Operation]
) -> None:
    operation = remove(owner, vm)
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.DONE, operation.error
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert not Vm.objects.exists()
    assert list(Disk.objects.order_by("size_gib").values_list("pk", "vm", "state")) == [
        (disk.pk, None, State.READY) for disk in disks[1:]
    ]
    assert sorted(volumes(cloud)) == sorted(keys(disks)[1:])
    tenant = Resource.objects.get(pk=disks[1].pk).tenant
    assert tenant is not None
    used = dict(Quota.objects.filter(tenant=tenant, used__gt=0).values_list("metric", "used"))
    assert (used["disk"], used["disk_gib"], used.get("vm")) == (2, 30, None)
    assert [miscount for miscount in recount(tenant) if "disk" in miscount.metric] == []
    assert not Host.objects.filter(vcpu_reserved__gt=0).exists()


@pytest.mark.requirement("VM-10")
def test_who_deletes_it_is_told_what_is_destroyed_and_what_stays(
    owner: Actor, vm: Vm, disks: list[Disk]
) -> None:
    said = _goes(visible_vms(owner).get(pk=vm.pk))
    assert f"Its system disk and all data on it are destroyed: {disks[0].name} (40 GiB)." in said
    assert "Its data disks are kept: data-1 (10 GiB), data-2 (20 GiB)." in said
    shown = preview(Resource.objects.get(pk=vm.pk), Action.FORCE_CLEAN)
    assert shown.lost == [f"Disk {disks[0].name} with all its data: 40 GiB."]
    assert "Its data disks are kept: data-1, data-2." in shown.done
    assert any("Disk space: 70 used now, 30 afterwards" in line for line in shown.done), shown.done


def test_a_vm_without_data_disks_says_nothing_of_them(owner: Actor, vm: Vm) -> None:
    assert not any("data disks" in line for line in _goes(visible_vms(owner).get(pk=vm.pk)))


def test_a_lost_data_disk_is_its_own_finding_and_no_reason_to_remove_its_vm(
    owner: Actor, cloud: Cloud, vm: Vm, disks: list[Disk]
) -> None:
    off_and_on(owner, vm)
    with cloud.world.records() as state:
        state.delete(VOLUMES, keys(disks)[1])
    look_twice()
    finding = the_finding()
    assert (finding.rule, finding.kind, finding.resource_id) == (Rule.STALE, "disk", disks[1].pk)
    assert work() == []


@pytest.mark.parametrize("attached", [True, False])
def test_a_data_disk_that_is_too_small_grows_by_itself(
    owner: Actor, cloud: Cloud, vm: Vm, disks: list[Disk], attached: bool
) -> None:
    if not attached:
        Disk.objects.filter(pk=disks[1].pk).update(vm=None, slot=None)
    off_and_on(owner, vm)
    settled(power_off_vm(owner, vm))
    Disk.objects.filter(pk=disks[1].pk).update(size_gib=15)
    look_twice()
    assert work() == (["vm.resync"] if attached else ["disk.resync"])
    assert volumes(cloud)[keys(disks)[1]] == 15 * GIB


def test_what_is_detached_is_no_part_of_its_definition(
    owner: Actor, cloud: Cloud, vm: Vm, disks: list[Disk]
) -> None:
    Disk.objects.filter(pk=disks[1].pk).update(vm=None, slot=None)
    off_and_on(owner, vm)
    assert defined_with(cloud, vm) == [keys(disks)[0], keys(disks)[2]]


def test_a_definition_of_many_disks_costs_no_more_queries(vm: Vm, disks: list[Disk]) -> None:
    loaded, _host, _region = load_vm(cast(OperationContext, None), vm.pk)
    with CaptureQueriesContext(connection) as queries:
        spec = vm_spec(loaded)
        vm_guest_network(loaded)
    assert len(queries) == 0
    assert len(spec.disks) == len(disks)
