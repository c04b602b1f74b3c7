"""What is slow to build and the same for every checkout is built once per machine and kept under a content hash."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path


def root() -> Path:
    """The cache directory: $SCLOUD_CACHE, or /var/cache/scloudstack."""
    return Path(os.environ.get("SCLOUD_CACHE") or "/var/cache/scloudstack")


def key(*parts: str) -> str:
    """A short hash over everything that decides what is built."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def obtain(name: str, build: Callable[[Path], None]) -> Path:
    """The cached file or directory ``name``, made by ``build(fresh_path)`` when missing.

    Two processes never build the same thing at once, and a build that was cut short leaves nothing that
    would be taken for a whole one.
    """
    kept = root() / name
    if kept.exists():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with (root() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            fresh = root() / f".{name}.new"
            remove(fresh)
            build(fresh)
            fresh.rename(kept)
    return kept


def remove(path: Path) -> None:
    """Delete a file or a directory tree, if there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
