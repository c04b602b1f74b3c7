"""How drivers and agent start processes: in one place, with limits."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from apps.drivers.tools import UNPRIVILEGED_ID, Limits, run
from tests.drivers.contracts.fabric import refused

pytestmark = pytest.mark.requirement("SE-10")

ROOT = Path(__file__).parents[2] / "apps"
RUNNER = ROOT / "drivers" / "tools.py"
#: What starts a process, by the module that offers it; None is all of it.
STARTERS: dict[str, set[str] | None] = {
    "subprocess": None,
    "pty": None,
    "multiprocessing": None,
    "commands": None,
    "_posixsubprocess": None,
    "os": {"system", "popen", "fork", "forkpty", "posix_spawn", "posix_spawnp"},
    "asyncio": {"create_subprocess_exec", "create_subprocess_shell", "subprocess"},
}
PREFIXES = ("exec", "spawn")


def starts_of(tree: ast.AST) -> list[str]:
    """Return the names by which a module could start a process."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [
                alias.name for alias in node.names if STARTERS.get(alias.name.split(".")[0], ()) is None
            ]
        elif isinstance(node, ast.ImportFrom):
            found += [f"{node.module}.{a.name}" for a in node.names if _starts(node.module or "", a.name)]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found += [f"{node.value.id}.{node.attr}"] if _starts(node.value.id, node.attr) else []
    return found


def _starts(module: str, name: str) -> bool:
    offered = STARTERS.get(module.split(".", maxsplit=1)[0], set())
    return offered is None or name in offered or (module == "os" and name.startswith(PREFIXES))


@pytest.mark.parametrize("folder", ["drivers", "agent"])
def test_no_process_is_started_but_by_the_one_helper(folder: str) -> None:
    files = [path for path in (ROOT / folder).rglob("*.py") if path != RUNNER]
    assert len(files) > 5
    found = {str(path): starts for path in files if (starts := starts_of(ast.parse(path.read_text())))}
    assert found == {}


def test_the_look_for_processes_sees_each_way_to_start_one() -> None:
    for way in (
        "import subprocess",
        "from subprocess import run",
        "import os\nos.system('x')",
        "from os import popen",
        "import os\nos.execvp('x', [])",
        "import os\nos.spawnl(0, 'x')",
        "import asyncio\nasyncio.create_subprocess_exec('x')",
        "import multiprocessing.pool",
    ):
        assert starts_of(ast.parse(way)), way
    assert starts_of(ast.parse(RUNNER.read_text()))


def test_a_tool_has_a_deadline_and_its_end_is_waited_for() -> None:
    with refused("driver.tool_timeout"):
        run("sleep", "60", limits=Limits(seconds=0.5))


@pytest.mark.parametrize("user", [None, UNPRIVILEGED_ID])
def test_a_tool_that_is_not_installed_is_said_to_be(user: int | None) -> None:
    with refused("driver.tool_missing"):
        run("no-such-tool", limits=Limits(), user=user)


def test_a_tool_gets_no_shell_no_settings_of_the_agent_and_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_AGENT", "do-not-show-this")
    done = run("env", limits=Limits())
    assert "do-not-show-this" not in done.output
    assert run("echo", "$HOME; id", limits=Limits()).output == "$HOME; id\n"
    limits = run("cat", "/proc/self/limits", limits=Limits(cpu_seconds=7, file_bytes=4096)).output
    assert "Max cpu time              7  " in limits
    assert "Max file size             4096 " in limits
    assert run("nice", limits=Limits()).output.strip() == "10"
