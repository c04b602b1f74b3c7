"""Moving VMs off hosts that stay overloaded: judged once a minute, at a constant number of queries.

| a host | then |
| --- | --- |
| every sample of the duration is above a threshold | a VM is chosen (`judging.py`) and its migration requested |
| some samples are missing | it does not count as overloaded, and the log says so |
| a host of its cluster fails or has a task (drain, fencing), or a migration of it is open | nothing moves |
| its cluster has had its moves of this hour | nothing moves |
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from apps.balancing.decisions import note, noted_moves
from apps.balancing.judging import LATE_SAMPLES, Choice, Height, choose, height
from apps.balancing.loads import MIB, HostLoad, Limits, VmLoad
from apps.balancing.models import BalancingPolicy, Outcome
from apps.balancing.snapshot import HostRow, read_hosts, read_vms
from apps.compute.models import Vm
from apps.compute.services.migration import migrate_vm
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.errors import Refused
from apps.metrics.active_store import store
from apps.metrics.store import STEP

log = logging.getLogger(__name__)

#: What was judged less than this ago is left to the next round.
EVERY = timedelta(seconds=50)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Overload:
    """A host above a threshold: for the whole duration, or (gap) as far as was measured."""

    row: HostRow
    measure: str
    gap: bool
    missing: int
    samples: int


def limits_of(rules: BalancingPolicy) -> Limits:
    """Return the rules as judging and planning want them."""
    return Limits(rules.cpu_percent, rules.memory_percent, rules.margin)


def relieve_hosts() -> None:
    """Judge the hosts of all clusters that want it, and request what follows."""
    policies = {rules.pk: rules for rules in _due()}
    if not policies:
        return
    rows = read_hosts(policies)
    found = _overloaded(rows, policies)
    hosts = [UUID(each.row.load.id) for each in found if not each.gap]
    vms: dict[str, list[VmLoad]] = {}
    for vm in read_vms(Q(host_id__in=hosts), policies) if hosts else ():
        vms.setdefault(vm.host, []).append(vm)
    held = Counter(row.cluster for row in rows if row.failing or row.busy)
    left = {pk: rules.moves_per_hour - noted for pk, rules, noted in _with_moves(policies)}
    now = {row.load.id: row.load for row in rows}
    for each in found:
        _act(each, policies[each.row.cluster], vms.get(each.row.load.id, []), now, held, left)


def _due() -> list[BalancingPolicy]:
    """Return the rules that are to be applied now, each to one worker only."""
    due = Q(judged_at__isnull=True) | Q(judged_at__lt=Now() - EVERY)
    with transaction.atomic():
        rows = BalancingPolicy.objects.filter(due, enabled=True).select_for_update(skip_locked=True)
        policies = list(rows.order_by("pk"))
        BalancingPolicy.objects.filter(pk__in=[rules.pk for rules in policies]).update(judged_at=Now())
    return policies


def _with_moves(policies: dict[int, BalancingPolicy]) -> list[tuple[int, BalancingPolicy, int]]:
    noted = noted_moves(policies, timezone.now() - HOUR)
    return [(pk, rules, noted.get(pk, 0)) for pk, rules in policies.items()]


def _overloaded(rows: Sequence[HostRow], policies: dict[int, BalancingPolicy]) -> list[Overload]:
    """Return the hosts above a threshold, the highest first. Samples are read of those that are above it now."""
    hot = [row for row in rows if _is_above_now(row.load, limits_of(policies[row.cluster]))]
    if not hot:
        return []
    keys = [row.load.id for row in hot]
    longest = timedelta(minutes=max(policies[row.cluster].minutes for row in hot)) + LATE_SAMPLES * STEP
    cpu = store().trends(keys, "cpu_percent", longest, STEP)
    memory = store().trends(keys, "memory_bytes", longest, STEP)
    found = []
    for row in sorted(hot, key=lambda row: (-max(row.load.cpu, row.load.memory), row.load.id)):
        shares = [_percent(value, row.load) for value in memory.get(row.load.id, [])]
        judged = _judge(row, cpu.get(row.load.id, []), shares, policies[row.cluster])
        if judged is not None:
            found.append(judged)
    return found


def _judge(
    row: HostRow, cpu: Sequence[float | None], memory: Sequence[float | None], rules: BalancingPolicy
) -> Overload | None:
    steps = timedelta(minutes=rules.minutes) // STEP + LATE_SAMPLES
    heights = {}
    for measure, samples, threshold, present in (
        ("cpu", cpu, rules.cpu_percent, row.load.cpu),
        ("memory", memory, rules.memory_percent, row.load.memory),
    ):
        if present > threshold:
            heights[measure] = height(samples[-steps:], threshold), samples[-steps:]
    for wanted in (Height.ABOVE, Height.GAP):
        for measure, (found, samples) in heights.items():
            if found is wanted:
                missing = sum(value is None for value in samples[:-LATE_SAMPLES])
                return Overload(row, measure, found is Height.GAP, missing, steps - LATE_SAMPLES)
    return None


def _is_above_now(host: HostLoad, limits: Limits) -> bool:
    return host.cpu > limits.cpu_percent or host.memory > limits.memory_percent


def _percent(value: float | None, host: HostLoad) -> float | None:
    return None if value is None or not host.memory_mib else 100 * value / (host.memory_mib * MIB)


def _act(
    found: Overload,
    rules: BalancingPolicy,
    vms: Sequence[VmLoad],
    now: dict[str, HostLoad],
    held: Counter[int],
    left: dict[int, int],
) -> None:
    """Do what follows for one host, and write it down. now: the hosts, as they will be after this round's moves."""
    source = now[found.row.load.id]
    values = _figures(found, rules)
    if found.gap:
        note(rules, source, Outcome.GAP, {**values, "missing": found.missing, "samples": found.samples})
    elif held[rules.pk]:
        note(rules, source, Outcome.HELD, {**values, "hosts": held[rules.pk]})
    elif not source.quiet:
        return  # a migration of it is open: what it comes to is judged once it is over
    elif left[rules.pk] <= 0:
        note(rules, source, Outcome.LIMIT, {**values, "moves": rules.moves_per_hour})
    else:
        chosen = choose(source, vms, list(now.values()), limits_of(rules))
        if not isinstance(chosen, Choice):
            about = {
                "fixed": chosen.fixed,
                "reasons": list(chosen.reasons),
                "without_target": chosen.without_target,
                "too_small": chosen.too_small,
            }
            note(rules, source, Outcome.NO_MOVE, {**values, **about})
        elif _request(rules, source, chosen, values):
            left[rules.pk] -= 1
            for host in (chosen.target, source):
                now[host.id] = HostLoad(**{**vars(now[host.id]), "quiet": False})


def _figures(found: Overload, rules: BalancingPolicy) -> dict[str, object]:
    cpu = found.measure == "cpu"
    load = found.row.load
    return {
        "host": load.name,
        "measure": found.measure,
        "percent": round(load.cpu if cpu else load.memory),
        "threshold": rules.cpu_percent if cpu else rules.memory_percent,
        "minutes": rules.minutes,
    }


def _request(rules: BalancingPolicy, source: HostLoad, chosen: Choice, values: dict[str, object]) -> bool:
    """Request the migration with the line about it, in one transaction; False when it is refused."""
    cpu = values["measure"] == "cpu"
    target, after, left = chosen.target, chosen.after, chosen.source_after
    about = {
        **values,
        "vm": chosen.vm.name,
        "memory_mib": chosen.vm.memory_mib,
        "target": target.name,
        "before": round(target.cpu if cpu else target.memory),
        "after": round(after.cpu if cpu else after.memory),
        "left": round(left.cpu if cpu else left.memory),
        "enough": chosen.enough,
    }
    vm = Vm.objects.filter(pk=chosen.vm.id).first()
    if vm is None:
        return False
    try:
        with transaction.atomic():
            operation = migrate_vm(SYSTEM, vm, host=target.id, from_host=source.id)
            note(rules, source, Outcome.MOVED, about, vm=vm, target=target, operation=operation)
    except Refused as refusal:
        note(rules, source, Outcome.REFUSED, {**about, "why": refusal.message}, vm=vm, target=target)
        return False
    return True
