"""What judging and planning go by: hosts, VMs and limits as plain values, without Django or a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

MIB = 1 << 20
#: What counts as evenly loaded: vCPUs reserved, memory reserved, CPU measured; each from 0 to 1.
Shares = tuple[float, float, float]


@dataclass(frozen=True)
class Limits:
    """The rules of a cluster: thresholds in percent, and by how much a target stays below its own."""

    cpu_percent: int = 85
    memory_percent: int = 90
    margin: int = 10


@dataclass(frozen=True)
class HostLoad:
    """One host. `kin`: VMs can move between hosts of the same. cpu and memory: measured, in percent.

    open: it takes VMs; quiet: no migration and no task of it is open, so that VMs may leave.
    """

    id: str
    name: str
    kin: str
    threads: int
    memory_mib: int
    vcpu_capacity: int
    vcpu_reserved: int
    memory_capacity_mib: int
    memory_reserved_mib: int
    cpu: float
    memory: float
    open: bool = True
    quiet: bool = True

    @property
    def shares(self) -> Shares:
        """Return what counts as evenly loaded."""
        return (
            self.vcpu_reserved / max(self.vcpu_capacity, 1),
            self.memory_reserved_mib / max(self.memory_capacity_mib, 1),
            self.cpu / 100,
        )

    def fits(self, vm: VmLoad) -> bool:
        """Whether it has room for the VM, by what is reserved."""
        return (
            self.vcpu_reserved + vm.vcpu <= self.vcpu_capacity
            and self.memory_reserved_mib + vm.memory_mib <= self.memory_capacity_mib
        )

    def with_vm(self, vm: VmLoad, sign: int = 1) -> HostLoad:
        """Return it as it is expected to be with the VM, or (sign -1) without."""
        return replace(
            self,
            vcpu_reserved=self.vcpu_reserved + sign * vm.vcpu,
            memory_reserved_mib=self.memory_reserved_mib + sign * vm.memory_mib,
            cpu=self.cpu + sign * vm.cpu_on(self),
            memory=self.memory + sign * vm.memory_on(self),
        )

    def without(self, vm: VmLoad) -> HostLoad:
        """Return it as it is expected to be without the VM."""
        return self.with_vm(vm, -1)

    def stays_below(self, limits: Limits) -> bool:
        """Whether what is measured is below the thresholds by the margin: what a target must be."""
        return (
            self.cpu <= limits.cpu_percent - limits.margin
            and self.memory <= limits.memory_percent - limits.margin
        )


@dataclass(frozen=True)
class VmLoad:
    """One VM. cpu: percent of its vCPUs; used_mib: memory it uses, measured; its size where that is unknown.

    why_not: why it may not move, "" when it may.
    """

    id: str
    name: str
    host: str
    vcpu: int
    memory_mib: int
    cpu: float
    used_mib: int
    on: bool = True
    why_not: str = ""

    def cpu_on(self, host: HostLoad) -> float:
        """Return its share of a host's CPU, in percentage points."""
        return self.cpu * self.vcpu / max(host.threads, 1)

    def memory_on(self, host: HostLoad) -> float:
        """Return its share of a host's memory, in percentage points."""
        return 100 * self.used_mib / max(host.memory_mib, 1) if self.on else 0.0

    @property
    def to_copy_mib(self) -> int:
        """Memory that a migration copies: how much it disturbs."""
        return self.memory_mib if self.on else 0


def unevenness(hosts: Sequence[HostLoad]) -> float:
    """Return how unevenly hosts are loaded: the sum of the squares of their shares. Less is more even."""
    return sum(squares(host) for host in hosts)


def squares(host: HostLoad) -> float:
    """Return what one host adds to the unevenness."""
    return sum(share * share for share in host.shares)
