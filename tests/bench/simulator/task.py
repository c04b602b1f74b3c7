"""What a process of simulated hosts is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from apps.drivers.specs import ImageSpec, VmSpec


@dataclass(frozen=True)
class HostPart:
    """A host: its name, its seal key, and the VMs that run there from the start."""

    name: str
    key: str
    vms: list[VmSpec] = field(default_factory=list)


@dataclass(frozen=True)
class Task:
    """All hosts of one process. `state` is a directory for the fences."""

    redis_url: str
    state: str
    images: list[ImageSpec]
    hosts: list[HostPart]


def write(path: Path, task: Task) -> None:
    """Leave a task in a file."""
    path.write_bytes(msgspec.msgpack.encode(task))


def read(path: Path) -> Task:
    """Return the task of a file."""
    return msgspec.msgpack.decode(path.read_bytes(), type=Task)
