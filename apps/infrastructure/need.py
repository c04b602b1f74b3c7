"""The room one VM takes on a host."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Need:
    """vCPUs, and memory in MiB."""

    vcpu: int
    memory_mib: int

    def larger(self, other: Need) -> Need:
        """Return the larger of both in each."""
        return Need(max(self.vcpu, other.vcpu), max(self.memory_mib, other.memory_mib))

    def beyond(self, other: Need) -> Need:
        """Return what this takes more than another, in each."""
        return Need(max(self.vcpu - other.vcpu, 0), max(self.memory_mib - other.memory_mib, 0))
