"""From the counters of a VM's disks to samples of each disk."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from apps.compute.models import Vm
from apps.drivers.specs import DiskUsage, VmUsage
from apps.infrastructure.usage import collect_usage
from apps.metrics.active_store import store
from apps.metrics.quantities import names_of
from apps.metrics.rates import disk_values
from apps.metrics.store import STEP, Subject
from apps.storage.models import Disk
from tests.compute.test_usage import host_of, tell, then, vm

__all__ = ["then", "vm"]
pytestmark = [pytest.mark.django_db, pytest.mark.requirement("UX-9"), pytest.mark.requirement("EV-6")]

MIB = 1 << 20


def seen(disk: Disk, at: datetime) -> dict[str, float]:
    """Return what is kept of a disk in the step that ends at a moment."""
    chart = store().series(Subject("disk", str(disk.pk)), names_of("disk"), at, at + STEP, STEP)
    return {series.name: series.values[0] for series in chart.series if series.values[0] is not None}


def grown(disk: DiskUsage) -> DiskUsage:
    """30 s later: 300 reads of 32 KiB that took 0.5 ms each, 600 writes of 64 KiB that took 2 ms each."""
    return replace(
        disk,
        read_bytes=disk.read_bytes + 300 * 32 * 1024,
        write_bytes=disk.write_bytes + 600 * 64 * 1024,
        read_ops=disk.read_ops + 300,
        write_ops=disk.write_ops + 600,
        read_ns=disk.read_ns + 300 * 500_000,
        write_ns=disk.write_ns + 600 * 2_000_000,
    )


def test_two_readings_make_iops_throughput_and_latency_of_each_disk(vm: Vm, then: datetime) -> None:
    disk = vm.disks.get()
    before = DiskUsage(str(disk.pk), read_ops=7)
    usage = VmUsage(str(vm.pk), boot=1, vcpus=1, disks=(before,))
    tell(host_of(vm), then, usage)
    collect_usage()
    tell(host_of(vm), then + STEP, replace(usage, disks=(grown(before),)))
    collect_usage()
    assert seen(disk, then + STEP) == pytest.approx(
        {
            "disk_read_ops_per_second": 10,
            "disk_write_ops_per_second": 20,
            "disk_read_bytes_per_second": 10 * 32 * 1024,
            "disk_write_bytes_per_second": 20 * 64 * 1024,
            "disk_read_ms": 0.5,
            "disk_write_ms": 2,
        }
    )
    assert seen(disk, then) == {}


@pytest.mark.requirement("SE-6")
def test_a_host_says_nothing_of_a_disk_that_its_vm_does_not_have(vm: Vm, then: datetime) -> None:
    disk = vm.disks.get()
    before = DiskUsage(str(disk.pk))
    usage = VmUsage(str(vm.pk), boot=1, disks=(before,))
    Disk.objects.filter(pk=disk.pk).update(vm=None, slot=None, role=Disk.Role.DATA)
    tell(host_of(vm), then, usage)
    collect_usage()
    tell(host_of(vm), then + STEP, replace(usage, disks=(grown(before),)))
    collect_usage()
    assert seen(disk, then + STEP) == {}


def test_a_disk_that_was_attached_again_or_a_vm_that_was_restarted_leaves_a_gap(
    vm: Vm, then: datetime
) -> None:
    disk = vm.disks.get()
    much = grown(grown(DiskUsage(str(disk.pk))))
    usage = VmUsage(str(vm.pk), boot=1, disks=(much,))
    tell(host_of(vm), then, usage)
    collect_usage()
    tell(host_of(vm), then + STEP, replace(usage, boot=2, disks=(grown(much),)))
    collect_usage()
    assert seen(disk, then + STEP) == {}
    assert disk_values(grown(DiskUsage(str(disk.pk))), much, 30) == {}


def test_a_disk_that_did_nothing_has_no_latency(vm: Vm) -> None:
    idle = DiskUsage(str(vm.disks.get().pk), read_ops=5)
    values = disk_values(idle, idle, 30)
    assert set(values.values()) == {0} and not {"disk_read_ms", "disk_write_ms"} & values.keys()


def test_times_that_cannot_be_are_dropped(vm: Vm) -> None:
    before = DiskUsage(str(vm.disks.get().pk))
    lie = replace(before, read_ops=1, read_ns=10**17, write_ops=10**15)
    assert disk_values(lie, before, 30).keys() == {
        "disk_read_ops_per_second",
        "disk_read_bytes_per_second",
        "disk_write_bytes_per_second",
        "disk_write_ms",
    }
