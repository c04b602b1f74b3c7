"""A silent host whose VMs' disks are all on storage that can refuse it: fenced by that, and taken back afterwards."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.compute.models import Vm
from apps.compute.recovery import recover_vms
from apps.compute.services.recovery import set_ha_priority
from apps.drivers.errors import DriverError
from apps.drivers.memory import MemoryStorageFence
from apps.drivers.memory.records import DISK_USERS
from apps.drivers.specs import Power as DriverPower
from apps.infrastructure import backends, storage_fencing
from apps.infrastructure.heartbeat_plans import give_heartbeat_plans
from apps.infrastructure.host_watch import watch_hosts
from apps.infrastructure.models import Certainty, Failure, Host, HostController, Liveness, StorageCluster
from apps.infrastructure.services.failure import fence_host
from apps.lifecycle.actor import SYSTEM, Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import NotNow
from apps.lifecycle.models import Operation, OperationStatus
from apps.network.models import Subnet
from apps.storage.models import Disk
from tests import factories
from tests.compute.factories import Cloud, make_vm, settled

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("CL-7")]


@pytest.fixture(autouse=True)
def fencing(monkeypatch: pytest.MonkeyPatch, cloud: Cloud) -> MemoryStorageFence:
    """Let the pretend storage be of the kind that can refuse a host."""
    monkeypatch.setattr(storage_fencing, "FENCING_DRIVERS", {"memory"})
    monkeypatch.setitem(
        backends.HOST_FENCES, "memory", lambda _pool, _key, guard: MemoryStorageFence(cloud.world, guard)
    )
    factories.make_host(cloud.cluster)
    return MemoryStorageFence(cloud.world)


def home(vm: Vm) -> Host:
    found = Vm.objects.select_related("host").get(pk=vm.pk).host
    assert found is not None
    return found


def suspect(cloud: Cloud, host: Host) -> Host:
    """Cut a host off the network and the storage: its VMs run on, and nobody hears of it."""
    cloud.world.disconnect(host.name)
    Host.objects.filter(pk=host.pk).update(liveness=Liveness.SUSPECTED)
    return Host.objects.get(pk=host.pk)


def run(operation: Operation) -> Operation:
    execute(operation.pk)
    operation.refresh_from_db()
    return operation


def is_on(host: Host, vm: Vm) -> bool:
    return backends.hypervisor(host, None).status(str(vm.pk)).power is DriverPower.ON


def system_disk(vm: Vm) -> Disk:
    assert vm.system_disk is not None
    return vm.system_disk


def disk_user(cloud: Cloud, vm: Vm) -> str:
    """The host whose QEMU has the VM's system disk."""
    with cloud.world.records() as state:
        return (state.get(DISK_USERS, str(system_disk(vm).pk)) or "").partition("/")[0]


def test_a_host_that_still_runs_is_shut_out_and_its_vms_run_elsewhere(
    cloud: Cloud, subnet: Subnet, owner: Actor, fencing: MemoryStorageFence
) -> None:
    vm = make_vm(owner, cloud, subnet)
    host = suspect(cloud, home(vm))
    assert disk_user(cloud, vm) == host.name
    assert run(fence_host(SYSTEM, host)).status == OperationStatus.DONE
    host.refresh_from_db()
    assert (host.failure, host.failed_by, host.shut_out) == (
        Failure.OFF,
        Certainty.STORAGE,
        [cloud.storage.pk],
    )
    assert fencing.is_shut_out(host.name)
    recover_vms(host)
    settled(Operation.objects.get(verb="vm.recover"))
    assert home(vm).pk != host.pk
    assert disk_user(cloud, vm) == home(vm).name, "only one has the disk"


def test_it_is_done_by_itself_once_the_host_is_suspected(cloud: Cloud, subnet: Subnet, owner: Actor) -> None:
    vm = make_vm(owner, cloud, subnet)
    give_heartbeat_plans()
    cloud.world.power_cut(home(vm).name)
    watch_hosts()
    assert not Operation.objects.filter(verb="host.fence").exists()
    watch_hosts()
    assert run(Operation.objects.get(verb="host.fence")).status == OperationStatus.DONE
    watch_hosts()
    assert Operation.objects.filter(verb="vm.recover", target_id=vm.pk).exists()


def test_a_host_with_one_disk_elsewhere_is_not_fenced_so(
    cloud: Cloud, subnet: Subnet, owner: Actor, fencing: MemoryStorageFence
) -> None:
    vm = make_vm(owner, cloud, subnet)
    other = factories.make_storage(cloud.region, name="other")
    StorageCluster.objects.filter(pk=other.pk).update(driver="file")
    Disk.objects.filter(pk=system_disk(vm).pk).update(cluster=other)
    give_heartbeat_plans()
    host = suspect(cloud, home(vm))
    with pytest.raises(NotNow, match="Not all disks of its VMs are on Ceph"):
        fence_host(SYSTEM, host)
    for _ in range(3):
        watch_hosts()
    assert not Operation.objects.filter(verb="host.fence").exists()
    assert not fencing.is_shut_out(host.name)


def test_a_vm_that_is_on_its_way_there_counts(cloud: Cloud, subnet: Subnet, owner: Actor) -> None:
    vm = make_vm(owner, cloud, subnet)
    target = next(host for host in cloud.hosts if host.pk != home(vm).pk)
    assert storage_fencing.storage_fencing(target).obstacle
    Vm.objects.filter(pk=vm.pk).update(next_host=target)
    found = storage_fencing.storage_fencing(target)
    assert [[volume.id for volume in each] for each in found.volumes.values()] == [[str(system_disk(vm).pk)]]


def test_a_controller_that_cannot_be_reached_is_not_the_end(
    cloud: Cloud, subnet: Subnet, owner: Actor, fencing: MemoryStorageFence
) -> None:
    vm = make_vm(owner, cloud, subnet)
    host = suspect(cloud, home(vm))
    HostController.objects.create(host=host, url="https://192.0.2.1", user="it", sealed_password="")
    cloud.world.fail("controller.ensure_off", DriverError("no", code="controller.refused", permanent=True))
    assert run(fence_host(SYSTEM, host)).status == OperationStatus.DONE
    host.refresh_from_db()
    assert host.failed_by == Certainty.STORAGE


def test_one_that_powers_off_leaves_the_storage_alone(
    cloud: Cloud, subnet: Subnet, owner: Actor, fencing: MemoryStorageFence
) -> None:
    vm = make_vm(owner, cloud, subnet)
    host = suspect(cloud, home(vm))
    HostController.objects.create(host=host, url="https://192.0.2.1", user="it", sealed_password="")
    run(fence_host(SYSTEM, host))
    host.refresh_from_db()
    assert (host.failed_by, host.shut_out) == (Certainty.CONTROLLER, [])
    assert not fencing.is_shut_out(host.name)


def test_without_an_answer_of_the_storage_nothing_is_certain_and_the_host_is_readmitted_when_heard(
    cloud: Cloud, subnet: Subnet, owner: Actor, fencing: MemoryStorageFence
) -> None:
    vm = make_vm(owner, cloud, subnet)
    host = suspect(cloud, home(vm))
    no = DriverError("no", code="volumes.ceph_unreachable", permanent=True)
    cloud.world.fail("storage_fence.ensure_shut_out", no)
    assert run(fence_host(SYSTEM, host)).status == OperationStatus.FAILED
    host.refresh_from_db()
    assert (host.failure, host.shut_out) == ("", [cloud.storage.pk])
    recover_vms(host)
    assert not Operation.objects.filter(verb="vm.recover").exists()
    fencing.ensure_shut_out(host.name, [], ())  # it was carried out, and only the answer was lost
    cloud.world.reconnect(host.name)
    watch_hosts()
    assert run(Operation.objects.get(verb="host.readmit")).status == OperationStatus.DONE
    assert not fencing.is_shut_out(host.name)


def test_a_returning_host_is_readmitted_only_once_its_old_guests_are_gone(
    cloud: Cloud, subnet: Subnet, owner: Actor, fencing: MemoryStorageFence
) -> None:
    Host.objects.exclude(pk=cloud.hosts[0].pk).update(accepts_vms=False)
    moved, kept = (make_vm(owner, cloud, subnet, name=name) for name in "ab")
    Host.objects.update(accepts_vms=True)
    set_ha_priority(owner, kept, priority="none")
    host = suspect(cloud, home(moved))
    run(fence_host(SYSTEM, host))
    recover_vms(host)
    settled(Operation.objects.get(verb="vm.recover"))
    cloud.world.reconnect(host.name)
    assert is_on(host, moved) and is_on(host, kept), "both still run there, without disks"
    cloud.world.fail(
        "storage_fence.ensure_readmitted",
        DriverError("no", code="volumes.readmission_forbidden", permanent=True),
    )
    watch_hosts()
    first = run(Operation.objects.get(verb="host.readmit"))
    assert (first.status, first.error["code"]) == (OperationStatus.FAILED, "volumes.readmission_forbidden")
    assert fencing.is_shut_out(host.name)
    there = {vm.id for vm in backends.hypervisor(host, None).observe().vms}
    assert there == {str(kept.pk)}
    assert not is_on(host, kept), "it ran on disks that had refused it"
    Operation.objects.update(finished_at="2026-01-01T00:00:00Z")
    watch_hosts()
    assert run(Operation.objects.latest("created_at")).status == OperationStatus.DONE
    host.refresh_from_db()
    assert (host.failure, host.failed_by, host.shut_out) == ("", "", [])
    assert not fencing.is_shut_out(host.name)
    assert disk_user(cloud, moved) == home(moved).name


def test_the_page_says_beforehand_what_happens(cloud: Cloud, subnet: Subnet, owner: Actor, ada: User) -> None:
    vm = make_vm(owner, cloud, subnet)
    client = Client()
    client.force_login(ada)

    def shown(host: Host) -> str:
        return client.get(f"/admin/hosts/{host.pk}/").content.decode()

    assert "Ceph refuses everything that it sends" in shown(home(vm))
    empty = next(host for host in Host.objects.all() if host.pk != home(vm).pk)
    assert "an administrator must confirm" in shown(empty)
    run(fence_host(SYSTEM, suspect(cloud, home(vm))))
    assert "Its storage refuses everything that it sends" in shown(home(vm))


def test_the_two_lists_of_storage_that_can_fence_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert backends.HOST_FENCES.keys() == storage_fencing.FENCING_DRIVERS
