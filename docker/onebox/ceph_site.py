"""The Ceph site: the machine room of a storage cluster, in namespaces of its own, on the instance's management network.

Killing its first process is a power cut: the kernel ends all daemons at once, and nothing is flushed.
"""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onebox import ceph_config, ceph_tree, mounts, network
from onebox.instance import Instance
from onebox.pidfile import PidFile, start_time
from onebox.shell import OneboxError, run, wait_until

NAME = "ceph"
NUMBER = 9
"""Where hosts count up from 0."""
INIT = Path(__file__).with_name("ceph-init")
NICS = {"management": "mgmt0"}


@dataclass(frozen=True)
class CephSite:
    """The site of an instance."""

    instance: Instance

    @property
    def directory(self) -> Path:
        return self.instance.var / "hosts" / NAME

    @property
    def root(self) -> Path:
        """The site's file system as the machine sees it, while it is up."""
        return self.directory / "root"

    @property
    def data(self) -> Path:
        """What the daemons keep."""
        return self.directory / "data"

    @property
    def address(self) -> str:
        return self.instance.ceph_ip

    @property
    def monitor(self) -> str:
        """The monitor's address and port."""
        return f"{self.address}:{ceph_config.PORT}"

    @property
    def pidfile(self) -> PidFile:
        return PidFile(self.instance.pids / f"{NAME}.pid")

    def pid(self) -> int | None:
        """The site's first process as the machine numbers it; None when the site is down."""
        return self.pidfile.pid()

    def command(self, args: Sequence[str]) -> list[str]:
        """The command line that runs ``args`` inside the site."""
        pid = self.pid()
        if pid is None:
            raise OneboxError("the Ceph site is not running")
        inside = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"]
        return ["nsenter", "-t", str(pid), "-m", "-n", "-u", "-i", "-p", "--", *inside, *args]

    def exec(self, *args: str, stdin: str | None = None, check: bool = True, timeout: float = 60) -> str:
        """Run a program inside the site and return what it printed."""
        return run(self.command(args), stdin=stdin, check=check, timeout=timeout).stdout

    def ceph(self, *args: str, stdin: str | None = None) -> Any:
        """Run ``ceph`` as its administrator and return its answer, read from JSON."""
        answer = self.exec("ceph", "--connect-timeout", "10", "--format", "json", *args, stdin=stdin)
        return json.loads(answer) if answer.strip() else None

    def rbd(self, *args: str) -> str:
        """Run ``rbd`` as the cluster's administrator."""
        return self.exec("rbd", *args)

    def daemons(self) -> dict[str, int]:
        """PIDs by daemon ("osd.0"), as the site numbers them."""
        found = {}
        for file in (self.exec("sh", "-c", "grep -H . /run/ceph/*.pid", check=False)).splitlines():
            path, _, number = file.partition(":")
            found[Path(path).stem] = int(number)
        return found

    def signal(self, daemon: str, name: str) -> None:
        """Send a daemon a signal: STOP it, let it CONTinue, KILL it."""
        self.exec("kill", f"-{name}", str(self.daemons()[daemon]))

    @contextmanager
    def hanging(self, *daemons: str) -> Iterator[None]:
        """Stop daemons, which then answer nobody, and let them go on in the end."""
        for daemon in daemons:
            self.signal(daemon, "STOP")
        try:
            yield
        finally:
            for daemon in daemons:
                self.signal(daemon, "CONT")

    def power_on(self) -> None:
        """Give the site its file system and its cable. No daemon is started."""
        self._clear()
        tree = ceph_tree.obtain(self.instance.logs / "ceph-tree.log")
        place = self.instance.runtime / "tree" / tree.stem
        mounts.image(tree, place)
        mounts.overlay([place], self.directory / "upper", self.directory / "work", self.root)
        (self.root / "old").mkdir(exist_ok=True)
        self.data.mkdir(mode=0o700, exist_ok=True)
        mounts.bind(self.data, self.root / ceph_config.DATA.lstrip("/"))
        self._launch()

    def _launch(self) -> None:
        spaces = ["--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "--kill-child"]
        args: list[str | Path] = [
            "unshare",
            *spaces,
            "--propagation",
            "private",
            INIT,
            self.root,
            self.address,
        ]
        with (self.directory / "console.log").open("w") as console:
            outer = subprocess.Popen(
                args, stdin=subprocess.PIPE, stdout=console, stderr=console, start_new_session=True
            )
        children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
        wait_until(lambda: self._first(children), "first process of the Ceph site", seconds=10, every=0.01)
        pid = int(children.read_text())
        assert outer.stdin is not None
        self.pidfile.record(pid)
        network.plug(self.instance, NUMBER, pid, NICS)
        outer.stdin.write(b"plugged\n")
        outer.stdin.close()
        ready = f"see {self.directory / 'console.log'}"
        wait_until(lambda: self.exec("cat", "/run/site", check=False) == "ready\n", ready, seconds=10)

    @staticmethod
    def _first(children: Path) -> bool:
        """Whether it runs our script, in namespaces of its own, and not unshare's copy any more."""
        try:
            pid = children.read_text().split()[0]
            return (
                start_time(int(pid)) is not None
                and INIT.name.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0", 2)[1]
            )
        except (OSError, IndexError):
            return False

    def power_cut(self) -> None:
        """Pull the plug."""
        self.pidfile.stop(with_signal=signal.SIGKILL)
        self._clear()

    def _clear(self) -> None:
        """Remove what a site that is off may have left on the machine."""
        network.unplug(self.instance, NUMBER, NICS)
        mounts.unmount(self.root / ceph_config.DATA.lstrip("/"))
        mounts.unmount(self.root)
        self.pidfile.path.unlink(missing_ok=True)
