"""Plans even a cluster out, and never make anything worse."""

from __future__ import annotations

import random
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.balancing.loads import HostLoad, Limits, VmLoad, unevenness
from apps.balancing.planning import LEAST_GAIN, Plan, Wanted, objections, plan

pytestmark = pytest.mark.requirement("CL-8")

LIMITS = Limits(cpu_percent=85, memory_percent=90, margin=10)


@st.composite
def clusters(draw: st.DrawFn, most_hosts: int = 6, most_vms: int = 30) -> tuple[list[HostLoad], list[VmLoad]]:
    """Hosts whose reservations and measurements are those of their VMs, and some more."""
    hosts = [
        HostLoad(
            id=f"h{n}",
            name=f"host-{n}",
            kin=draw(st.sampled_from("ab")),
            threads=draw(st.sampled_from([8, 16, 64])),
            memory_mib=draw(st.sampled_from([16384, 65536])),
            vcpu_capacity=draw(st.integers(8, 64)),
            vcpu_reserved=0,
            memory_capacity_mib=draw(st.sampled_from([15000, 60000])),
            memory_reserved_mib=0,
            cpu=draw(st.floats(0, 30)),
            memory=draw(st.floats(0, 30)),
            open=draw(st.booleans()) or draw(st.booleans()),
            quiet=draw(st.booleans()) or draw(st.booleans()),
        )
        for n in range(draw(st.integers(1, most_hosts)))
    ]
    by_id = {host.id: host for host in hosts}
    vms = []
    for n in range(draw(st.integers(0, most_vms))):
        memory = draw(st.sampled_from([512, 2048, 8192]))
        vm = VmLoad(
            id=f"v{n:03}",
            name=f"vm-{n}",
            host=draw(st.sampled_from(sorted(by_id))),
            vcpu=draw(st.integers(1, 8)),
            memory_mib=memory,
            cpu=draw(st.floats(0, 100)),
            used_mib=draw(st.integers(0, memory)),
            on=draw(st.booleans()),
            why_not=draw(st.sampled_from(["", "", "", "busy"])),
        )
        if by_id[vm.host].fits(vm):
            by_id[vm.host] = by_id[vm.host].with_vm(vm)
            vms.append(vm)
    return [by_id[host.id] for host in hosts], vms


def wanted(made: Plan) -> list[Wanted]:
    return [Wanted(move.vm.id, move.source, move.target) for move in made.moves]


def carried_out(hosts: list[HostLoad], vms: list[VmLoad], moves: list[Wanted]) -> tuple[list, list]:
    """The cluster after these moves, each by itself."""
    now, where = {host.id: host for host in hosts}, {vm.id: vm for vm in vms}
    for move in moves:
        vm = where[move.vm]
        now[move.source], now[move.target] = now[move.source].without(vm), now[move.target].with_vm(vm)
        where[vm.id] = replace(vm, host=move.target)
    return list(now.values()), list(where.values())


@given(clusters())
@settings(max_examples=150, deadline=None)
def test_a_plan_makes_the_cluster_more_even_and_each_move_counts(
    cluster: tuple[list[HostLoad], list[VmLoad]],
) -> None:
    hosts, vms = cluster
    made = plan(hosts, vms, LIMITS)
    before, after = unevenness(hosts), unevenness(list(made.after.values()))
    assert after <= before - len(made.moves) * LEAST_GAIN + 1e-9
    again, _ = carried_out(hosts, vms, wanted(made))
    assert unevenness(again) == pytest.approx(after)


@given(clusters(), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_so_does_any_part_of_it_in_any_order_and_no_target_is_overloaded_or_overbooked(
    cluster: tuple[list[HostLoad], list[VmLoad]], chance: random.Random
) -> None:
    hosts, vms = cluster
    moves = wanted(plan(hosts, vms, LIMITS))
    chosen = chance.sample(moves, chance.randint(0, len(moves)))
    assert objections({h.id: h for h in hosts}, {vm.id: vm for vm in vms}, chosen, LIMITS) == []
    last = unevenness(hosts)
    for number, move in enumerate(chosen, 1):
        after, _ = carried_out(hosts, vms, chosen[:number])
        assert unevenness(after) < last
        last = unevenness(after)
        target = next(host for host in after if host.id == move.target)
        assert target.stays_below(LIMITS)
        assert target.vcpu_reserved <= target.vcpu_capacity
        assert target.memory_reserved_mib <= target.memory_capacity_mib


@given(clusters())
@settings(max_examples=100, deadline=None)
def test_who_may_not_move_stays_and_nobody_goes_where_it_cannot_run(
    cluster: tuple[list[HostLoad], list[VmLoad]],
) -> None:
    hosts, vms = cluster
    made, by_id = plan(hosts, vms, LIMITS), {host.id: host for host in hosts}
    for move in made.moves:
        source, target = by_id[move.source], by_id[move.target]
        assert not move.vm.why_not and move.vm.host == source.id
        assert source.quiet and target.quiet and target.open and source.kin == target.kin
    assert len({move.vm.id for move in made.moves}) == len(made.moves)
    assert not {move.source for move in made.moves} & {move.target for move in made.moves}


@given(clusters(), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_a_plan_depends_on_the_cluster_and_not_on_the_order_of_rows(
    cluster: tuple[list[HostLoad], list[VmLoad]], chance: random.Random
) -> None:
    hosts, vms = cluster
    first = wanted(plan(hosts, vms, LIMITS))
    shuffled = chance.sample(hosts, len(hosts)), chance.sample(vms, len(vms))
    assert wanted(plan(*shuffled, LIMITS)) == first


@given(clusters())
@settings(max_examples=75, deadline=None)
def test_planning_again_and_again_ends(cluster: tuple[list[HostLoad], list[VmLoad]]) -> None:
    hosts, vms = cluster
    for _round in range(40):
        moves = wanted(plan(hosts, vms, LIMITS))
        if not moves:
            return
        hosts, vms = carried_out(hosts, vms, moves)
    raise AssertionError("still moving")


def make_host(name: str, reserved: int, cpu: float = 20, **columns: object) -> HostLoad:
    base = HostLoad(name, name, "x", 16, 65536, 64, 0, 65536, reserved, cpu, 20)
    return replace(base, **columns)  # type: ignore[arg-type]


def make_vm(name: str, host: str, memory: int = 8192, **columns: object) -> VmLoad:
    return replace(VmLoad(name, name, host, 1, memory, 10, memory // 2), **columns)  # type: ignore[arg-type]


def test_an_even_cluster_is_left_alone() -> None:
    hosts = [make_host("a", 32768), make_host("b", 30720)]
    assert plan(hosts, [make_vm("v", "a")], LIMITS).moves == ()


def test_the_fullest_host_gives_first_and_says_why() -> None:
    hosts = [make_host("a", 57344), make_host("b", 8192)]
    move = plan(hosts, [make_vm("v", "a"), make_vm("w", "a")], LIMITS).moves[0]
    assert (move.source, move.target, move.measure) == ("a", "b", "memory")
    assert (move.source_percent, move.target_percent) == (87.5, 12.5)


def test_a_plan_is_bounded() -> None:
    hosts = [make_host("a", 65536), make_host("b", 0, memory_capacity_mib=655360)]
    vms = [make_vm(f"v{n:03}", "a", 1024) for n in range(64)]
    assert len(plan(hosts, vms, LIMITS, most=3).moves) == 3


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"vms": {}}, "vm_gone"),
        ({"vms": {"v": make_vm("v", "c")}}, "vm_elsewhere"),
        ({"vms": {"v": make_vm("v", "a", why_not="busy")}}, "vm_fixed"),
        ({"b": {"open": False}}, "host"),
        ({"b": {"memory_reserved_mib": 60000}}, "room"),
        ({"b": {"cpu": 75.0}}, "hot"),
        ({"a": {"memory_reserved_mib": 8192, "cpu": 0.0}}, "uneven"),
    ],
)
def test_a_move_that_does_not_hold_any_more_is_named_with_the_reason(change: dict, why: str) -> None:
    hosts = {"a": make_host("a", 57344), "b": make_host("b", 8192), "c": make_host("c", 8192)}
    for name in ("a", "b"):
        hosts[name] = replace(hosts[name], **change.get(name, {}))
    vms = change.get("vms", {"v": make_vm("v", "a")})
    (found,) = objections(hosts, vms, [Wanted("v", "a", "b")], LIMITS)
    assert found.why == why


def test_1000_hosts_with_25000_vms_are_planned_within_two_seconds() -> None:
    chance = random.Random(7)  # noqa: S311
    hosts = {
        f"h{n:04}": make_host(f"h{n:04}", 0, vcpu_capacity=256, memory_capacity_mib=262144, memory_mib=262144)
        for n in range(1000)
    }
    vms = []
    for n in range(25_000):
        host = f"h{int(1000 * chance.random() ** 1.6):04}"
        vm = make_vm(f"v{n:05}", host, chance.choice([1024, 2048, 4096, 8192]), cpu=chance.uniform(0, 40))
        if hosts[host].fits(vm):
            hosts[host] = hosts[host].with_vm(vm)
            vms.append(vm)
    started = time.thread_time()
    made = plan(list(hosts.values()), vms, LIMITS)
    took = time.thread_time() - started
    assert len(made.moves) == 100
    assert took < 2, f"{len(vms)} VMs took {took:.2f} s"
