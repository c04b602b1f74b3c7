"""The room one VM takes on a host."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Need:
    """vCPUs, and memory in MiB."""

    vcpu: int
    memory_mib: int
