"""The control plane's processes are found and ended whatever became of the ``up`` that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from onebox import processes
from onebox.instance import Instance
from onebox.processes import Process
from onebox.shell import OneboxError, wait_until

SLEEPER = "import sys, time; print('ready to go', flush=True); time.sleep(600)"


@pytest.fixture
def somewhere(tmp_path: Path) -> Instance:
    return Instance("test", tmp_path, 99)


@pytest.fixture
def sleeper(somewhere: Instance) -> Iterator[Process]:
    process = Process(f"sleeper-{uuid.uuid4().hex[:8]}", ("-c", SLEEPER), says="ready to go")
    yield process
    processes.stop(somewhere, process.name)


def test_a_process_runs_once_however_often_it_is_started(somewhere: Instance, sleeper: Process) -> None:
    processes.start(somewhere, sleeper)
    first = processes.pid(somewhere, sleeper.name)
    processes.start(somewhere, sleeper)
    assert first is not None
    assert processes.pid(somewhere, sleeper.name) == first


def test_a_process_of_another_instance_is_not_ours(
    somewhere: Instance, sleeper: Process, tmp_path: Path
) -> None:
    processes.start(somewhere, sleeper)
    assert processes.pid(Instance("test", tmp_path / "other", 98), sleeper.name) is None


def test_one_that_ends_at_once_is_reported_with_the_end_of_its_log(somewhere: Instance) -> None:
    broken = Process("broken", ("-c", "raise SystemExit('the database is on holiday')"), says="never")
    with pytest.raises(OneboxError, match=r"(?s)broken exited with status 1.*the database is on holiday"):
        processes.start(somewhere, broken)


def test_stopping_also_ends_the_children(somewhere: Instance) -> None:
    code = (
        "import subprocess, sys, signal; signal.signal(signal.SIGTERM, lambda *_: sys.exit())\n"
        "child = subprocess.Popen(['sleep', '600']); print('child', child.pid, flush=True); signal.pause()"
    )
    parent = Process(f"parent-{uuid.uuid4().hex[:8]}", ("-c", code), says="child")
    processes.start(somewhere, parent)
    child = int(processes.log(somewhere, parent).read_text().split()[1])
    processes.stop(somewhere, parent.name)
    assert processes.pid(somewhere, parent.name) is None
    wait_until(lambda: not alive(child), "end of the child", seconds=60)


def test_one_whose_starter_was_killed_is_found_and_stopped(somewhere: Instance, sleeper: Process) -> None:
    code = f"""
import sys; sys.path.insert(0, {str(Path(processes.__file__).parent.parent)!r})
from pathlib import Path
from onebox import processes
from onebox.instance import Instance
sleeper = processes.Process({sleeper.name!r}, ("-c", {SLEEPER!r}), says="never")
processes.start(Instance("test", Path({str(somewhere.var)!r}), 99), sleeper)
"""
    starter = subprocess.Popen([sys.executable, "-c", code])
    wait_until(lambda: processes.pid(somewhere, sleeper.name), "the process to start", seconds=80)
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    assert processes.pid(somewhere, sleeper.name) is not None
    processes.stop(somewhere, sleeper.name)
    assert processes.pid(somewhere, sleeper.name) is None


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_start_after_a_change_of_settings_replaces_the_process(
    somewhere: Instance, sleeper: Process
) -> None:
    processes.start(somewhere, sleeper)
    first = processes.pid(somewhere, sleeper.name)
    somewhere.env_file.write_text("SCLOUD_LOG_LEVEL=DEBUG\n")
    processes.start(somewhere, sleeper)
    second = processes.pid(somewhere, sleeper.name)
    assert second not in (None, first)
    assert first is not None
    assert not alive(first)
