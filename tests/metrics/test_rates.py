"""Rates from counters."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apps.drivers.specs import HostUsage, VmUsage
from apps.metrics.rates import host_values, vm_values

pytestmark = pytest.mark.requirement("UX-9")

VM = VmUsage(
    id="vm",
    boot=1,
    cpu_ns=10**10,
    vcpus=2,
    memory_bytes=100,
    memory_total_bytes=400,
    disk_read_bytes=1000,
    disk_write_bytes=2000,
    disk_read_ops=10,
    disk_write_ops=20,
    net_rx_bytes=3000,
    net_tx_bytes=4000,
)
LATER = replace(
    VM, cpu_ns=VM.cpu_ns + 15 * 10**9, disk_read_bytes=4000, disk_write_ops=320, net_tx_bytes=64_000
)


def test_counters_become_rates_and_cpu_time_a_share_of_all_vcpus() -> None:
    values = vm_values(LATER, VM, 30)
    assert values["cpu_percent"] == 25
    assert values["disk_read_bytes_per_second"] == 100
    assert values["disk_write_bytes_per_second"] == 0
    assert values["disk_write_ops_per_second"] == 10
    assert values["net_tx_bytes_per_second"] == 2000
    assert (values["memory_bytes"], values["memory_total_bytes"]) == (100, 400)


def test_of_a_first_reading_only_the_memory_is_known() -> None:
    assert set(vm_values(VM, None, 0)) == {"memory_bytes", "memory_total_bytes"}


def test_a_vm_started_again_has_a_gap_even_if_its_counters_have_grown_past_the_old_ones() -> None:
    assert set(vm_values(replace(LATER, boot=2), VM, 30)) == {"memory_bytes", "memory_total_bytes"}


def test_one_counter_that_went_back_is_a_gap_of_its_own() -> None:
    values = vm_values(replace(LATER, net_tx_bytes=5), VM, 30)
    assert "net_tx_bytes_per_second" not in values
    assert values["cpu_percent"] == 25


@pytest.mark.parametrize("seconds", [0, -3, 76, 3600])
def test_readings_too_far_apart_have_a_gap_between_them(seconds: float) -> None:
    assert set(vm_values(LATER, VM, seconds)) == {"memory_bytes", "memory_total_bytes"}


def test_a_hosts_cpu_is_the_busy_share_of_its_threads() -> None:
    before = HostUsage(cpu_busy_ms=5, cpu_total_ms=100, net_rx_bytes=10, load=1.5, disk_used_bytes=7)
    now = replace(before, cpu_busy_ms=65, cpu_total_ms=300, net_rx_bytes=310)
    values = host_values(now, before, 30)
    assert values["cpu_percent"] == 30
    assert values["net_rx_bytes_per_second"] == 10
    assert (values["load"], values["disk_used_bytes"]) == (1.5, 7)
    assert "cpu_percent" not in host_values(before, now, 30)


@pytest.mark.requirement("SE-6")
def test_a_counter_that_grew_more_than_anything_can_is_a_gap_and_no_cpu_is_over_whole() -> None:
    lie = replace(VM, cpu_ns=2**62, net_rx_bytes=2**62)
    values = vm_values(lie, VM, 30)
    assert "net_rx_bytes_per_second" not in values
    assert values["cpu_percent"] == 100
