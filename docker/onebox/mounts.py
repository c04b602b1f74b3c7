"""Mounting and unmounting, safe to repeat."""

from __future__ import annotations

from pathlib import Path

from onebox.shell import OneboxError, run


def is_mounted(path: Path) -> bool:
    """Whether something is mounted exactly there."""
    return any(line.split()[4] == str(path) for line in Path("/proc/self/mountinfo").read_text().splitlines())


def image(file: Path, path: Path) -> None:
    """Mount a squashfs file read-only."""
    if not is_mounted(path):
        path.mkdir(parents=True, exist_ok=True)
        run(["mount", "-t", "squashfs", "-o", "loop,ro", file, path])


def overlay(lower: list[Path], upper: Path, work: Path, path: Path) -> None:
    """Mount ``lower`` (the first wins) with the writable ``upper`` over it."""
    for directory in (upper, work, path):
        directory.mkdir(parents=True, exist_ok=True)
    layers = ":".join(str(layer) for layer in lower)
    run(
        ["mount", "-t", "overlay", "scloud", "-o", f"lowerdir={layers},upperdir={upper},workdir={work}", path]
    )
    run(["mount", "--make-private", path])


def bind(source: Path, path: Path) -> None:
    """Show a directory at a second place."""
    path.mkdir(parents=True, exist_ok=True)
    run(["mount", "--bind", source, path])


def bind_storage(source: Path, path: Path) -> None:
    """Show a directory that others write to: no link, device or set-user-ID file in it counts for anything."""
    bind(source, path)
    run(["mount", "-o", "remount,bind,nosymfollow,nodev,nosuid,noexec", path])


def unmount(path: Path) -> None:
    """Unmount everything at and below ``path``; detaches what is still busy."""
    while is_mounted(path):
        tries = (run(["umount", "-R", *lazy, path], check=False) for lazy in ([], ["-l"]))
        if all(done.returncode for done in tries):
            raise OneboxError(f"cannot unmount {path}")
