"""Pretend hosts: the Debian 13 tree under a private overlay, with systemd as PID 1 in namespaces of its own.

Everything in a host sits at its default path and runs under the unit files a real server gets. Killing its first
process is a power cut: the kernel ends everything in it at once, QEMU included, and nothing is flushed.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from onebox import cgroups, host_config, host_version, mounts, network
from onebox.instance import CENTRAL, COMPUTE, Instance
from onebox.pidfile import PidFile
from onebox.shell import OneboxError, run, wait_until

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LAUNCHER = Path(__file__).with_name("host-launch")
POWER_OFF = signal.SIGRTMIN + 4  # systemd(1): start poweroff.target


@dataclass(frozen=True)
class Host:
    """One pretend host; ``number`` decides its addresses (0 is the OVN central)."""

    instance: Instance
    name: str
    number: int

    @property
    def directory(self) -> Path:
        return self.instance.var / "hosts" / self.name

    @property
    def root(self) -> Path:
        """The host's file system as the machine sees it, while it is up."""
        return self.directory / "root"

    @property
    def management_ip(self) -> str:
        return self.instance.management_ip(10 + self.number)

    @property
    def underlay_ip(self) -> str:
        return self.instance.underlay_ip(10 + self.number)

    @property
    def cgroup(self) -> str:
        return f"scloud-{self.instance.slot}-{self.name}"

    @property
    def pidfile(self) -> PidFile:
        return PidFile(self.instance.pids / f"{self.name}.pid")

    def pid(self) -> int | None:
        """The host's first process as the machine numbers it; None when the host is down."""
        return self.pidfile.pid()

    def command(self, args: Sequence[str]) -> list[str]:
        """The command line that runs ``args`` inside the host."""
        pid = self.pid()
        if pid is None:
            raise OneboxError(f"{self.name} is not running")
        inside = ["env", "-i", f"PATH={PATH}", "HOME=/root", "LANG=C.UTF-8", "TERM=linux"]
        return ["nsenter", "-t", str(pid), "-m", "-n", "-u", "-i", "-p", "-C", "--", *inside, *args]

    def exec(self, *args: str, check: bool = True, stdin: str | None = None, timeout: float = 60) -> str:
        """Run a program inside the host and return what it printed."""
        return run(self.command(args), check=check, stdin=stdin, timeout=timeout).stdout

    def start(self, layers: list[Path], prepare: Callable[[Host], object] | None = None) -> None:
        """Switch the host on, its file system being the given layers under its own; nothing when it is on.

        ``prepare`` is called with the file system mounted and configured, before anything runs in it.
        """
        if self.pid() is None:
            self._clear()
            mounts.overlay(layers, self.directory / "upper", self.directory / "work", self.root)
            (self.root / "old").mkdir(exist_ok=True)
            mounts.bind_storage(self.instance.shared, self.root / "var/lib/scloud/shared")
            host_config.write_all(self)
            if prepare is not None:
                prepare(self)
            host_version.record(self)
            self._launch()
        self.wait_booted()

    def _launch(self) -> None:
        groups = cgroups.make(self.cgroup)
        args: list[str | Path] = ["setsid", "--fork", LAUNCHER, self.root]
        args += [" ".join(cgroups.version1()), *groups]
        with (self.directory / "console.log").open("w") as console:
            launcher = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=console, stderr=console)
        wait_until(
            lambda: self._first_process() is not None,
            f"the first process of {self.name}",
            seconds=10,
            every=0.01,
        )
        pid = self._first_process()
        assert pid is not None and launcher.stdin is not None
        self.pidfile.record(pid)
        network.plug(self.instance, self.number, pid)
        launcher.stdin.write(b"plugged\n")
        launcher.stdin.close()
        launcher.wait()

    def _first_process(self) -> int | None:
        for pid in cgroups.processes(self.cgroup):
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue  # one of the launcher's own, which has ended since
            numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()
            if len(numbers) == 3 and numbers[-1] == "1":
                return pid
        return None

    def wait_booted(self, seconds: float = 60) -> None:
        """Wait until systemd has finished starting; raises OneboxError naming the units that failed."""
        state = ""

        def booted() -> bool:
            nonlocal state
            state = self.exec(
                "systemctl", "is-system-running", "--wait", check=False, timeout=seconds
            ).strip()
            return state in ("running", "degraded")

        try:
            wait_until(booted, f"{self.name} to boot", seconds=seconds)
        except OneboxError as error:
            raise OneboxError(f"{error}; see {self.directory / 'console.log'}") from error
        if state == "degraded":
            failed = self.exec("systemctl", "list-units", "--failed", "--plain", "--no-legend", check=False)
            raise OneboxError(
                f"{self.name} started with failed units: {failed.strip()}; `python3 docker/onebox exec {self.name} "
                f"journalctl -b` shows the cause; stop the instance before you start it again"
            )

    def power_cut(self) -> None:
        """Pull the plug: everything in the host ends at once, and its cables go dead."""
        self.pidfile.stop(with_signal=signal.SIGKILL)
        self._clear()

    def stop(self, seconds: float = 30) -> None:
        """Shut the host down as its power button would, or cut the power after ``seconds``."""
        if self.pid() is not None:
            self.pidfile.stop(with_signal=POWER_OFF, seconds=seconds)
        self._clear()

    def _clear(self) -> None:
        """Remove what a host that is off may have left on the machine."""
        cgroups.kill(self.cgroup)
        wait_until(lambda: not cgroups.populated(self.cgroup), f"{self.name} to stop", seconds=10, every=0.01)
        network.unplug(self.instance, self.number)
        mounts.unmount(self.root)
        cgroups.remove(self.cgroup)
        self.pidfile.path.unlink(missing_ok=True)


def central(instance: Instance) -> Host:
    """The host that runs OVN's databases and northd."""
    return Host(instance, CENTRAL, 0)


def compute(instance: Instance) -> list[Host]:
    """The hosts that run virtual machines."""
    return [Host(instance, name, number) for number, name in enumerate(COMPUTE, start=1)]


def every(instance: Instance) -> list[Host]:
    """All hosts of the instance."""
    return [central(instance), *compute(instance)]


def named(instance: Instance, name: str) -> Host:
    """The host of that name."""
    for host in every(instance):
        if host.name == name:
            return host
    raise OneboxError(f"no host is named {name!r}; hosts: {', '.join(host.name for host in every(instance))}")
