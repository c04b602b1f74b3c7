"""Instances share one machine: nothing of theirs may meet, and what is wrong is said before anything is touched."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from onebox import instance, pidfile, ports
from onebox.instance import Instance
from onebox.shell import OneboxError

ONEBOX = instance.ROOT / "docker" / "onebox"


@pytest.fixture
def find(tmp_path: Path) -> Iterator[Callable[[str], Instance]]:
    """Finds the instance of a directory below the test's own; slots are given back at the end."""
    yield lambda name: instance.find("test", tmp_path / name)
    for link in instance.SLOTS.iterdir():
        if link.readlink().is_relative_to(tmp_path):
            link.unlink()


def test_every_interface_name_fits_the_kernels_limit_of_fifteen() -> None:
    for slot in range(instance.LAST_SLOT + 1):
        assert len(Instance("run", Path("var"), slot).veth) <= 15


def test_no_two_slots_share_a_network_or_a_port() -> None:
    slots = [Instance("test", Path("nowhere"), slot) for slot in range(instance.LAST_SLOT + 1)]
    networks = [address for each in slots for address in (each.management_ip(1), each.underlay_ip(1))]
    used = [
        port
        for each in slots
        for port in (each.postgres_port, each.redis_port, each.web_port, each.console_port)
    ]
    assert len(set(networks)) == len(networks)
    assert len(set(used)) == len(used)


def test_two_directories_get_two_slots_and_keep_them(find: Callable[[str], Instance]) -> None:
    first, second = find("a"), find("b")
    assert first.slot != second.slot
    assert find("a").slot == first.slot


def test_a_lost_slot_file_does_not_lose_the_slot(find: Callable[[str], Instance]) -> None:
    found = find("a")
    (found.var / "slot").unlink()
    assert find("a").slot == found.slot


def test_the_slot_of_a_deleted_checkout_is_given_out_again(find: Callable[[str], Instance]) -> None:
    gone = find("gone")
    (gone.var / "slot").unlink()
    gone.var.rmdir()
    assert find("next").slot <= gone.slot


def test_a_pid_that_another_process_has_now_is_not_taken_for_ours(tmp_path: Path) -> None:
    file = pidfile.PidFile(tmp_path / "x.pid")
    file.record(os.getpid())
    assert file.pid() == os.getpid()
    pid, started = file.path.read_text().split()
    file.path.write_text(f"{pid} {started}1\n")
    assert file.pid() is None


def test_stopping_ends_the_process_and_only_then_returns(tmp_path: Path) -> None:
    child = subprocess.Popen(["sleep", "60"])
    file = pidfile.PidFile(tmp_path / "x.pid")
    file.record(child.pid)
    assert file.stop() is True
    assert child.wait(0) != 0
    assert file.stop() is False


def test_a_taken_port_is_named_together_with_the_way_to_choose_another() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OneboxError, match=rf"port {port} for the web pages .* SCLOUD_WEB_PORT=PORT"):
            ports.require_free(port, "the web pages", variable="SCLOUD_WEB_PORT")


def test_a_port_that_is_no_number_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCLOUD_WEB_PORT", "http")
    with pytest.raises(OneboxError, match="SCLOUD_WEB_PORT='http' is not a port number"):
        _ = Instance("run", tmp_path, 0).web_port


def test_a_chosen_port_is_kept_for_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCLOUD_WEB_PORT", raising=False)
    (tmp_path / "env").write_text("SCLOUD_WEB_PORT=8123\n")
    assert Instance("run", tmp_path, 0).web_port == 8123


def test_without_root_it_says_so_and_stops(tmp_path: Path) -> None:
    copy = tmp_path / "docker"
    subprocess.run(["cp", "-r", str(ONEBOX.parent), str(copy)], check=True)
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent != Path("/tmp") and str(parent).startswith("/tmp/"):
            parent.chmod(0o755)
    command = [
        "setpriv",
        "--reuid",
        "nobody",
        "--clear-groups",
        "/usr/bin/python3",
        str(copy / "onebox"),
        "up",
    ]
    done = subprocess.run(
        [*command, "--var", str(tmp_path / "v")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "must run as root" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_host_is_answered_with_the_known_ones(find: Callable[[str], Instance]) -> None:
    command = [sys.executable, str(ONEBOX), "exec", "--instance", "test", "--var", str(find("v").var)]
    done = subprocess.run([*command, "nohost", "true"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no host is named 'nohost'; hosts: central, host-1, host-2" in done.stderr
