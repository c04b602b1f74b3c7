"""Where things are in a pool's directory, and how a file appears there whole or not at all."""

import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from apps.drivers.deadline import Deadline
from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.ids import checked_id
from apps.drivers.specs import ImageSpec, PoolSpec, VolumeSpec
from apps.drivers.volume_errors import not_plain, silent_pool

SUFFIX = ".qcow2"
DELIVERED_SUFFIX = ".delivered.partial"
EXPORTED_SUFFIX = ".exported"
ANSWER_SECONDS = 3.0
_deadline = Deadline()
PASS_THROUGH = 0o711
"""Of a directory that holds files of many guests: each QEMU reaches its own by name, and none can list the others'."""
PRIVATE, BASE = 0o600, 0o444
"""Of a guest's own file, and of an image that many guests read."""


def folder(pool: PoolSpec, kind: str) -> Path:
    """Return the pool's directory for "volumes" or "images". The pool itself must be there: it may be a mount.

    Every verb comes through here. A file system on a server that is gone would hold its thread of the agent for ever.
    """
    root = Path(pool.path)
    late = silent_pool(pool.id, ANSWER_SECONDS)
    if not _deadline.run(pool.path, lambda: _is_there(root), ANSWER_SECONDS, lambda: late):
        raise DriverError(
            _("Pool %(pool)s: %(path)s does not exist."),
            values={"pool": pool.id, "path": pool.path},
            code="volumes.pool_unavailable",
            hint=_("Check that the pool’s directory is mounted on the host."),
        )
    if (root / kind).is_symlink():
        raise not_plain(root / kind)
    return passable(root / kind)


def _is_there(root: Path) -> bool:
    try:
        os.statvfs(root)  # asks the server; the rest may come from a cache
    except (FileNotFoundError, NotADirectoryError):
        return False
    return root.is_dir()


@contextmanager
def named(path: Path) -> Iterator[int]:
    """Give a descriptor that stands for a plain file; raise `DriverError` for a link, device or pipe.

    Whoever is root on one host of a pool can put those there, for the agent of another to follow or to wait at.
    """
    # As a mere name: opening a device or a pipe for reading does something already.
    file = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise not_plain(path)
        yield file
    finally:
        os.close(file)


@contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """Open a plain file of a pool for reading; raise `DriverError` for anything else."""
    with named(path) as file, open(f"/proc/self/fd/{file}", "rb") as opened:
        yield opened


def passable(path: Path) -> Path:
    """Return the directory, made if it is missing, which guests' processes may pass through but not list."""
    path.mkdir(parents=True, exist_ok=True)
    if stat.S_IMODE(path.stat().st_mode) != PASS_THROUGH:
        path.chmod(PASS_THROUGH)
    return path


def keep_private(path: Path) -> None:
    """Let nobody but its owner read or write a guest's file. The owner is left as it is: the guest's while it runs."""
    with named(path) as file:
        if stat.S_IMODE(os.fstat(file).st_mode) != PRIVATE:
            os.chmod(f"/proc/self/fd/{file}", PRIVATE)


def keep_base(path: Path) -> None:
    """Let every guest read an image and none change it: libvirt once gave it to whichever guest started last."""
    with named(path) as file:
        seen = os.fstat(file)
        if (seen.st_uid, seen.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(f"/proc/self/fd/{file}", os.geteuid(), os.getegid())
        if stat.S_IMODE(seen.st_mode) != BASE:
            os.chmod(f"/proc/self/fd/{file}", BASE)


def volume_path(spec: VolumeSpec) -> Path:
    """Return the file of a volume."""
    return folder(spec.pool, "volumes") / f"{checked_id(spec.id)}{SUFFIX}"


def base_path(spec: VolumeSpec) -> Path | None:
    """Return the file of the image that a volume is thin over, None for a blank one.

    By the spec, not by the volume's header: a guest that has taken over its QEMU can write what it likes there.
    """
    if spec.image_id is None:
        return None
    return folder(spec.pool, "images") / f"{checked_id(spec.image_id)}{SUFFIX}"


def image_path(spec: ImageSpec) -> Path:
    """Return the file of an image."""
    return folder(spec.pool, "images") / f"{checked_id(spec.id)}{SUFFIX}"


def ids_in(path: Path) -> list[str]:
    """Return the identifiers of the finished files in a directory."""
    return sorted(name.removesuffix(SUFFIX) for name in os.listdir(path) if name.endswith(SUFFIX))


def unfinished_in(path: Path) -> dict[str, float]:
    """Return identifier → seconds since anybody wrote to an unfinished file of it."""
    found: dict[str, float] = {}
    for name in os.listdir(path):
        id, dot, rest = name.partition(SUFFIX)
        if not dot or not rest.endswith(".partial"):
            continue
        try:
            idle = time.time() - (path / name).stat().st_mtime
        except FileNotFoundError:
            continue
        found[id] = min(idle, found.get(id, idle))
    return found


def delivered_path(image: Path) -> Path:
    """Return the file that the control plane delivers for an image: unfinished until the image is made of it."""
    return image.with_name(f"{image.name}{DELIVERED_SUFFIX}")


def remove_partials(path: Path, *, keep: Path | None = None) -> None:
    """Remove what killed runs left of `path`. A run still at work on one fails in `appearing` and harms nothing."""
    for partial in path.parent.glob(f"{path.name}.*.partial"):
        if partial != keep:
            partial.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file's content, or a directory's names, are on the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """Give a temporary path; when the block ends well that file gets the name `path`, unless there is one by then.

    What it holds is on the disk before it has its name, so that a power cut leaves no empty file under it.
    """
    remove_partials(path, keep=delivered_path(path))
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}.partial")
    try:
        yield partial
        try:
            sync(partial)
            os.link(partial, path)
            sync(path.parent)
        except FileExistsError:
            pass
        except FileNotFoundError as error:
            raise DriverError(
                _("Another process is writing %(path)s."),
                values={"path": path.name},
                code="volumes.overtaken",
            ) from error
    finally:
        partial.unlink(missing_ok=True)
