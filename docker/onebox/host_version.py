"""Which configuration a host was started with: a running host keeps it, whatever the checkout now says.

Unit files, rules and daemons' settings are written before a host boots. An ``up`` over hosts of an earlier checkout
would give the control plane settings (TLS, say) that the hosts do not have; so it is refused, with what to do.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from onebox import cache
from onebox.shell import OneboxError, write
from onebox.tree import HOSTS

if TYPE_CHECKING:
    from onebox.hosts import Host

RECIPES = ("host_config.py", "host_firewall.py", "host-init")


def present() -> str:
    """A digest of everything of this checkout that a host is configured by."""
    files = [path for path in sorted(HOSTS.iterdir()) if path.is_file() and path.suffix != ".md"]
    recipes = [Path(__file__).with_name(name) for name in RECIPES]
    return cache.key(*(f"{path.name}\n{path.read_text()}" for path in (*files, *recipes)))


def record(host: Host) -> None:
    """Note that the host starts with this checkout's configuration."""
    write(_file(host), present() + "\n")


def require_present(hosts: list[Host]) -> None:
    """Raise OneboxError when a running host was configured by another version."""
    others = [host for host in hosts if host.pid() is not None and _recorded(host) != present()]
    if others:
        names = ", ".join(host.name for host in others)
        instance = others[0].instance
        raise OneboxError(
            f"Started by another version of this checkout: {names}. Stop the instance "
            f"(`make stop`, or: python3 docker/onebox down --instance {instance.name} --var {instance.var}), "
            "then start it again; its data and virtual machines are kept"
        )


def _recorded(host: Host) -> str:
    file = _file(host)
    return file.read_text().strip() if file.exists() else ""


def _file(host: Host) -> Path:
    return host.directory / "configuration"
