"""The control groups of a pretend host, on machines with version 2, version 1 or both."""

from __future__ import annotations

import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
CONTROLLERS = ("cpu", "memory", "io", "pids")


def version1() -> list[str]:
    """Controllers that only version 1 offers here and that QEMU's CPU limits need."""
    return [name for name in ("cpu", "cpuacct") if (CGROUP / name / "cgroup.procs").exists()]


def _parents() -> list[Path]:
    unified = CGROUP if (CGROUP / "cgroup.controllers").exists() else CGROUP / "unified"
    return [unified, *(CGROUP / name for name in version1())]


def make(name: str) -> list[Path]:
    """Make the group in every hierarchy and return its ``cgroup.procs`` files, which a process joins by its PID."""
    _offer_controllers(_parents()[0])
    for parent in _parents():
        (parent / name).mkdir(exist_ok=True)
    return [parent / name / "cgroup.procs" for parent in _parents()]


def _offer_controllers(unified: Path) -> None:
    """Let groups below the top use version 2's controllers, where the machine has them under version 2."""
    there = (unified / "cgroup.controllers").read_text().split()
    wanted = [f"+{name}" for name in CONTROLLERS if name in there]
    if wanted:
        (unified / "cgroup.subtree_control").write_text(" ".join(wanted))


def remove(name: str) -> None:
    """Remove the group and what was made below it; all processes in it must have ended."""
    for parent in _parents():
        for directory, _, _ in os.walk(parent / name, topdown=False):
            os.rmdir(directory)


def processes(name: str) -> list[int]:
    """PIDs in the group itself (not below it), as the machine sees them."""
    file = _parents()[0] / name / "cgroup.procs"
    return [int(pid) for pid in file.read_text().split()] if file.exists() else []


def kill(name: str) -> None:
    """End every process in the group and below it at once."""
    file = _parents()[0] / name / "cgroup.kill"
    if file.exists():
        file.write_text("1")


def populated(name: str) -> bool:
    """Whether any process is left in the group or below it."""
    file = _parents()[0] / name / "cgroup.events"
    return file.exists() and "populated 1" in file.read_text()
