"""From hosts' counters to samples."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography.fernet import Fernet
from django.utils import timezone

from apps.accounts.secrets import seal
from apps.compute.models import Vm
from apps.drivers.memory.records import MemoryVm
from apps.drivers.memory.usage import vm_usage
from apps.drivers.sealing import Seal
from apps.drivers.specs import HostUsage, VmUsage
from apps.drivers.usage import UsageReading, write_usage
from apps.infrastructure import backends
from apps.infrastructure.models import Host
from apps.infrastructure.usage import collect_usage
from apps.lifecycle.actor import Actor
from apps.metrics.active_store import store
from apps.metrics.store import STEP, Subject
from apps.metrics.tiers import floor
from apps.network.models import Subnet
from tests.compute.factories import Cloud, make_vm
from tests.drivers.samples import a_pool, a_vm, a_volume

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("UX-9")]
KEY = Fernet.generate_key().decode()
NAMES = ["cpu_percent", "memory_bytes"]


@pytest.fixture
def vm(cloud: Cloud, subnet: Subnet, owner: Actor) -> Vm:
    """A VM, all hosts of whose cloud have agents."""
    vm = make_vm(owner, cloud, subnet)
    Host.objects.update(driver="agent", sealed_key=seal(KEY))
    return vm


@pytest.fixture
def then() -> datetime:
    """The beginning of the step before the present one."""
    return floor(timezone.now(), STEP) - STEP


def tell(host: Host, at: datetime, *vms: VmUsage, boot_id: str = "1", busy: int = 0, key: str = KEY) -> None:
    """Have the host's agent leave a reading."""
    usage = HostUsage(cpu_busy_ms=busy, cpu_total_ms=int(at.timestamp() * 1000), memory_bytes=5)
    write_usage(backends.redis_client(), host.name, Seal(key), UsageReading(at, boot_id, usage, vms))


def seen(kind: str, key: object, then: datetime) -> list[list[float | None]]:
    chart = store().series(Subject(kind, str(key)), NAMES, then, then + 2 * STEP, STEP)
    return [series.values for series in chart.series]


def host_of(vm: Vm) -> Host:
    assert vm.host_id is not None
    return Host.objects.get(pk=vm.host_id)


def test_two_readings_make_rates_of_the_host_and_its_vms(vm: Vm, then: datetime) -> None:
    usage = VmUsage(str(vm.pk), boot=1, vcpus=1, cpu_ns=0, memory_bytes=7)
    tell(host_of(vm), then, usage, busy=1000)
    assert collect_usage() == 2
    tell(host_of(vm), then + STEP, replace(usage, cpu_ns=15 * 10**9), busy=7000)
    assert collect_usage() == 2
    assert seen("vm", vm.pk, then) == [[None, 50.0], [7.0, 7.0]]
    assert seen("host", vm.host_id, then) == [[None, 20.0], [5.0, 5.0]]


def test_a_reading_is_taken_once(vm: Vm, then: datetime) -> None:
    tell(host_of(vm), then)
    assert collect_usage() == 1
    assert collect_usage() == 0


def test_a_host_that_was_booted_has_a_gap(vm: Vm, then: datetime) -> None:
    usage = VmUsage(str(vm.pk), boot=1, vcpus=1, cpu_ns=0, memory_bytes=7)
    tell(host_of(vm), then, usage)
    collect_usage()
    again = replace(usage, boot=2, cpu_ns=10**9)
    tell(host_of(vm), then + STEP, again, boot_id="2", busy=1000)
    collect_usage()
    assert seen("vm", vm.pk, then)[0] == [None, None]
    assert seen("host", vm.host_id, then)[0] == [None, None]


def test_what_another_version_has_kept_of_a_host_is_as_if_there_were_nothing(vm: Vm, then: datetime) -> None:
    other = Host.objects.exclude(pk=vm.host_id).first()
    assert other is not None
    for host in (other, host_of(vm)):
        tell(host, then)
    assert collect_usage() == 2
    backends.redis_client().set(f"metrics.before.{other.pk}", b"\x80")
    for host in (other, host_of(vm)):
        tell(host, then + STEP)
    assert collect_usage() == 2


def test_the_counters_of_a_pretend_vm_that_started_after_the_clock_was_read_are_nought() -> None:
    started = MemoryVm(a_vm(a_volume(a_pool())), started_at=100.5)
    assert vm_usage(started, now=100.0).cpu_ns == 0


@pytest.mark.requirement("SE-1")
def test_a_host_can_say_nothing_of_another_hosts_vms(vm: Vm, then: datetime) -> None:
    other = Host.objects.exclude(pk=vm.host_id).first()
    assert other is not None
    tell(other, then, VmUsage(str(vm.pk), vcpus=1, memory_bytes=9))
    assert collect_usage() == 1
    assert seen("vm", vm.pk, then) == [[None, None], [None, None]]


@pytest.mark.requirement("SE-10")
def test_a_vm_uses_no_more_memory_than_it_has(vm: Vm, then: datetime) -> None:
    tell(host_of(vm), then, VmUsage(str(vm.pk), memory_bytes=2**62, memory_total_bytes=2**62))
    assert collect_usage() == 2
    assert seen("vm", vm.pk, then)[1] == [pytest.approx(vm.memory_mib << 20), None]
    assert seen("host", vm.host_id, then)[1] == [5.0, None]


def test_a_reading_that_is_not_sealed_with_the_hosts_key_is_dropped(vm: Vm, then: datetime) -> None:
    tell(host_of(vm), then, key=Fernet.generate_key().decode())
    assert collect_usage() == 0


def test_pretend_hosts_have_counters_that_grow(cloud: Cloud, subnet: Subnet, owner: Actor) -> None:
    vm = make_vm(owner, cloud, subnet)
    assert collect_usage() == 3, "two hosts and the VM"
    now = store().latest("vm", [str(vm.pk)], ["memory_bytes", "memory_total_bytes"], timedelta(minutes=1))
    assert 0 < now[str(vm.pk)]["memory_bytes"] < now[str(vm.pk)]["memory_total_bytes"]
