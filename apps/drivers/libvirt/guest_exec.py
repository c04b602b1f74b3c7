"""Running the platform's own shell scripts in a guest, by its agent. No user's text is ever part of a script."""

import base64
import time
from dataclasses import dataclass
from typing import Any

from apps.drivers.libvirt import guest_agent
from apps.drivers.libvirt.guest_agent import NoAnswer
from apps.drivers.specs import GuestNetworkReason as Reason

SECONDS, PAUSE_SECONDS = 12.0, 0.1
LONGEST_LINE = 120
WINDOWS = "mswindows"
FORBIDDEN = ("disabled", "not allowed", "CommandNotFound", "not been found")
NOT_STARTED = ("Failed to execute", "No such file", "Failed to create process", "cannot find")


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a script: its exit status and the last line it printed, or why it could not be run."""

    status: int = 0
    said: str = ""
    reason: Reason = Reason.NONE


def run(domain: Any, script: str, text: str) -> Ended:
    """Run a script with `text` as its standard input, and wait for its end."""
    data = base64.b64encode(text.encode()).decode()
    order: dict[str, Any] = {"path": "/bin/sh", "arg": ["-c", script], "input-data": data}
    try:
        started = guest_agent.ask(
            domain, "guest-exec", guest_agent.SECONDS, **order, **{"capture-output": True}
        )
    except NoAnswer as error:
        return Ended(reason=_why(domain, str(error)))
    try:
        return _wait(domain, started["pid"])
    except (NoAnswer, KeyError, TypeError):
        return Ended(reason=Reason.SILENT)


def _wait(domain: Any, pid: int) -> Ended:
    give_up = time.monotonic() + SECONDS
    while time.monotonic() < give_up:
        status = guest_agent.ask(domain, "guest-exec-status", pid=pid)
        if status["exited"]:
            code = status.get("exitcode")
            return Ended(code if isinstance(code, int) else -1, _last_line(status.get("out-data")))
        time.sleep(PAUSE_SECONDS)
    return Ended(reason=Reason.SILENT)


def _last_line(data: object) -> str:
    """Return what the guest said last, cut and printable."""
    try:
        words = (
            base64.b64decode(data, validate=True).decode(errors="replace") if isinstance(data, str) else ""
        )
    except ValueError:
        return ""
    line = (words.strip().splitlines() or [""])[-1]
    return "".join(c if c.isprintable() else "?" for c in line)[:LONGEST_LINE]


def _why(domain: Any, words: str) -> Reason:
    """Return why a guest runs nothing; the agent says so in words only."""
    try:
        if any(word in words for word in FORBIDDEN):
            # A guest that is frozen for a snapshot forbids all but the end of that.
            return Reason.SILENT if guest_agent.is_frozen(domain) else Reason.FORBIDDEN
        if not any(word in words for word in NOT_STARTED):
            return Reason.SILENT
        system = guest_agent.ask(domain, "guest-get-osinfo")
    except NoAnswer:
        return Reason.SILENT
    is_windows = isinstance(system, dict) and system.get("id") == WINDOWS
    return Reason.UNSUPPORTED if is_windows else Reason.NO_TOOLS
