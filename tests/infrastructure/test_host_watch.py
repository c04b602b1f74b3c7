"""What is concluded from the two heartbeats of a host, and what is done then."""

from __future__ import annotations

import pytest

from apps.drivers.memory import World, memory_peers
from apps.drivers.specs import PeerBeat, PeerReport
from apps.infrastructure import backends
from apps.infrastructure.heartbeat_plans import give_heartbeat_plans
from apps.infrastructure.host_watch import PEERS_EACH, is_silent, peers_of, watch_hosts
from apps.infrastructure.models import ComputeCluster, Failure, Host, HostController, Liveness
from apps.infrastructure.pages.attention import attention_items
from apps.infrastructure.report_inbox import LastHeard
from apps.lifecycle.models import Event, Operation
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("CL-7")]


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    fresh = World()
    monkeypatch.setattr(backends, "_process_world", fresh)
    return fresh


@pytest.fixture
def cluster() -> ComputeCluster:
    region = factories.make_region()
    factories.make_storage(region)
    return factories.make_cluster(region)


def hosts_of(cluster: ComputeCluster, count: int) -> list[Host]:
    hosts = [factories.make_host(cluster) for _ in range(count)]
    give_heartbeat_plans()
    return hosts


def liveness(host: Host) -> str:
    return Host.objects.get(pk=host.pk).liveness


def fences() -> list[str]:
    return list(Operation.objects.filter(verb="host.fence").values_list("target_name", flat=True))


def give_controller(host: Host) -> None:
    HostController.objects.create(host=host, url="https://192.0.2.1", user="admin", sealed_password="x")


def test_a_host_that_is_heard_is_alive(cluster: ComputeCluster) -> None:
    host, *_ = hosts_of(cluster, 3)
    watch_hosts()
    assert liveness(host) == Liveness.ALIVE
    assert not Event.objects.exists()


def test_a_silent_agent_with_a_fresh_storage_heartbeat_is_a_network_fault(
    cluster: ComputeCluster, world: World
) -> None:
    host, *_ = hosts_of(cluster, 3)
    give_controller(host)
    world.disconnect(host.name)
    for _ in range(3):
        watch_hosts()
    assert liveness(host) == Liveness.NETWORK_FAULT
    assert fences() == []
    assert Event.objects.filter(code="host.network_fault").count() == 1, "said once"


def test_a_host_without_power_is_suspected_and_fenced_in_the_second_round(
    cluster: ComputeCluster, world: World
) -> None:
    host, *_ = hosts_of(cluster, 3)
    give_controller(host)
    world.power_cut(host.name)
    watch_hosts()
    assert (liveness(host), fences()) == (Liveness.SUSPECTED, [])
    watch_hosts()
    watch_hosts()
    assert fences() == [host.name]


def test_without_a_controller_nobody_is_certain(cluster: ComputeCluster, world: World) -> None:
    host, *_ = hosts_of(cluster, 3)
    world.power_cut(host.name)
    for _ in range(3):
        watch_hosts()
    assert (liveness(host), fences()) == (Liveness.SUSPECTED, [])
    assert Host.objects.get(pk=host.pk).failure == ""


def test_a_cluster_can_leave_it_to_its_administrators(cluster: ComputeCluster, world: World) -> None:
    host, *_ = hosts_of(cluster, 3)
    give_controller(host)
    ComputeCluster.objects.update(failover=False)
    world.power_cut(host.name)
    for _ in range(3):
        watch_hosts()
    assert fences() == []


def test_most_hosts_silent_at_once_stop_automatic_failover(cluster: ComputeCluster, world: World) -> None:
    hosts = hosts_of(cluster, 3)
    for host in hosts:
        give_controller(host)
    for host in hosts[:2]:
        world.power_cut(host.name)
    for _ in range(3):
        watch_hosts()
    assert {liveness(host) for host in hosts[:2]} == {Liveness.SUSPECTED}
    assert fences() == []
    assert [item.detail for item in attention_items() if "failover has stopped" in item.text] == [
        "2 of 3 hosts are silent at once"
    ]


def test_one_of_two_hosts_is_not_most_of_them(cluster: ComputeCluster, world: World) -> None:
    host, _other = hosts_of(cluster, 2)
    give_controller(host)
    world.power_cut(host.name)
    watch_hosts()
    watch_hosts()
    assert fences() == [host.name]


def test_without_shared_storage_nothing_can_be_said_of_a_silent_host(world: World) -> None:
    host, *_ = hosts_of(factories.make_cluster(factories.make_region()), 3)
    give_controller(host)
    world.power_cut(host.name)
    for _ in range(3):
        watch_hosts()
    assert (liveness(host), fences()) == (Liveness.UNKNOWN, [])


def test_a_host_that_was_off_is_taken_back_once_it_is_heard(cluster: ComputeCluster, world: World) -> None:
    host, *_ = hosts_of(cluster, 3)
    world.power_cut(host.name)
    watch_hosts()
    Host.objects.filter(pk=host.pk).update(failure=Failure.OFF)
    watch_hosts()
    assert not Operation.objects.filter(verb="host.readmit").exists()
    world.boot(host.name)
    watch_hosts()
    watch_hosts()
    assert Operation.objects.filter(verb="host.readmit").count() == 1
    assert Host.objects.get(pk=host.pk).failure == Failure.RETURNING


def test_each_host_is_read_by_as_many_others_as_it_reads() -> None:
    names = [f"h{number:02}" for number in range(20)]
    read = [peer for name in names for peer in peers_of(name, names)]
    assert {name: read.count(name) for name in names} == dict.fromkeys(names, PEERS_EACH)
    assert peers_of("b", ["a", "b"]) == ["a"]
    assert peers_of("a", ["a"]) == []


@pytest.mark.parametrize(
    ("seconds", "often", "silent"), [(5, True, False), (7, True, True), (7, False, False), (13, False, True)]
)
def test_a_host_that_speaks_often_is_silent_sooner(seconds: float, often: bool, silent: bool) -> None:
    assert is_silent(LastHeard(seconds, often)) == silent


def test_watching_costs_the_same_number_of_statements_for_many_hosts(
    cluster: ComputeCluster, django_assert_max_num_queries: object
) -> None:
    hosts_of(cluster, 50)
    with django_assert_max_num_queries(2):  # type: ignore[operator]
        watch_hosts()


def test_a_liar_has_no_host_fenced_that_is_heard_or_read_by_others(
    cluster: ComputeCluster, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    liar, heard, silent, _honest = hosts_of(cluster, 4)
    for host in (heard, silent):
        give_controller(host)
    world.disconnect(silent.name)
    told = memory_peers

    def lie(seen: World, host: str) -> PeerReport | None:
        report = told(seen, host)
        if report is None or host != liar.name:
            return report
        beats = tuple(PeerBeat(each, 1e6) for each in (heard.name, silent.name, "of-another-cluster"))
        return PeerReport(report.sent_at, 0.0, beats)

    monkeypatch.setattr(backends, "memory_peers", lie)
    for _ in range(3):
        watch_hosts()
    assert (liveness(heard), liveness(silent)) == (Liveness.ALIVE, Liveness.NETWORK_FAULT)
    assert fences() == []


@pytest.mark.requirement("CL-9")
def test_a_host_in_maintenance_is_not_fenced_while_nothing_is_on_it(
    cluster: ComputeCluster, world: World
) -> None:
    host, *_ = hosts_of(cluster, 3)
    give_controller(host)
    Host.objects.filter(pk=host.pk).update(in_maintenance=True, accepts_vms=False)
    world.power_cut(host.name)
    for _ in range(3):
        watch_hosts()
    assert (liveness(host), fences()) == (Liveness.SUSPECTED, [])
    assert Host.objects.get(pk=host.pk).failure == ""
    world.boot(host.name)
    watch_hosts()
    assert liveness(host) == Liveness.ALIVE
    assert not Operation.objects.filter(verb="host.readmit").exists()


@pytest.mark.requirement("CL-9")
def test_a_host_in_maintenance_does_not_count_among_those_silent_at_once(
    cluster: ComputeCluster, world: World
) -> None:
    kept, dead, _alive = hosts_of(cluster, 3)
    give_controller(dead)
    Host.objects.filter(pk=kept.pk).update(in_maintenance=True, accepts_vms=False)
    world.power_cut(kept.name)
    world.power_cut(dead.name)
    for _ in range(2):
        watch_hosts()
    assert fences() == [dead.name]
    assert not [item for item in attention_items() if "failover has stopped" in item.text]
