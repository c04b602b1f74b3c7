"""``var/<instance>/credentials``: the demo's logins, made once at random and readable by root only."""

from __future__ import annotations

import secrets
from pathlib import Path

from onebox.instance import Instance
from onebox.shell import write

USERS = ("admin", "demo")


def settle(instance: Instance) -> dict[str, str]:
    """The password of each demo user; made on first use. A user may have changed it since."""
    path = file(instance)
    known = dict(line.split() for line in path.read_text().splitlines()) if path.exists() else {}
    made = {user: known.get(user) or secrets.token_urlsafe(12) for user in USERS}
    if made != known:
        write(path, "".join(f"{user} {password}\n" for user, password in made.items()), 0o600)
    return made


def file(instance: Instance) -> Path:
    """Where they are kept."""
    return instance.var / "credentials"
