"""Running a daemon as its own system user from directories below the checkout."""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path

from onebox.shell import OneboxError


def command_as(user: str) -> list[str]:
    """The words that, put before a command line, run it as ``user``.

    The checkout may lie below /root, which other users cannot enter, so the one capability to pass and read such
    directories is kept; everything the daemon writes still belongs to it.
    """
    names = ["--reuid", user, "--regid", user, "--init-groups"]
    return [
        "setpriv",
        *names,
        "--inh-caps",
        "-all,+dac_read_search",
        "--ambient-caps",
        "+dac_read_search",
        "--",
    ]


def own_directory(path: Path, user: str, mode: int = 0o700) -> None:
    """Make a directory that belongs to ``user``."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError as error:
        raise OneboxError(f"user {user!r} is missing; its Debian package creates it") from error
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    if path.stat().st_uid != entry.pw_uid:
        shutil.chown(path, user, entry.pw_gid)


def owned_file(path: Path, text: str, user: str, mode: int = 0o600) -> bool:
    """Write a file that only ``user`` may read; False when it has that content already."""
    entry = pwd.getpwnam(user)
    if path.exists() and path.read_text() == text and path.stat().st_uid == entry.pw_uid:
        return False
    fresh = path.with_name(f".{path.name}.new")
    fresh.touch(mode=mode)
    fresh.chmod(mode)
    os.chown(fresh, entry.pw_uid, entry.pw_gid)
    fresh.write_text(text)
    fresh.replace(path)
    return True
