"""An instance of a test's own, which may be killed and taken down without disturbing the shared one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from onebox import instance
from onebox.instance import Instance
from onebox.shell import run

from tests.steady_network import changing_network

ONEBOX = instance.ROOT / "docker" / "onebox"


def onebox_command(found: Instance, *args: str) -> list[str]:
    return [
        sys.executable,
        str(ONEBOX),
        args[0],
        "--instance",
        found.name,
        "--var",
        str(found.var),
        *args[1:],
    ]


def left_on_the_machine(found: Instance) -> list[str]:
    """Mounts, namespaces, interfaces, control groups, firewall rules and processes of the instance."""
    mounts = [
        line.split()[4]
        for line in Path("/proc/self/mountinfo").read_text().splitlines()
        if f" {found.var}/" in line or f" {found.runtime}/" in line
    ]
    names = {path.name for path in Path("/run/netns").glob("*")}
    namespaces = [f"namespace {name}" for name in names if _belongs(name, found.namespace)]
    links = [found.veth] if Path("/sys/class/net", found.veth).exists() else []
    groups = [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/scloud-{found.slot}-*")]
    tables = run(["nft", "list", "tables"]).stdout.splitlines()
    rules = [table for table in tables if table.split()[-1] == found.veth]
    return [*mounts, *namespaces, *links, *groups, *rules, *processes_below(found.var)]


def _belongs(name: str, namespace: str) -> bool:
    """The instance's own name space, and those of the networks outside."""
    return name == namespace or name.startswith(f"{namespace}-")


def processes_below(directory: Path) -> list[str]:
    """Processes that work in the directory or name it on their command line (this test's own aside)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            inside = str(entry.joinpath("cwd").readlink()).startswith(str(directory))
        except OSError:
            continue
        if inside or (str(directory) in line and "pytest" not in line):
            found.append(f"process {entry.name}: {line}")
    return found


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Instance]:
    """An instance of its own that nothing was done with yet; taken down at the end."""
    with changing_network():
        found = instance.find("test", tmp_path / "var")
        yield found
        run(onebox_command(found, "down"))
        instance.release(found)
