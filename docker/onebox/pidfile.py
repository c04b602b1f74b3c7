"""Which process a PID file means. A PID alone may have been given to another process since (a reboot, a
wrap-around), so the process's start time is kept beside it and compared."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from onebox.shell import OneboxError, wait_until, write


def start_time(pid: int) -> str | None:
    """The start of a process in clock ticks since boot, with the boot's id; None when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *rest = stat.rpartition(")")[2].split()
    return None if state in "ZX" else f"{boot}/{rest[18]}"


@dataclass(frozen=True)
class PidFile:
    """A file that holds the PID and start time of one process."""

    path: Path

    def record(self, pid: int) -> None:
        """Remember a process; raises OneboxError when it has already ended."""
        started = start_time(pid)
        if started is None:
            raise OneboxError(f"{self.path.stem} exited immediately after its start")
        write(self.path, f"{pid} {started}\n")

    def pid(self) -> int | None:
        """The PID if that very process is still running."""
        try:
            number, started = self.path.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        return int(number) if start_time(int(number)) == started else None

    def stop(self, *, with_signal: int = signal.SIGTERM, seconds: float = 10, group: bool = False) -> bool:
        """Ask the process to end, kill it after ``seconds``; True when there was one to stop."""
        pid = self.pid()
        if pid is not None:
            self._send(pid, with_signal, group)
            try:
                wait_until(lambda: self.pid() is None, f"process {pid} to stop", seconds=seconds, every=0.02)
            except OneboxError:
                self._send(pid, signal.SIGKILL, group)
                wait_until(
                    lambda: self.pid() is None, f"killed process {pid} to stop", seconds=10, every=0.02
                )
        self.path.unlink(missing_ok=True)
        return pid is not None

    @staticmethod
    def _send(pid: int, number: int, group: bool) -> None:
        with suppress(ProcessLookupError):
            os.killpg(pid, number) if group else os.kill(pid, number)


def daemon(file: Path, directory: Path) -> int | None:
    """The PID that a daemon wrote on the first line of its own file, if a process with it works in ``directory``."""
    try:
        pid = int(file.read_text().split()[0])
        return pid if start_time(pid) and Path(f"/proc/{pid}/cwd").readlink() == directory else None
    except (OSError, ValueError, IndexError):
        return None
