"""Running qemu-img: argument lists, time-outs, and limits for images that strangers made."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _

QUICK_SECONDS = 60
CONVERT_SECONDS = 3600
SLOWEST_BYTES_PER_SECOND = 10 << 20
"""An image is given the time that the slowest pool of use takes for its size, and an hour at least."""
PROBE_LIMITS = ("prlimit", f"--as={1 << 30}", "--cpu=30")
"""A crafted image can make qemu-img eat memory and time; the same limits as OpenStack's image check."""


class QemuImgFailed(DriverError):
    """qemu-img ended with `status`; its words are in the message."""

    def __init__(self, status: int, words: str) -> None:
        full = "No space left" in words
        super().__init__(
            f"qemu-img: {words.strip()[-500:]}",
            code="volumes.no_space" if full else "volumes.failed",
            hint="Add capacity to the storage cluster." if full else "",
        )
        self.status = status

    @property
    def was_killed(self) -> bool:
        """Whether somebody else ended it (out of memory, a host that shuts down): that says nothing about the image."""
        return self.status in (-signal.SIGKILL, -signal.SIGTERM)


def qemu_img(*arguments: str | Path, seconds: float = QUICK_SECONDS, limits: tuple[str, ...] = ()) -> str:
    """Return what `qemu-img ARGUMENTS` prints; raise `QemuImgFailed` when it fails."""
    command = [*limits, "qemu-img", *map(str, arguments)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except FileNotFoundError as error:
        raise DriverError(
            _("qemu-img is not installed."),
            code="driver.tool_missing",
            permanent=True,
            hint=_("Install qemu-utils."),
        ) from error
    except subprocess.TimeoutExpired as error:
        raise DriverError(
            _("qemu-img took over %(seconds)s s."),
            values={"seconds": f"{seconds:.0f}"},
            code="volumes.timeout",
        ) from error
    if done.returncode:
        raise QemuImgFailed(done.returncode, done.stderr)
    return done.stdout


def probe(path: Path) -> dict[str, Any]:
    """Return `qemu-img info` of an untrusted file."""
    found = json.loads(qemu_img("info", "--output=json", path, limits=PROBE_LIMITS))
    assert isinstance(found, dict)
    return found


def create(path: Path, size_bytes: int, backing: str = "") -> None:
    """Make a qcow2 file, thin over `backing` (a qcow2 file, named relative to `path`'s directory)."""
    parent = ("-b", backing, "-F", "qcow2") if backing else ()
    qemu_img("create", "-q", "-f", "qcow2", *parent, path, str(size_bytes))


def resize(path: Path, size_bytes: int) -> None:
    """Grow a qcow2 file that no VM has open."""
    qemu_img("resize", "-q", "-f", "qcow2", path, str(size_bytes))
