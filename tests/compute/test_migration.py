"""VMs move to other hosts, and however that ends there is one VM, and its row says where."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.models import AuditEntry
from apps.compute.left_migrations import settle_migrations
from apps.compute.models import Power, Vm
from apps.compute.operations import migration as handler
from apps.compute.reconciled.reservations import recount_hosts
from apps.compute.services.delete import delete_vm
from apps.compute.services.migration import migrate_vm
from apps.compute.services.power import power_off_vm, start_vm
from apps.compute.services.repair import force_clean_vm
from apps.drivers.errors import DriverError
from apps.drivers.memory import MemoryHypervisor, MemoryMigrations
from apps.drivers.memory.records import PORT_HOSTS, vms_of
from apps.drivers.specs import MigrationLimits, Presence
from apps.infrastructure.models import Host
from apps.lifecycle.actor import Actor
from apps.lifecycle.cancellation import cancel
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import Busy, NoCapacity, NotNow, Refused
from apps.lifecycle.models import Operation, OperationStatus, Resource
from apps.network.models import Subnet
from tests.compute.factories import Cloud, make_vm
from tests.factories import actor_for_user, api_client

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("CL-6")]


@pytest.fixture
def admin(ada: User) -> Actor:
    return actor_for_user(ada)


@pytest.fixture
def vm(cloud: Cloud, subnet: Subnet, owner: Actor) -> Vm:
    return make_vm(owner, cloud, subnet)


def again(vm: Vm) -> Vm:
    return Vm.objects.select_related("host", "next_host").get(pk=vm.pk)


def homes(cloud: Cloud, vm: Vm) -> tuple[Host, Host]:
    """The VM's host and the other one."""
    (other,) = (host for host in cloud.hosts if host.pk != vm.host_id)
    return Host.objects.get(pk=vm.host_id), other


def presence(cloud: Cloud, vm: Vm) -> dict[str, Presence]:
    found = {host.name: MemoryHypervisor(cloud.world, host.name).presence(str(vm.pk)) for host in cloud.hosts}
    return {name: what for name, what in found.items() if what is not Presence.ABSENT}


def reserved(*hosts: Host) -> list[tuple[int, int]]:
    rows = (Host.objects.get(pk=host.pk) for host in hosts)
    return [(row.vcpu_reserved, row.memory_reserved_mib) for row in rows]


def carried_out(operation: Operation) -> Operation:
    execute(operation.pk)
    operation.refresh_from_db()
    return operation


def bound_ports(cloud: Cloud) -> dict[str, str]:
    with cloud.world.records() as state:
        return state.all(PORT_HOSTS)


def is_settled(cloud: Cloud, vm: Vm, host: Host, other: Host, power: Presence = Presence.RUNNING) -> None:
    """It is on this host alone, in the world and by its row, and room is reserved for it there alone."""
    row = again(vm)
    assert (row.host, row.next_host) == (host, None)
    assert presence(cloud, vm) == {host.name: power}
    assert reserved(host, other) == [(row.vcpu, row.memory_mib), (0, 0)]
    assert recount_hosts() == 0
    assert bound_ports(cloud) == {}


def test_a_running_vm_moves_to_the_host_that_was_chosen(cloud: Cloud, vm: Vm, admin: Actor) -> None:
    home, other = homes(cloud, vm)
    operation = migrate_vm(admin, vm, host=other.pk)
    assert reserved(home, other) == [(vm.vcpu, vm.memory_mib)] * 2, (
        "room is reserved on both until it is over"
    )
    assert recount_hosts() == 0
    assert carried_out(operation).status == OperationStatus.DONE, operation.error
    is_settled(cloud, vm, other, home)
    assert again(vm).is_on


def test_the_platform_picks_a_host_if_none_is_chosen(cloud: Cloud, vm: Vm, admin: Actor) -> None:
    home, other = homes(cloud, vm)
    assert carried_out(migrate_vm(admin, vm)).status == OperationStatus.DONE
    is_settled(cloud, vm, other, home)


def test_a_stopped_vm_moves_by_its_definition_and_starts_there(
    cloud: Cloud, vm: Vm, admin: Actor, owner: Actor
) -> None:
    home, other = homes(cloud, vm)
    carried_out(power_off_vm(owner, vm))
    assert carried_out(migrate_vm(admin, vm, host=other.pk)).status == OperationStatus.DONE
    is_settled(cloud, vm, other, home, Presence.OFF)
    assert carried_out(start_vm(owner, vm)).status == OperationStatus.DONE
    is_settled(cloud, vm, other, home)


def test_both_hosts_and_the_vm_have_it_in_their_history(cloud: Cloud, vm: Vm, admin: Actor) -> None:
    home, other = homes(cloud, vm)
    operation = carried_out(migrate_vm(admin, vm, host=other.pk))
    entries = AuditEntry.objects.filter(verb="vm.migrate", operation=operation)
    assert set(entries.values_list("target_id", flat=True)) == {vm.pk, home.pk, other.pk}


def test_while_it_moves_its_ports_belong_to_both_hosts_and_progress_is_shown(
    cloud: Cloud, vm: Vm, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, other = homes(cloud, vm)
    cloud.world.migration_seconds = 1.2
    monkeypatch.setattr(handler, "WATCH_SECONDS", 0.1)
    seen: list[dict[str, str]] = []
    shown: list[dict[str, Any]] = []
    show = handler._show

    def look(run: Any, *args: Any) -> None:
        show(run, *args)
        seen.append(bound_ports(cloud))
        shown.append({**run.steps[-1]["values"], "percent": run.progress})

    monkeypatch.setattr(handler, "_show", look)
    assert carried_out(migrate_vm(admin, vm, host=other.pk)).status == OperationStatus.DONE
    ports = {str(nic.pk): f"{home.name} {other.name}" for nic in vm.nics.all()}
    assert ports
    assert seen
    assert all(each and each.items() <= ports.items() for each in seen)
    left = [each["left"] for each in shown]
    assert left == sorted(left, reverse=True)
    assert left[-1] < left[0] < vm.memory_mib
    assert all(each["speed"] > 0 and 10 <= each["percent"] <= 90 for each in shown)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"virtualisation": "kvm"}, "virtualises differently"),
        ({"accepts_vms": False}, "scheduling is disabled"),
        ({"last_report_at": timezone.now() - timedelta(minutes=5)}, "unreachable"),
    ],
)
def test_a_host_that_cannot_take_it_is_refused_beforehand_with_the_reason(
    cloud: Cloud, vm: Vm, admin: Actor, change: dict[str, Any], why: str
) -> None:
    _home, other = homes(cloud, vm)
    Host.objects.filter(pk=other.pk).update(**change)
    with pytest.raises(Refused, match=why) as refusal:
        migrate_vm(admin, vm, host=other.pk)
    assert refusal.value.code == "vm.cannot_move_there"
    with pytest.raises(NoCapacity, match=f"{other.name}: .*{why}"):
        migrate_vm(admin, vm)
    assert not Operation.objects.filter(verb="vm.migrate").exists()


def test_a_full_host_is_refused_with_what_it_has(cloud: Cloud, vm: Vm, admin: Actor) -> None:
    _home, other = homes(cloud, vm)
    Host.objects.filter(pk=other.pk).update(memory_reserved_mib=other.memory_capacity_mib - 100)
    for host in (other.pk, None):
        with pytest.raises(NoCapacity, match=f"100 of {vm.memory_mib} MiB of memory are free"):
            migrate_vm(admin, vm, host=host)
    assert again(vm).next_host is None


def test_its_own_host_and_one_it_has_left_are_refused(cloud: Cloud, vm: Vm, admin: Actor) -> None:
    home, other = homes(cloud, vm)
    with pytest.raises(Refused, match="already on this host"):
        migrate_vm(admin, vm, host=home.pk)
    with pytest.raises(NotNow, match=f"on host {home.name} by now"):
        migrate_vm(admin, vm, from_host=other.pk)
    Host.objects.filter(pk=home.pk).update(last_report_at=timezone.now() - timedelta(minutes=5))
    with pytest.raises(NotNow, match="unreachable"):
        migrate_vm(admin, vm, host=other.pk)


def test_the_platform_picks_no_other_cpu_for_a_running_guest_but_an_admin_may(
    cloud: Cloud, vm: Vm, admin: Actor
) -> None:
    home, other = homes(cloud, vm)
    Host.objects.filter(pk=other.pk).update(cpu_model="Another CPU")
    with pytest.raises(NoCapacity, match="Its CPU is another model"):
        migrate_vm(admin, vm)
    assert carried_out(migrate_vm(admin, vm, host=other.pk)).status == OperationStatus.DONE
    is_settled(cloud, vm, other, home)


def test_tenants_cannot_move_vms(cloud: Cloud, vm: Vm, alice: User, ada: User) -> None:
    answer = api_client(alice).post(f"/api/v1/vms/{vm.pk}/migrate", {}, format="json")
    assert answer.status_code in (403, 404)
    assert api_client(ada).post(f"/api/v1/vms/{vm.pk}/migrate", {}, format="json").status_code == 202


@pytest.mark.parametrize("call", ["migration.start", "migration.finish"])
def test_one_that_fails_leaves_the_vm_where_it_was(cloud: Cloud, vm: Vm, admin: Actor, call: str) -> None:
    home, other = homes(cloud, vm)
    error = DriverError("Tried: no.", code="hypervisor.migration_failed", permanent=True)
    cloud.world.fail(call, error)
    operation = carried_out(migrate_vm(admin, vm, host=other.pk))
    assert (operation.status, operation.error["message"]) == (OperationStatus.FAILED, "Tried: no.")
    is_settled(cloud, vm, home, other)


def test_one_that_failed_by_what_may_pass_is_tried_again(cloud: Cloud, vm: Vm, admin: Actor) -> None:
    home, other = homes(cloud, vm)
    cloud.world.fail("migration.start", DriverError("Busy.", code="host.busy"))
    operation = carried_out(migrate_vm(admin, vm, host=other.pk))
    assert operation.status == OperationStatus.QUEUED
    Operation.objects.filter(pk=operation.pk).update(not_before=timezone.now())
    assert carried_out(operation).status == OperationStatus.DONE
    is_settled(cloud, vm, other, home)


def test_after_the_time_limit_it_is_given_up_and_the_vm_stays(
    cloud: Cloud, vm: Vm, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, other = homes(cloud, vm)
    cloud.world.migration_seconds = 60
    monkeypatch.setattr(handler, "MIGRATION_MINUTES", SimpleNamespace(value=lambda: 0.01))
    started = time.monotonic()
    operation = carried_out(migrate_vm(admin, vm, host=other.pk))
    assert (operation.status, operation.error["code"]) == (OperationStatus.FAILED, "vm.migration_too_slow")
    assert time.monotonic() - started < 20
    is_settled(cloud, vm, home, other)


def test_cancelled_before_a_worker_has_it_nothing_has_happened(cloud: Cloud, vm: Vm, admin: Actor) -> None:
    home, other = homes(cloud, vm)
    operation = migrate_vm(admin, vm, host=other.pk)
    assert cancel(admin, operation)
    is_settled(cloud, vm, home, other)


@pytest.mark.parametrize("moved_all_the_same", [False, True])
def test_cancelled_while_it_is_copied_the_row_says_where_the_vm_is(
    cloud: Cloud, vm: Vm, admin: Actor, monkeypatch: pytest.MonkeyPatch, moved_all_the_same: bool
) -> None:
    home, other = homes(cloud, vm)
    cloud.world.migration_seconds = 5
    operation = migrate_vm(admin, vm, host=other.pk)
    watch = handler._watch

    def cancelled(run: Any, migration: Any, target: Host) -> None:
        run.stopping.set()
        Operation.objects.filter(pk=operation.pk).update(stopping="asked")
        if moved_all_the_same:
            migration._finish()
            run.check()
        watch(run, migration, target)

    monkeypatch.setattr(handler, "_watch", cancelled)
    assert carried_out(operation).status == OperationStatus.CANCELLED
    ended = (other, home) if moved_all_the_same else (home, other)
    is_settled(cloud, vm, *ended)


def test_a_worker_that_died_is_followed_by_one_that_finds_it_moved(
    cloud: Cloud, vm: Vm, admin: Actor
) -> None:
    home, other = homes(cloud, vm)
    operation = migrate_vm(admin, vm, host=other.pk)
    arrival = MemoryHypervisor(cloud.world, other.name).ensure_arrival(_spec(vm))
    moving = MemoryMigrations(cloud.world, home.name, other.name).start(
        str(vm.pk), arrival, MigrationLimits()
    )
    assert moving.wait(1)
    assert carried_out(operation).status == OperationStatus.DONE
    is_settled(cloud, vm, other, home)


@pytest.mark.parametrize("act", [power_off_vm, delete_vm])
@pytest.mark.parametrize("moved", [False, True])
def test_power_off_and_delete_push_it_aside_and_find_the_vm(
    cloud: Cloud, vm: Vm, admin: Actor, owner: Actor, act: Any, moved: bool
) -> None:
    home, other = homes(cloud, vm)
    first = migrate_vm(admin, vm, host=other.pk)
    Operation.objects.filter(pk=first.pk).update(attempt=1)  # a worker had begun
    if moved:
        arrival = MemoryHypervisor(cloud.world, other.name).ensure_arrival(_spec(vm))
        moving = MemoryMigrations(cloud.world, home.name, other.name)
        assert moving.start(str(vm.pk), arrival, MigrationLimits()).wait(1)
    with pytest.raises(Busy):
        start_vm(owner, vm)
    operation = carried_out(act(owner, vm))
    assert operation.status == OperationStatus.DONE, operation.error
    first.refresh_from_db()
    assert first.status == OperationStatus.CANCELLED
    if act is power_off_vm:
        is_settled(cloud, vm, *((other, home) if moved else (home, other)), Presence.OFF)
    else:
        assert presence(cloud, vm) == {}
        assert reserved(home, other) == [(0, 0), (0, 0)]
        assert not Resource.objects.filter(pk=vm.pk).exists()


def test_with_the_source_away_nothing_is_claimed_and_it_is_settled_when_it_is_back(
    cloud: Cloud, vm: Vm, admin: Actor
) -> None:
    home, other = homes(cloud, vm)
    operation = migrate_vm(admin, vm, host=other.pk)
    cloud.world.disconnect(home.name)
    Operation.objects.filter(pk=operation.pk).update(deadline=timezone.now() + timedelta(seconds=1))
    assert carried_out(operation).error["code"] == "host.unreachable"
    time.sleep(1.1)
    Operation.objects.filter(pk=operation.pk).update(not_before=timezone.now())
    assert carried_out(operation).status == OperationStatus.FAILED
    assert again(vm).next_host == other, "nobody can tell"
    with pytest.raises(NotNow, match="not settled"):
        cloud.world.reconnect(home.name)
        migrate_vm(admin, vm, host=other.pk)
    settle_migrations()
    settle_migrations()  # one is enough
    (resync,) = Operation.objects.filter(verb="vm.resync")
    assert carried_out(resync).status == OperationStatus.DONE, resync.error
    is_settled(cloud, vm, home, other)


def test_a_vm_whose_source_is_lost_for_good_can_be_force_cleaned(cloud: Cloud, vm: Vm, admin: Actor) -> None:
    home, other = homes(cloud, vm)
    operation = migrate_vm(admin, vm, host=other.pk)
    Operation.objects.filter(pk=operation.pk).update(attempt=1)
    cloud.world.power_cut(home.name)
    Host.objects.filter(pk=home.pk).update(last_report_at=timezone.now() - timedelta(minutes=5))
    operation = carried_out(force_clean_vm(admin, vm))
    assert operation.status == OperationStatus.DONE, operation.error
    assert reserved(home, other) == [(0, 0), (0, 0)]
    assert not Resource.objects.filter(pk=vm.pk).exists()


def test_a_vm_that_runs_on_the_target_is_there_whatever_the_source_does(
    cloud: Cloud, vm: Vm, admin: Actor
) -> None:
    home, other = homes(cloud, vm)
    operation = migrate_vm(admin, vm, host=other.pk)
    with cloud.world.records() as state:  # copied away, and its host died before it was told
        known = state.get(vms_of(home.name), str(vm.pk))
        assert known is not None
        state.put(vms_of(other.name), str(vm.pk), known)
    cloud.world.disconnect(home.name)
    assert carried_out(operation).status == OperationStatus.DONE
    row = again(vm)
    assert (row.host, row.next_host, row.power_seen) == (other, None, Power.ON)


def test_two_that_run_are_never_made_one_by_guessing(
    cloud: Cloud, vm: Vm, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apps.compute.operations import whereabouts

    monkeypatch.setattr(whereabouts, "PATIENCE_SECONDS", 0.5)
    home, other = homes(cloud, vm)
    operation = migrate_vm(admin, vm, host=other.pk)
    with cloud.world.records() as state:
        known = state.get(vms_of(home.name), str(vm.pk))
        assert known is not None
        state.put(vms_of(other.name), str(vm.pk), known)
    carried_out(operation)
    assert operation.error["code"] == "vm.on_two_hosts"
    assert presence(cloud, vm) == {home.name: Presence.RUNNING, other.name: Presence.RUNNING}


def test_no_more_than_a_few_are_watched_by_a_worker(cloud: Cloud, vm: Vm, admin: Actor) -> None:
    _home, other = homes(cloud, vm)
    for _ in range(handler.MOST_AT_ONCE):
        assert handler.places.acquire(blocking=False)
    operation = migrate_vm(admin, vm, host=other.pk)
    free = threading.Timer(1.0, handler.places.release)
    free.start()
    try:
        assert carried_out(operation).status == OperationStatus.DONE
    finally:
        free.join()
        for _ in range(handler.MOST_AT_ONCE - 1):
            handler.places.release()
    assert any(step["text"] == "Waiting for other migrations" for step in operation.steps)


def _spec(vm: Vm) -> Any:
    from apps.compute.operations.parts import read_vm
    from apps.compute.specs import vm_spec

    return vm_spec(read_vm(vm.pk)[0])
