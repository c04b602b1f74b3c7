"""Which VM leaves an overloaded host."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from apps.balancing.judging import Choice, Height, NoChoice, choose, height
from apps.balancing.loads import HostLoad, Limits, VmLoad
from tests.balancing.test_planning import clusters, make_host, make_vm

pytestmark = pytest.mark.requirement("CL-8")

LIMITS = Limits(cpu_percent=80, memory_percent=90, margin=10)


def chosen(found: Choice | NoChoice) -> Choice:
    assert isinstance(found, Choice), found
    return found


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([91, 90, 95, 99], Height.ABOVE),
        ([70, 90, 95, 99], Height.ABOVE),  # the oldest is outside of the duration
        ([91, 90, 95, None], Height.ABOVE),  # the newest is still on its way
        ([91, 80, 95, 99], Height.BELOW),
        ([91, None, 95, 99], Height.GAP),
        ([91, None, 70, 99], Height.BELOW),
        ([None, None, None, None], Height.BELOW),
        ([], Height.BELOW),
    ],
)
def test_a_host_is_above_only_if_every_sample_is(samples: list[float | None], expected: Height) -> None:
    assert height(samples, 80) is expected


def test_the_smallest_vm_that_is_enough_goes_to_the_least_loaded_host() -> None:
    source = make_host("a", 40000, cpu=85)
    vms = [
        make_vm("small", "a", 2048, cpu=100),  # 6 points
        make_vm("tiny", "a", 1024, cpu=50),  # 3 points: not enough
        make_vm("large", "a", 8192, vcpu=4, cpu=100),
    ]
    hosts = [source, make_host("b", 0, cpu=50), make_host("c", 0, cpu=40), make_host("d", 0, cpu=70)]
    found = chosen(choose(source, vms, hosts, LIMITS))
    assert (found.vm.name, found.target.name, found.enough) == ("small", "c", True)
    assert (found.source_after.cpu, found.after.cpu) == (85 - 6.25, 40 + 6.25)


def test_where_no_vm_alone_is_enough_the_one_that_relieves_most_goes() -> None:
    source = make_host("a", 40000, cpu=99)
    vms = [make_vm("v", "a", vcpu=1, cpu=100), make_vm("w", "a", vcpu=2, cpu=100)]
    found = chosen(choose(source, vms, [source, make_host("b", 0)], LIMITS))
    assert (found.vm.name, found.enough) == ("w", False)


def test_memory_counts_where_memory_is_above_its_threshold() -> None:
    source = replace(make_host("a", 60000), memory=95.0)
    vms = [make_vm("busy", "a", 1024, cpu=100), make_vm("big", "a", 16384, used_mib=13107, cpu=0)]
    assert chosen(choose(source, vms, [source, make_host("b", 0)], LIMITS)).vm.name == "big"


@pytest.mark.parametrize(
    "target", [{"cpu": 66.0}, {"open": False}, {"quiet": False}, {"kin": "y"}, {"vcpu_reserved": 64}]
)
def test_nothing_moves_without_a_target(target: dict) -> None:
    source = make_host("a", 40000, cpu=85)
    vms = [make_vm("v", "a", cpu=100), make_vm("f", "a", cpu=100, why_not="busy"), make_vm("i", "a", cpu=1)]
    found = choose(source, vms, [source, replace(make_host("b", 0), **target)], LIMITS)
    assert found == NoChoice(fixed=1, reasons=("busy",), without_target=1, too_small=1)


@given(clusters())
@settings(max_examples=150, deadline=None)
def test_no_target_comes_near_its_own_threshold(cluster: tuple[list[HostLoad], list[VmLoad]]) -> None:
    hosts, vms = cluster
    for source in hosts:
        own = [vm for vm in vms if vm.host == source.id]
        found = choose(replace(source, cpu=source.cpu + 70), own, hosts, LIMITS)
        if isinstance(found, Choice):
            assert found.after.stays_below(LIMITS) and found.target.fits(found.vm)
            assert not found.vm.why_not and found.target.id != source.id
            assert found.source_after.cpu < source.cpu + 70 or found.source_after.memory < source.memory
