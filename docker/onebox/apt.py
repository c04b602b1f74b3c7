"""The package mirror this machine uses, so that trees are built from the same one."""

from __future__ import annotations

import re
from pathlib import Path

from onebox.shell import OneboxError

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def mirror() -> str:
    """The first Debian archive named in apt's own sources. OneboxError when there is none."""
    etc = Path("/etc/apt")
    lists = (etc / "sources.list", *sorted(etc.glob("sources.list.d/*.list")))
    for file in (*sorted(etc.glob("sources.list.d/*.sources")), *lists):
        text = file.read_text() if file.exists() else ""
        found = re.search(r"^(?:URIs:|deb(?: \[.*?\])?) +(https?://\S+/debian)/?(?=\s|$)", text, re.MULTILINE)
        if found:
            return found[1]
    raise OneboxError(
        "no Debian archive in apt's sources: add one to /etc/apt/sources.list and run apt-get update"
    )


def names(file: Path) -> list[str]:
    """The entries of a list file: one a line, ``#`` starts a comment."""
    lines = (line.partition("#")[0].strip() for line in file.read_text().splitlines())
    return [line for line in lines if line]
