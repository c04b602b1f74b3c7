"""Running the host's tools: an argument list and no shell, a deadline, limits, and no more rights than the work needs.

The only place in which drivers and agent start a process. The limits are set by util-linux and coreutils, which every
Debian has, on the command's own line, so that `ps` shows them.
"""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _

MIB, GIB = 1 << 20, 1 << 30
UNPRIVILEGED_ID = 1_899_999_999
"""User and group of tools that read what strangers made: just below the guests' own, and nobody else's."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use. `memory_bytes` is address space, `file_bytes` the size of any file it writes."""

    seconds: float = 60
    cpu_seconds: int | None = None
    memory_bytes: int = 4 * GIB
    file_bytes: int | None = None
    open_files: int = 256

    def command(self) -> list[str]:
        """Return the words before the tool's own."""
        limits = [f"--as={self.memory_bytes}", f"--nofile={self.open_files}", "--core=0"]
        if self.cpu_seconds is not None:
            limits.append(f"--cpu={self.cpu_seconds}")
        if self.file_bytes is not None:
            limits.append(f"--fsize={self.file_bytes}")
        return ["nice", "-n", "10", "prlimit", *limits, "--"]


def confinement(user: int) -> tuple[str, ...]:
    """Return the words that start a tool without root, in network and IPC namespaces of its own.

    Nothing is inherited but the files it is given; `user` is its user and group.
    """
    return (
        *("unshare", "--net", "--ipc", "--"),
        *("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"),
        *("--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--"),
    )


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that came to its end. A negative status is the signal that ended it."""

    status: int
    output: str
    errors: str
    command: Sequence[str] = field(repr=False, default=())


def run(
    tool: str,
    *arguments: str,
    limits: Limits,
    user: int | None = None,
    files: Sequence[int] = (),
    output: int | None = None,
    text: str | None = None,
) -> Finished:
    """Run a tool to its end; raise `DriverError` when it is missing or takes too long.

    With `user` (its user and group) it runs without root, capabilities and network; it reaches `files` (descriptors) as
    /proc/self/fd/N. What it prints goes to the descriptor `output`, if there is one; `text` is its standard input.
    """
    command = [*limits.command(), *(confinement(user) if user is not None else ()), tool, *arguments]
    environment = {"PATH": os.environ.get("PATH", PATH), "LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "2"}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL if text is None else None,
            input=text,
            stdout=subprocess.PIPE if output is None else output,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            timeout=limits.seconds,
            check=False,
            env=environment,
            pass_fds=files,
        )
    except subprocess.TimeoutExpired as error:
        raise DriverError(
            _("%(tool)s timed out after %(seconds)s s."),
            values={"tool": tool, "seconds": f"{limits.seconds:.0f}"},
            code="driver.tool_timeout",
        ) from error
    except FileNotFoundError as error:
        raise missing(tool) from error
    if done.returncode == NOT_FOUND:
        raise missing(tool)
    return Finished(done.returncode, done.stdout or "", done.stderr, command)


NOT_FOUND = 127
"""What nice, prlimit, unshare and setpriv end with when there is no such tool."""


def missing(tool: str) -> DriverError:
    """Return the error for a tool that is not installed."""
    return DriverError(
        _("%(tool)s is not installed."),
        values={"tool": tool},
        code="driver.tool_missing",
        permanent=True,
        hint=_("Install the packages that the agent requires."),
    )
