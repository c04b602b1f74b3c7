"""Orders to an agent that runs under the Redis rights of a host."""

import itertools
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import msgspec
import pytest
import redis
from onebox.shell import wait_until

from apps.drivers import orders
from apps.drivers.errors import DriverError
from apps.drivers.host_verbs import verbs_of
from apps.drivers.memory import MemoryHypervisor
from apps.drivers.orders import Fence, Order
from apps.drivers.protocols import Hypervisor, Volumes
from apps.drivers.reports import HEARTBEAT, Heartbeat, heartbeat_key, read_report, report_channel
from apps.drivers.sealing import Seal
from apps.drivers.specs import PauseReason, PoolKind, PoolSpec, Power, VmSpec
from tests.agent.conftest import PretendHost, enrol
from tests.drivers.contracts.fabric import refused
from tests.drivers.contracts.hypervisor import HypervisorContract
from tests.drivers.samples import a_pool, a_vm, a_volume, new_id


@pytest.fixture
def pool() -> PoolSpec:
    return a_pool()


@pytest.fixture
def volumes(host: PretendHost) -> Volumes:
    return host.remote().volumes()


@pytest.fixture
def hypervisor(host: PretendHost) -> Hypervisor:
    return host.remote().hypervisor()


@pytest.fixture
def vm(volumes: Volumes, pool: PoolSpec) -> VmSpec:
    volume = a_volume(pool)
    volumes.ensure_volume(volume)
    return a_vm(volume)


class TestRemoteHypervisor(HypervisorContract):
    @pytest.fixture(autouse=True)
    def _remember_host(self, host: PretendHost) -> None:
        self.host = host

    def pause(self, hypervisor: Hypervisor, vm_id: str) -> None:
        MemoryHypervisor(self.host.world, self.host.name).pause_guest(vm_id, PauseReason.OTHER)


def send(host: PretendHost, order: Order, key: str | None = None) -> None:
    host.post(host.name, Seal(key or host.key).close(orders.ORDER, order).decode(), 10)


def order_for(vm: VmSpec, verb: str = "", expires_in: float = 10) -> Order:
    ensure_vm = verbs_of(Hypervisor)["ensure_vm"]
    raw = msgspec.msgpack.encode(ensure_vm.pack(vm))
    return Order(new_id(), verb or ensure_vm.name, vm.id, raw, time.time() + expires_in)


def answered(host: PretendHost, order: Order, within: float) -> bool:
    return host.client.blpop([orders.answer_key(host.name, order.id)], timeout=within) is not None


def test_volumes_of_a_host(volumes: Volumes, pool: PoolSpec) -> None:
    volume = a_volume(pool)
    volumes.ensure_volume(volume)
    assert volumes.observe(pool).of(PoolKind.VOLUME) == (volume.id,)
    volumes.ensure_volume_absent(volume)
    assert volumes.observe(pool).of(PoolKind.VOLUME) == ()


def test_an_error_comes_back_whole(hypervisor: Hypervisor) -> None:
    vm_id = new_id()
    with pytest.raises(DriverError) as caught:
        hypervisor.ensure_power(vm_id, Power.ON)
    error = caught.value
    assert (error.code, error.permanent) == ("hypervisor.vm_missing", False)
    assert vm_id in error.message
    assert error.hint


@pytest.mark.requirement("OP-2")
def test_an_order_of_an_overtaken_attempt_is_refused(host: PretendHost, vm: VmSpec) -> None:
    remote = host.remote()
    remote.hypervisor(Fence(7, 2)).ensure_vm(vm)
    remote.hypervisor(Fence(7, 2)).ensure_vm(vm)
    for old in (Fence(7, 1), Fence(6, 9)):
        with refused("agent.stale_order"):
            remote.hypervisor(old).ensure_power(vm.id, Power.ON)
    remote.hypervisor(Fence(8, 1)).ensure_power(vm.id, Power.ON)
    assert remote.hypervisor(Fence(1, 1)).status(vm.id).power is Power.ON


@pytest.mark.requirement("SE-4")
def test_the_broker_never_sees_what_an_order_says(host: PretendHost, vm: VmSpec) -> None:
    secret = "$6$do-not-show-this"
    told = replace(vm, seed=replace(vm.seed, password_hash=secret))
    with redis.Redis(port=host.port).monitor() as monitor:
        host.remote().hypervisor().ensure_vm(told)
        host.client.set("the-end", "1")
        seen = list(itertools.takewhile(lambda line: "the-end" not in line, commands(monitor)))
    queued = [line for line in seen if line.startswith(f"LPUSH host.{host.name} ")]
    assert len(queued) == 1
    pretend_region = host.world_name
    assert not [line for line in seen if secret in line and pretend_region not in line]


def commands(monitor: Any) -> Iterator[str]:
    for entry in monitor.listen():
        yield entry["command"]


@pytest.mark.requirement("SE-6")
def test_an_order_sealed_with_another_key_is_not_carried_out(host: PretendHost, vm: VmSpec) -> None:
    stranger = enrol(host.name + "-x", host.port, host.state).key
    forged = order_for(vm)
    send(host, forged, key=stranger)
    assert not answered(host, forged, within=0.5)
    assert not host.remote().hypervisor().status(vm.id).exists


@pytest.mark.requirement("SE-6")
def test_an_order_that_expired_is_not_carried_out_but_answered_lest_it_was_the_clock(
    host: PretendHost, vm: VmSpec
) -> None:
    late = order_for(vm, expires_in=-60)
    send(host, late)
    found = host.client.blpop([orders.answer_key(host.name, late.id)], timeout=5)
    assert found is not None
    answer = Seal(host.key).open(orders.answer_purpose(late.id), found[1], orders.Answer)
    assert answer.failure is not None
    assert answer.failure.error().code == "agent.late_order"
    assert "60 s too late" in answer.failure.error().message
    assert not host.remote().hypervisor().status(vm.id).exists


def test_a_verb_that_is_not_in_the_table_is_refused(host: PretendHost, vm: VmSpec) -> None:
    order = order_for(vm, verb="hypervisor.__init__")
    send(host, order)
    found = host.client.blpop([orders.answer_key(host.name, order.id)], timeout=5)
    assert found is not None
    answer = Seal(host.key).open(orders.answer_purpose(order.id), found[1], orders.Answer)
    assert answer.failure is not None
    assert answer.failure.code == "agent.unknown_verb"


def test_orders_for_different_vms_run_side_by_side(host: PretendHost, pool: PoolSpec) -> None:
    remote = host.remote()

    def make(_: int) -> None:
        volume = a_volume(pool)
        remote.volumes().ensure_volume(volume)
        remote.hypervisor().ensure_vm(a_vm(volume))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(make, range(40)))
    assert len(remote.volumes().observe(pool).of(PoolKind.VOLUME)) == 40


@pytest.mark.bench
def test_a_call_costs_little(host: PretendHost) -> None:
    hypervisor = host.remote().hypervisor()
    vm_id = new_id()
    cpu, walls = [], []
    for _ in range(100):
        began, began_cpu = time.perf_counter(), time.thread_time()
        hypervisor.status(vm_id)
        walls.append(time.perf_counter() - began)
        cpu.append(time.thread_time() - began_cpu)
    assert statistics.median(cpu) < 0.002
    assert statistics.median(walls) < 0.05


@pytest.mark.requirement("CL-3")
def test_the_host_reports_and_says_that_it_still_holds_until_something_changes(
    host: PretendHost, hypervisor: Hypervisor, vm: VmSpec
) -> None:
    first = read_report(host.client, host.name, host.key)
    assert first is not None
    assert first.observation.vcpus > 0
    before = heartbeat_of(host)
    wait_until(lambda: heartbeat_of(host).sent_at > before.sent_at, "a heartbeat", seconds=60)
    listener = host.client.pubsub(ignore_subscribe_messages=True)
    listener.subscribe(report_channel(host.name))
    hypervisor.ensure_vm(vm)
    wait_until(lambda: listener.get_message(timeout=1), "a whole report", seconds=60)
    second = read_report(host.client, host.name, host.key)
    assert second is not None
    assert (second.sequence > first.sequence, second.boot_id) == (True, first.boot_id)
    assert vm.id in {status.id for status in second.observation.vms}
    assert heartbeat_of(host).report_at == second.sent_at


def heartbeat_of(host: PretendHost) -> Heartbeat:
    sealed: Any = host.client.get(heartbeat_key(host.name))
    return Seal(host.key).open(HEARTBEAT, sealed, Heartbeat)
