"""Files that daemons may read at any time: written beside their place and moved there whole."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True)
class File:
    """One file of a machine, its path relative to the machine's root."""

    path: PurePosixPath
    content: bytes
    mode: int = 0o644


def write(path: Path, content: bytes, mode: int) -> bool:
    """Write a file unless it has that content and mode; True when something changed."""
    if path.exists() and path.read_bytes() == content and path.stat().st_mode & 0o777 == mode:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
    fresh.replace(path)
    return True


def place(root: Path, files: Iterable[File]) -> bool:
    """Write a machine's files below ``root``; True when something changed."""
    return any([write(root / file.path, file.content, file.mode) for file in files])
