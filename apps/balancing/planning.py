"""Evening out a cluster: which VMs should move where. Pure: the same input gives the same plan.

A host either gives VMs or takes some, never both. So no move waits for another one, each can be left out, and what is
left of the plan still makes the cluster more even: what a host gives counts for more, and what one takes for less, the
fewer moves there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from apps.balancing.loads import HostLoad, Limits, Shares, VmLoad, squares

#: A plan has so many moves at most: for more, plan again once it is carried out.
MOST_MOVES = 100
#: A host gives VMs only while one of its shares is further above the mean than this.
TOLERANCE = 0.05
#: A move that makes the cluster more even by less than this is left out.
LEAST_GAIN = 0.002
#: So many of the least loaded hosts are tried for a VM.
TARGETS = 12
#: A stopped VM has nothing to copy, but is work too.
STOPPED_MIB = 256
MEASURES = ("vcpu", "memory", "cpu")


@dataclass(frozen=True)
class Move:
    """A VM, the hosts it goes from and to, and why: what is uneven between them, in percent of each host."""

    vm: VmLoad
    source: str
    target: str
    measure: str
    source_percent: float
    target_percent: float


@dataclass(frozen=True)
class Plan:
    """Moves, in the order in which they help most, and the hosts before and after all of them, by id."""

    moves: tuple[Move, ...]
    before: Mapping[str, HostLoad]
    after: Mapping[str, HostLoad]

    @property
    def touched(self) -> list[tuple[HostLoad, HostLoad]]:
        """Return the hosts that give or take VMs, before and after, by name."""
        ids = {move.source for move in self.moves} | {move.target for move in self.moves}
        pairs = [(self.before[id_], self.after[id_]) for id_ in ids]
        return sorted(pairs, key=lambda pair: (pair[0].name, pair[0].id))


def plan(hosts: Sequence[HostLoad], vms: Sequence[VmLoad], limits: Limits, most: int = MOST_MOVES) -> Plan:
    """Return the moves that even the hosts out, with little memory to copy; none when they are even enough."""
    by_host: dict[str, list[VmLoad]] = {}
    for vm in sorted(vms, key=lambda vm: vm.id):
        if not vm.why_not:
            by_host.setdefault(vm.host, []).append(vm)
    ordered = sorted(hosts, key=lambda host: (host.kin, host.id))
    state = {host.id: host for host in ordered}
    moves: list[Move] = []
    for _kin, members in groupby(ordered, key=lambda host: host.kin):
        _Evening(list(members), by_host, state, limits).carry_on(moves, most)
    return Plan(tuple(moves), {host.id: host for host in ordered}, state)


class _Evening:
    """The hosts of one kin while their plan is made."""

    def __init__(
        self,
        hosts: Sequence[HostLoad],
        vms: Mapping[str, Sequence[VmLoad]],
        state: dict[str, HostLoad],
        limits: Limits,
    ) -> None:
        self.state, self.limits = state, limits
        self.mean = mean_of(hosts)
        giving = [host for host in hosts if host.quiet and self._above(host) > TOLERANCE]
        self.sources = {host.id: list(vms.get(host.id, ())) for host in giving}
        self.targets = [h.id for h in hosts if h.open and h.quiet and h.id not in self.sources]

    def carry_on(self, moves: list[Move], most: int) -> None:
        """Add moves, from the most loaded host each, until none helps or there are `most`."""
        while self.sources and len(moves) < most:
            hottest = max(self.sources, key=lambda id_: (self._above(self.state[id_]), id_))
            found = self._best(hottest) if self._above(self.state[hottest]) > TOLERANCE else None
            if found is None:
                del self.sources[hottest]
                continue
            moves.append(found)
            self.sources[hottest].remove(found.vm)
            self.state[hottest] = self.state[hottest].without(found.vm)
            self.state[found.target] = self.state[found.target].with_vm(found.vm)

    def _best(self, source_id: str) -> Move | None:
        """Return the move off a host that helps most for the memory it copies."""
        source = self.state[source_id]
        targets = sorted(self.targets, key=lambda id_: (squares(self.state[id_]), id_))[:TARGETS]
        best: tuple[float, VmLoad, HostLoad] | None = None
        for vm in self.sources[source_id]:
            given = squares(source) - squares(source.without(vm))
            for target in (self.state[id_] for id_ in targets):
                gain = given - (squares(target.with_vm(vm)) - squares(target))
                worth = gain / max(vm.to_copy_mib, STOPPED_MIB)
                if gain < LEAST_GAIN or (best is not None and worth <= best[0]):
                    continue
                if target.fits(vm) and target.with_vm(vm).stays_below(self.limits):
                    best = worth, vm, target
        return _move(best[1], source, best[2]) if best is not None else None

    def _above(self, host: HostLoad) -> float:
        return max(share - mean for share, mean in zip(host.shares, self.mean, strict=True))


def mean_of(hosts: Sequence[HostLoad]) -> Shares:
    """Return the mean of each share."""
    count = max(len(hosts), 1)
    vcpu, memory, cpu = (sum(values) / count for values in zip(*(h.shares for h in hosts), strict=True))
    return vcpu, memory, cpu


def _move(vm: VmLoad, source: HostLoad, target: HostLoad) -> Move:
    pairs = list(zip(source.shares, target.shares, strict=True))
    widest = max(range(len(pairs)), key=lambda n: pairs[n][0] - pairs[n][1])
    here, there = pairs[widest]
    return Move(vm, source.id, target.id, MEASURES[widest], 100 * here, 100 * there)


def objections(
    hosts: Mapping[str, HostLoad], vms: Mapping[str, VmLoad], wanted: Sequence[Wanted], limits: Limits
) -> list[Objection]:
    """Return why moves that were planned do not hold any more, in their order; none when all of them do.

    What hosts give is not counted for those that take: a move must not wait for another one.
    """
    found: list[Objection] = []
    now = dict(hosts)
    giving = {move.source for move in wanted}
    for move in wanted:
        vm, source, target = vms.get(move.vm), now.get(move.source), now.get(move.target)
        why = "host" if move.target in giving else _why_not(vm, source, target, move, limits)
        if why:
            found.append(Objection(move, why))
        elif vm is not None and source is not None and target is not None:
            now[source.id], now[target.id] = source.without(vm), target.with_vm(vm)
    return found


@dataclass(frozen=True)
class Wanted:
    """A move that was chosen from a plan: ids of a VM and two hosts."""

    vm: str
    source: str
    target: str


@dataclass(frozen=True)
class Objection:
    """A move that does not hold any more.

    why: "vm_gone", "vm_elsewhere", "vm_fixed", "host", "room", "hot" or "uneven".
    """

    move: Wanted
    why: str


def _why_not(
    vm: VmLoad | None, source: HostLoad | None, target: HostLoad | None, move: Wanted, limits: Limits
) -> str:
    if vm is None:
        return "vm_gone"
    if source is None or vm.host != move.source:
        return "vm_elsewhere"
    if vm.why_not:
        return "vm_fixed"
    if target is None or target.kin != source.kin or not (target.open and target.quiet and source.quiet):
        return "host"
    return _why_not_there(vm, source, target, limits)


def _why_not_there(vm: VmLoad, source: HostLoad, target: HostLoad, limits: Limits) -> str:
    after = target.with_vm(vm)
    if not target.fits(vm):
        return "room"
    if not after.stays_below(limits):
        return "hot"
    gain = squares(source) - squares(source.without(vm)) - (squares(after) - squares(target))
    return "" if gain > 0 else "uneven"
