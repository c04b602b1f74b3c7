"""Which VM leaves an overloaded host, and where it goes. Pure: the same input gives the same answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from apps.balancing.loads import HostLoad, Limits, VmLoad

#: A move that relieves a host of fewer percentage points is not worth it.
LEAST_RELIEF = 2.0
#: The newest sample may still be on its way.
LATE_SAMPLES = 1


class Height(StrEnum):
    """How a host's samples over the duration stand to a threshold."""

    BELOW = "below"
    ABOVE = "above"
    #: All there are stand above it, but some are missing: it does not count as above.
    GAP = "gap"


@dataclass(frozen=True)
class Choice:
    """A move that relieves a host. enough: it brings the host below its thresholds."""

    vm: VmLoad
    target: HostLoad
    after: HostLoad
    source_after: HostLoad
    enough: bool


@dataclass(frozen=True)
class NoChoice:
    """Why no VM leaves: how many may not move and why not, and how many found no target."""

    fixed: int
    reasons: tuple[str, ...]
    without_target: int
    too_small: int


def height(samples: Sequence[float | None], threshold: float) -> Height:
    """Return how samples stand to a threshold. `samples` end with LATE_SAMPLES more than the duration has."""
    window = list(samples[1:] if samples and samples[-1] is not None else samples[:-1])
    there = [value for value in window if value is not None]
    if not there or min(there) <= threshold:
        return Height.BELOW
    return Height.ABOVE if len(there) == len(window) else Height.GAP


def choose(
    source: HostLoad, vms: Sequence[VmLoad], hosts: Sequence[HostLoad], limits: Limits
) -> Choice | NoChoice:
    """Return the move that brings the host below its thresholds with the least memory to copy.

    Where none alone does, the one that relieves it most; NoChoice when none is of use.
    """
    free = [vm for vm in vms if not vm.why_not]
    useful = [vm for vm in free if _relief(source, vm, limits) >= LEAST_RELIEF]
    ranked = sorted(useful, key=lambda vm: _rank(source, vm, limits))
    targets = [host for host in hosts if _may_take(host, source)]
    for vm in ranked:
        if (target := _target(vm, targets, limits)) is not None:
            after = source.without(vm)
            return Choice(vm, target, target.with_vm(vm), after, _is_below(after, limits))
    reasons = tuple(sorted({vm.why_not for vm in vms if vm.why_not}))
    return NoChoice(len(vms) - len(free), reasons, len(useful), len(free) - len(useful))


def _rank(source: HostLoad, vm: VmLoad, limits: Limits) -> tuple[bool, float, float, str]:
    """Those that are enough come first, the smallest first; of the others those that relieve most."""
    enough = _is_below(source.without(vm), limits)
    relief = _relief(source, vm, limits)
    return not enough, vm.to_copy_mib if enough else -relief, -relief, vm.id


def _relief(source: HostLoad, vm: VmLoad, limits: Limits) -> float:
    """Return the percentage points that a host gains where it is above its threshold."""
    cpu = vm.cpu_on(source) if source.cpu > limits.cpu_percent else 0.0
    memory = vm.memory_on(source) if source.memory > limits.memory_percent else 0.0
    return max(cpu, memory)


def _is_below(host: HostLoad, limits: Limits) -> bool:
    return host.cpu <= limits.cpu_percent and host.memory <= limits.memory_percent


def _may_take(host: HostLoad, source: HostLoad) -> bool:
    return host.open and host.quiet and host.kin == source.kin and host.id != source.id


def _target(vm: VmLoad, hosts: Sequence[HostLoad], limits: Limits) -> HostLoad | None:
    """Return the host that stays least loaded with the VM, and below its thresholds by the margin."""
    able = [host for host in hosts if host.fits(vm) and host.with_vm(vm).stays_below(limits)]
    return min(able, key=lambda host: (_level(host.with_vm(vm)), host.name, host.id), default=None)


def _level(host: HostLoad) -> float:
    return max(host.cpu, host.memory)
