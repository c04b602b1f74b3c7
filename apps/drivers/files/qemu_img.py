"""Running qemu-img: on files of ours with limits, on what strangers made without root and network as well."""

import json
import math
import signal
from pathlib import Path
from typing import Any

from apps.drivers import tools
from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.tools import GIB, UNPRIVILEGED_ID, Limits

QUICK = Limits(seconds=60, cpu_seconds=60)
PROBE = Limits(seconds=60, cpu_seconds=30, memory_bytes=GIB, file_bytes=1 << 20)
"""A crafted image can make qemu-img eat memory and time; the same limits as OpenStack's image check."""
LEAST_SECONDS = 3600
SLOWEST_BYTES_PER_SECOND = 10 << 20
"""An image is given the time that the slowest pool of use takes for its size, and an hour at least."""
SLACK_BYTES = GIB
"""What a qcow2 file may have beyond the disk inside: its tables."""


class QemuImgFailed(DriverError):
    """qemu-img ended with `status`; its words are in the message."""

    def __init__(self, status: int, words: str) -> None:
        full = "No space left" in words
        super().__init__(
            _("qemu-img reported an error: %(words)s"),
            values={"words": words.strip()[-500:]},
            code="volumes.no_space" if full else "volumes.failed",
            hint=_("Add capacity to the storage cluster.") if full else "",
        )
        self.status = status

    @property
    def was_killed(self) -> bool:
        """Whether somebody else ended it (out of memory, a host that shuts down): that says nothing about the image."""
        return self.status in (-signal.SIGKILL, -signal.SIGTERM)


def whole_image(file_bytes: int, most_written: int = 0) -> Limits:
    """Return the limits of reading a whole image of `file_bytes`, and writing a file of at most `most_written`."""
    seconds = max(LEAST_SECONDS, file_bytes / SLOWEST_BYTES_PER_SECOND)
    most = most_written + most_written // 1000 + SLACK_BYTES if most_written else 1 << 20
    return Limits(seconds=seconds, cpu_seconds=math.ceil(seconds), memory_bytes=2 * GIB, file_bytes=most)


def of_strangers(
    *arguments: str,
    limits: Limits,
    files: tuple[int, ...],
    user: int = UNPRIVILEGED_ID,
    output: int | None = None,
) -> str:
    """Return what `qemu-img ARGUMENTS` prints, run on untrusted files without root, capabilities and network.

    What it prints goes to the descriptor `output` instead, if there is one.
    """
    done = tools.run("qemu-img", *arguments, limits=limits, user=user, files=files, output=output)
    return _output(done)


def probe(file: int, form: str) -> dict[str, Any]:
    """Return `qemu-img info` of an untrusted file, given by its descriptor."""
    words = opened(file, form, "--output=json")
    found = json.loads(of_strangers("info", *words, limits=PROBE, files=(file,)))
    assert isinstance(found, dict)
    return found


def name_of(file: int) -> str:
    """Return the name under which a tool finds a descriptor that it was given."""
    return f"/proc/self/fd/{file}"


def opened(file: int, form: str, *options: str) -> tuple[str, ...]:
    """Return the words by which qemu-img opens an untrusted file of this format, with `options` before its name.

    A VHD's size is what its footer says: by default qemu guesses from its geometry for some that made it.
    """
    if form != "vpc":
        return ("-f", form, *options, name_of(file))
    what = f"driver=vpc,force_size_calc=current_size,file.driver=file,file.filename={name_of(file)}"
    return ("--image-opts", *options, what)


def create(path: Path, size_bytes: int, backing: str = "") -> None:
    """Make a qcow2 file, thin over `backing` (a qcow2 file, named relative to `path`'s directory)."""
    parent = ("-b", backing, "-F", "qcow2") if backing else ()
    _run("create", "-q", "-f", "qcow2", *parent, str(path), str(size_bytes))


def chain(file: int, base: int | None) -> str:
    """Return the name of a qcow2 file, given by its descriptor, with the image that it is thin over.

    The whole chain stands in it, so qemu-img follows no name in a header.
    """
    return "json:" + json.dumps(_node(file, _node(base, None) if base is not None else None))


def _node(file: int, backing: dict[str, Any] | None) -> dict[str, Any]:
    return {"driver": "qcow2", "file": {"driver": "file", "filename": name_of(file)}, "backing": backing}


def _run(*arguments: str) -> None:
    _output(tools.run("qemu-img", *arguments, limits=QUICK))


def _output(done: tools.Finished) -> str:
    if done.status:
        raise QemuImgFailed(done.status, done.errors)
    return done.output
