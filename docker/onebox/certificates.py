"""The instance's own certificate authorities in ``var/<instance>/pki``, and the files made by them in their places.

The same tool as for real servers (docker/pki). It needs Debian's python3-cryptography, which a fresh machine gets
during ``up``: so it is imported only when it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from onebox import accounts
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


def rotate(instance: Instance, spread: Callable[[], None], with_authorities: bool) -> None:
    """Replace all certificates and keys; ``spread`` gives every machine its present files and has daemons read them.

    With authorities, in steps between which both sides always agree: all trust the old and the new key, then
    certificates are issued by the new one, then the old one is trusted no more.
    """
    from pki.authority import Authority

    pki = authorities(instance)
    if not with_authorities:
        for authority in pki.authorities():
            authority.reissue_all()
        spread()
        return
    for step in (Authority.announce, Authority.switch, Authority.retire):
        for authority in pki.authorities():
            step(authority)
        spread()


def place_service(instance: Instance, service: str, directory: Path, user: str) -> bool:
    """Give PostgreSQL or Redis its files, which only its user may read; True when something changed."""
    from pki import plan

    accounts.own_directory(directory, user)
    packed = plan.machine_files(authorities(instance), service)
    return any(
        [accounts.owned_file(directory / file.path.name, file.content.decode(), user) for file in packed]
    )


def summary(instance: Instance) -> str:
    """How many certificates there are, when the first one ends, and what to do when that is soon."""
    from pki.authority import expiry, is_due

    found = [a.certificate(name) for a in authorities(instance).authorities() for name in ("ca", *a.names())]
    if not found:
        return "none yet"
    line = f"{len(found)}, the first expires on {min(map(expiry, found)):%Y-%m-%d}"
    due = sum(map(is_due, found))
    return f"{line}; {due} DUE: python3 docker/onebox rotate --authorities" if due else line


def _place_control(instance: Instance, packed: list[File]) -> None:
    from pki import files

    files.place(instance.var / "control", packed)
