"""A host is emptied: planned before, VM by VM, and however it is interrupted."""

from __future__ import annotations

from typing import Any

import pytest

from apps.accounts.models import User
from apps.compute.drain_plan import Fate, plan_drain
from apps.compute.drain_progress import drain_progress
from apps.compute.models import Vm
from apps.compute.operations import drain as handler
from apps.compute.reconciled.reservations import recount_hosts
from apps.compute.services.drain import drain_host
from apps.compute.services.migration import migrate_vm
from apps.compute.services.power import power_off_vm
from apps.drivers.errors import DriverError
from apps.drivers.memory import World
from apps.infrastructure import backends
from apps.infrastructure.maintenance import is_spared
from apps.infrastructure.models import Host, Liveness
from apps.infrastructure.placement import _reserve
from apps.infrastructure.services.hosts import open_host, put_host_back
from apps.lifecycle.actor import Actor
from apps.lifecycle.cancellation import cancel
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import NoCapacity, NotNow
from apps.lifecycle.models import Operation, OperationStatus, State
from apps.network.models import Subnet
from tests.compute.factories import Cloud, ask_for_vms, make_cloud, make_vm
from tests.factories import actor_for_user, api_client, make_host, page_client

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("CL-9")]


@pytest.fixture
def cloud(world: World, db: None) -> Cloud:
    return make_cloud(world, hosts=3)


@pytest.fixture
def admin(ada: User) -> Actor:
    return actor_for_user(ada)


@pytest.fixture
def host(cloud: Cloud) -> Host:
    """The only one open, so that what is made comes to it."""
    Host.objects.exclude(pk=cloud.hosts[0].pk).update(accepts_vms=False)
    return cloud.hosts[0]


def made(owner: Actor, cloud: Cloud, subnet: Subnet, names: str) -> list[Vm]:
    """Make VMs on the host that is open, then open the others."""
    vms = [make_vm(owner, cloud, subnet, name=name) for name in names.split()]
    Host.objects.update(accepts_vms=True)
    return vms


def now(host: Host) -> Host:
    return Host.objects.select_related("cluster").get(pk=host.pk)


def look(drain: Operation) -> str:
    """Let the drain look once, as the sweeper would have it done."""
    Operation.objects.filter(pk=drain.pk).update(not_before=drain.created_at)
    execute(drain.pk)
    drain.refresh_from_db()
    return drain.status


def open_migrations() -> list[Operation]:
    return list(Operation.objects.open().filter(verb="vm.migrate").order_by("sequence"))


def finish(drain: Operation) -> str:
    """Carry everything out until the drain is settled."""
    for _round in range(30):
        if look(drain) not in ("queued", "running"):
            return drain.status
        for operation in open_migrations():
            execute(operation.pk)
    raise AssertionError(f"never settled: {drain.steps}")


def test_the_plan_as_a_whole_fits(cloud: Cloud, subnet: Subnet, owner: Actor, host: Host) -> None:
    made(owner, cloud, subnet, "a b c")
    need = Vm.objects.filter(name="a").get().need
    roomy, full = cloud.hosts[1:]
    Host.objects.filter(pk=roomy.pk).update(
        memory_reserved_mib=roomy.memory_capacity_mib - 2 * need.memory_mib
    )
    Host.objects.filter(pk=full.pk).update(memory_reserved_mib=full.memory_capacity_mib)
    plan = plan_drain(now(host))
    assert [move.fate for move in plan.moves] == [Fate.STAYS, Fate.LIVE, Fate.LIVE]
    assert {move.target for move in plan.having(Fate.LIVE)} == {roomy}
    assert "GiB of memory free" in plan.moves[0].reason and plan.moves[0].hint
    assert plan.estimate.total_seconds() > 0


def test_what_cannot_move_says_why_and_what_helps(
    cloud: Cloud, subnet: Subnet, owner: Actor, host: Host
) -> None:
    _running, stopped, paused, broken, busy = made(owner, cloud, subnet, "running stopped paused broken busy")
    execute(power_off_vm(owner, stopped).pk)
    Host.objects.exclude(pk=host.pk).update(cpu_model="Another")
    Vm.objects.filter(pk=paused.pk).update(pause_reason="io_error")
    Vm.objects.filter(pk=broken.pk).update(state=State.ERROR)
    power_off_vm(owner, busy)
    moves = {move.vm.name: move for move in plan_drain(now(host)).moves}
    assert {name: move.fate for name, move in moves.items()} == {
        "running": Fate.STAYS,
        "stopped": Fate.STOPPED,
        "paused": Fate.STAYS,
        "broken": Fate.STAYS,
        "busy": Fate.WAITS,
    }
    assert "CPU model Simulated" in moves["running"].reason and "Stop the VM" in moves["running"].hint
    assert "paused" in moves["paused"].reason
    assert "failed" in moves["broken"].reason
    assert "Powering off" in moves["busy"].reason


def test_planning_costs_the_same_for_many_vms(
    cloud: Cloud, subnet: Subnet, owner: Actor, host: Host, django_assert_max_num_queries: Any
) -> None:
    made(owner, cloud, subnet, "a b c d e f")
    shown = now(host)
    with django_assert_max_num_queries(2):
        plan_drain(shown)


def test_a_drained_host_is_empty_closed_and_in_maintenance(
    cloud: Cloud, subnet: Subnet, owner: Actor, admin: Actor, host: Host
) -> None:
    *_running, stopped = made(owner, cloud, subnet, "a b c d")
    execute(power_off_vm(owner, stopped).pk)
    drain = drain_host(admin, now(host))
    assert (now(host).accepts_vms, now(host).in_maintenance) == (False, True)
    assert look(drain) == "queued"
    assert len(open_migrations()) == 2, "no more at once than the setting says"
    assert finish(drain) == OperationStatus.DONE
    assert not Vm.objects.filter(host=host).exists()
    assert {vm.power_seen for vm in Vm.objects.exclude(pk=stopped.pk)} == {"on"}
    assert drain.attempt < 10
    assert recount_hosts() == 0 and now(host).memory_reserved_mib == 0
    assert now(host).in_maintenance and now(host).ready_word().code == "in_maintenance"


def test_it_may_be_killed_before_and_after_a_migration_is_requested(
    cloud: Cloud, subnet: Subnet, owner: Actor, admin: Actor, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(owner, cloud, subnet, "a b c")
    drain = drain_host(admin, now(host))
    real = migrate_vm
    died: list[str] = []

    class Killed(BaseException):
        pass

    def dies_after(*args: Any, **values: Any) -> Operation:
        operation = real(*args, **values)
        if len(died) < 3:
            died.append(operation.target_name)
            if len(died) % 2:
                raise Killed  # before its commit
        return operation

    monkeypatch.setattr(handler, "migrate_vm", dies_after)
    for _death in range(2):
        with pytest.raises(Killed):
            look(drain)
        # Its worker is gone: another takes it once the lease has run out.
        Operation.objects.filter(pk=drain.pk).update(status="running", lease_until=drain.created_at)
    assert finish(drain) == OperationStatus.DONE
    assert not Vm.objects.filter(host=host).exists()
    moved = Operation.objects.filter(verb="vm.migrate")
    assert (moved.count(), moved.filter(status="done").count()) == (3, 3), "nothing was moved twice"


def test_a_vm_that_cannot_move_does_not_stop_the_others(
    cloud: Cloud, subnet: Subnet, owner: Actor, admin: Actor, host: Host
) -> None:
    _a, stays, _c = made(owner, cloud, subnet, "a stays c")
    Vm.objects.filter(pk=stays.pk).update(pause_reason="io_error")
    drain = drain_host(admin, now(host))
    assert finish(drain) == OperationStatus.FAILED
    assert drain.error["code"] == "host.not_empty"
    assert drain.error["message"] == "Drained but for 1 VMs: stays." and drain.error["hint"]
    assert list(Vm.objects.filter(host=host)) == [stays]
    assert (now(host).accepts_vms, now(host).in_maintenance) == (False, True)
    Vm.objects.filter(pk=stays.pk).update(pause_reason="")
    assert finish(drain_host(admin, now(host))) == OperationStatus.DONE, "drained again, once that is solved"


def test_a_vm_whose_migration_fails_is_tried_on_another_host_and_given_up_in_the_end(
    cloud: Cloud, subnet: Subnet, owner: Actor, admin: Actor, host: Host
) -> None:
    (vm,) = made(owner, cloud, subnet, "a")
    refused = DriverError("Refused.", code="tried.refused", permanent=True, hint="Try.")
    drain = drain_host(admin, now(host))
    targets = []
    for _try in range(2):
        look(drain)
        (operation,) = open_migrations()
        targets.append(operation.args["host"])
        backends.memory_world().fail("hypervisor.ensure_arrival", refused)
        execute(operation.pk)
        operation.refresh_from_db()
        assert operation.status == OperationStatus.FAILED, operation.steps
    assert len(set(targets)) == 2
    assert look(drain) == OperationStatus.FAILED, drain.steps
    progress = drain_progress(now(host), drain)
    assert [move.vm for move in progress.staying] == [vm]
    assert progress.error_of(progress.staying[0])["code"] == "tried.refused"


def test_cancelled_it_leaves_the_host_as_it_was_and_moved_vms_where_they_are(
    cloud: Cloud, subnet: Subnet, owner: Actor, admin: Actor, host: Host
) -> None:
    made(owner, cloud, subnet, "a b c")
    drain = drain_host(admin, now(host))
    look(drain)
    for operation in open_migrations():
        execute(operation.pk)
    assert cancel(admin, drain)
    drain.refresh_from_db()
    assert drain.status == OperationStatus.CANCELLED
    assert (now(host).accepts_vms, now(host).in_maintenance) == (True, False)
    assert Vm.objects.filter(host=host).count() == 1


def test_a_host_that_was_closed_before_stays_closed_when_its_drain_is_cancelled(
    admin: Actor, host: Host
) -> None:
    Host.objects.filter(pk=host.pk).update(accepts_vms=False)
    assert cancel(admin, drain_host(admin, now(host)))
    assert (now(host).accepts_vms, now(host).in_maintenance) == (False, False)


def test_nothing_is_placed_on_it_and_it_takes_vms_once_put_back(
    cloud: Cloud, subnet: Subnet, owner: Actor, admin: Actor, host: Host
) -> None:
    assert finish(drain_host(admin, now(host))) == OperationStatus.DONE
    with pytest.raises(NoCapacity):
        ask_for_vms(owner, cloud, subnet)
    with pytest.raises(NotNow, match="Put it back"):
        open_host(admin, now(host))
    back = put_host_back(admin, now(host))
    assert (back.accepts_vms, back.in_maintenance) == (True, False)
    assert make_vm(owner, cloud, subnet).host_id == host.pk
    with pytest.raises(NotNow, match="not in maintenance"):
        put_host_back(admin, now(host))


def test_room_is_not_promised_on_a_host_closed_since_it_was_chosen(cloud: Cloud, host: Host) -> None:
    from collections import Counter

    from django.db.models import Q

    Host.objects.filter(pk=host.pk).update(accepts_vms=False)
    assert not _reserve(Counter([host.pk]), cloud_need(cloud), Q(accepts_vms=True))


def cloud_need(cloud: Cloud) -> Any:
    from apps.compute.services.resize import size_of

    return size_of(cloud.small)


def test_a_suspected_host_is_drained_no_more_so_that_it_can_be_fenced(
    cloud: Cloud, subnet: Subnet, owner: Actor, admin: Actor, host: Host
) -> None:
    made(owner, cloud, subnet, "a")
    drain = drain_host(admin, now(host))
    Host.objects.filter(pk=host.pk).update(liveness=Liveness.SUSPECTED)
    assert look(drain) == OperationStatus.FAILED
    assert drain.error["code"] == "host.failed_while_drained"


def test_the_api_shows_the_plan_drains_and_puts_back(
    cloud: Cloud, subnet: Subnet, owner: Actor, ada: User, alice: User, host: Host
) -> None:
    made(owner, cloud, subnet, "a b")
    client = api_client(ada)
    plan = client.get(f"/api/v1/hosts/{host.pk}/drain-plan").json()
    assert [(vm["name"], vm["fate"], vm["target"] is not None) for vm in plan["vms"]] == [
        ("a", "moves_live", True),
        ("b", "moves_live", True),
    ]
    assert plan["can_be_emptied"] is True and plan["estimated_seconds"] > 0
    assert api_client(alice).get(f"/api/v1/hosts/{host.pk}/drain-plan").status_code == 404
    answer = client.post(f"/api/v1/hosts/{host.pk}/drain")
    assert answer.status_code == 202, answer.json()
    assert finish(Operation.objects.get(verb="host.drain")) == OperationStatus.DONE
    assert client.get(f"/api/v1/hosts/{host.pk}").json()["status"] == "in_maintenance"
    answer = client.post(f"/api/v1/hosts/{host.pk}/put-back")
    assert (answer.status_code, answer.json()["in_maintenance"]) == (200, False)


@pytest.mark.requirement("CL-7")
def test_a_host_in_maintenance_with_a_vm_left_is_watched_like_any_other(
    cloud: Cloud, subnet: Subnet, owner: Actor, host: Host
) -> None:
    (vm,) = made(owner, cloud, subnet, "a")
    Host.objects.filter(pk=host.pk).update(in_maintenance=True)
    assert not Host.objects.filter(is_spared()).exists()
    other = cloud.hosts[1]
    Vm.objects.filter(pk=vm.pk).update(host=other, next_host=host)
    assert not Host.objects.filter(is_spared()).exists(), "a VM is on its way to it"
    Vm.objects.filter(pk=vm.pk).update(next_host=None)
    assert list(Host.objects.filter(is_spared())) == [host]


def page(ada: User, host: Host, tab: str = "maintenance/") -> str:
    client = page_client(ada)
    answer = client.get(f"/admin/hosts/{host.pk}/{tab}")
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.requirement("UX-11")
def test_the_page_shows_plan_progress_what_is_left_and_the_way_back(
    cloud: Cloud, subnet: Subnet, owner: Actor, admin: Actor, ada: User, host: Host
) -> None:
    _moves, stays = made(owner, cloud, subnet, "moves stays")
    Vm.objects.filter(pk=stays.pk).update(pause_reason="io_error")
    shown = page(ada, host)
    for text in ("Drain plan", "1 VM moves live", "1 VM cannot move", "The VM is paused", "400 MiB/s"):
        assert text in shown, text
    drain = drain_host(admin, now(host))
    look(drain)
    shown = page(ada, host)
    assert "0 of 2 VMs moved" in shown and "Cancel drain" in shown
    assert f"/admin/operations/{drain.pk}/cancel/" in shown
    finish(drain)
    shown = page(ada, host)
    assert "Drained but for 1 VM. " in shown and "The VM is paused" in shown and "Put back" in shown
    Vm.objects.filter(pk=stays.pk).update(pause_reason="")
    finish(drain_host(admin, now(host)))
    shown = page(ada, host)
    assert "You can reboot, update or power it off" in shown and "Put back" in shown
    assert "nothing happens" in page(ada, host, "")


def test_the_hosts_vms_can_be_migrated_from_its_page(
    cloud: Cloud, subnet: Subnet, owner: Actor, ada: User, host: Host
) -> None:
    (vm,) = made(owner, cloud, subnet, "a")
    assert f'hx-get="/admin/vms/{vm.pk}/migrate/"' in page(ada, host, "vms/")


def test_a_vm_is_tried_three_times_however_many_hosts_there_are(
    cloud: Cloud, subnet: Subnet, owner: Actor, admin: Actor, host: Host
) -> None:
    made(owner, cloud, subnet, "a")
    for _ in range(3):
        make_host(cloud.cluster)
    drain = drain_host(admin, now(host))
    refused = DriverError("Refused.", code="tried.refused", permanent=True, hint="Try.")
    while look(drain) == OperationStatus.QUEUED:
        (operation,) = open_migrations()
        backends.memory_world().fail("hypervisor.ensure_arrival", refused)
        execute(operation.pk)
    assert drain.error["code"] == "host.not_empty"
    assert Operation.objects.filter(verb="vm.migrate", status="failed").count() == 3


def test_a_vm_on_its_way_to_the_host_is_waited_for(
    cloud: Cloud, subnet: Subnet, owner: Actor, admin: Actor, host: Host
) -> None:
    (vm,) = made(owner, cloud, subnet, "a")
    other = cloud.hosts[1]
    Vm.objects.filter(pk=vm.pk).update(host=other, next_host=host)
    drain = drain_host(admin, now(host))
    assert look(drain) == OperationStatus.QUEUED
    assert "waiting for other tasks of a" in drain.steps[-1]["text"]
    Vm.objects.filter(pk=vm.pk).update(next_host=None)
    assert look(drain) == OperationStatus.DONE


def test_other_tasks_are_waited_for_no_longer_than_is_said(
    cloud: Cloud, subnet: Subnet, owner: Actor, admin: Actor, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    (vm,) = made(owner, cloud, subnet, "a")
    power_off_vm(owner, vm)
    drain = drain_host(admin, now(host))
    assert look(drain) == OperationStatus.QUEUED
    monkeypatch.setattr(handler, "PATIENCE", -handler.PATIENCE)
    assert look(drain) == OperationStatus.FAILED
    assert drain.error["message"] == "Drained but for 1 VMs: a."
