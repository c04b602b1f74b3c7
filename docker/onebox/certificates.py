"""The instance's own certificate authorities in ``var/<instance>/pki``, and the files made by them in their places.

The same tool as for real servers (docker/pki). It needs Debian's python3-cryptography, which a fresh machine gets
during ``up``: so it is imported only when it is used.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from onebox.instance import CENTRAL, COMPUTE, Instance

if TYPE_CHECKING:
    from pki.files import File
    from pki.plan import Pki

    from onebox.hosts import Host

RELOAD = "usr/local/lib/scloud/reload-certificates"


def authorities(instance: Instance) -> Pki:
    """The instance's authorities; their keys never leave this directory."""
    from pki.plan import Pki

    return Pki(instance.var / "pki")


def settle(instance: Instance) -> None:
    """Issue what is missing or due, and give the control plane its files."""
    from pki import plan

    pki = authorities(instance)
    pki.ensure_control(
        ["control", "localhost", "127.0.0.1", instance.control_ip], [instance.management_ip(10)]
    )
    for number, name in enumerate(COMPUTE, start=1):
        pki.ensure_host(name, instance.management_ip(10 + number))
    _place_control(instance, plan.control_files(pki))


def control_directory(instance: Instance) -> Path:
    """Where the control plane's processes find their certificates (/etc/scloud/pki of a real control node)."""
    from pki import plan

    return instance.var / "control" / plan.DIRECTORY


def place(host: Host) -> bool:
    """Write a host's files into its file system; True when something changed."""
    from pki import files, plan

    pki = authorities(host.instance)
    return files.place(host.root, plan.machine_files(pki, "central" if host.name == CENTRAL else host.name))


def refresh(host: Host) -> None:
    """Give a running host its present certificates; its daemons, guests and open connections go on."""
    if place(host):
        host.exec("/" + RELOAD)


def service_files(instance: Instance, service: str) -> list[File]:
    """The files of PostgreSQL or Redis."""
    from pki import plan

    return plan.machine_files(authorities(instance), service)


def _place_control(instance: Instance, packed: list[File]) -> None:
    from pki import files

    files.place(instance.var / "control", packed)
