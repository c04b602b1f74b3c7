"""Bringing an instance up, as far as asked, and taking it down again. Every step is safe to repeat."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from onebox import (
    agent,
    agent_layer,
    ceph_cluster,
    ceph_tree,
    certificates,
    environment,
    guest_image,
    host_version,
    hosts,
    mounts,
    network,
    outside,
    packages,
    postgres,
    preflight,
    product,
    redis,
    tree,
    venv,
)
from onebox.ceph_site import CephSite
from onebox.hosts import Host
from onebox.instance import Instance
from onebox.progress import Progress

POOL_DIRECTORIES = ("volumes", "images", "import")
PARTS = ("data", "infra", "all")
STORAGE = ("file", "ceph")


def up(instance: Instance, only: str, progress: Progress, storage: str = "file") -> None:
    """Bring up PostgreSQL and Redis (``data``), the hosts too (``infra``), or the whole platform (``all``).

    With ``storage`` "ceph" a Ceph cluster runs beside the hosts.
    """
    with_ceph = storage == "ceph" and only != "data"
    preflight.check_machine(instance)
    if only != "data":
        host_version.require_present(hosts.every(instance))
    if only == "all":
        product.check_ports(instance)
    _install(instance, packages.DATA if only == "data" else (*packages.DATA, *packages.INFRA), progress)
    if only != "data":
        preflight.check_hosts()
        venv.link_debian_modules()
        _build(instance, with_python=only == "all", with_ceph=with_ceph, progress=progress)
    data(instance, progress)
    if with_ceph:
        ceph_cluster.up(instance, progress)
    if only != "data":
        infra(instance, progress)
    if only == "all":
        product.up(instance, progress)


def _build(instance: Instance, with_python: bool, with_ceph: bool, progress: Progress) -> None:
    """All that takes long on a fresh machine, at the same time; nothing to do on a warm one."""
    log = instance.logs
    builds: list[tuple[str, Callable[[], Path]]] = [
        ("host tree", lambda: tree.obtain(log / "host-tree.log")),
        ("host agent's packages", lambda: agent_layer.obtain(log / "agent.log")),
        ("guest image", lambda: guest_image.obtain(log / "guest-image.log")),
    ]
    if with_ceph:
        builds.append(("Ceph tree", lambda: ceph_tree.obtain(log / "ceph-tree.log")))
    if with_python:
        builds.append(("Python packages", lambda: venv.make(log / "venv.log")))
    progress.together(*builds)


def data(instance: Instance, progress: Progress) -> None:
    """PostgreSQL and Redis, and the file that says how to reach them."""
    network.up(instance)
    certificates.settle(instance)
    values = environment.settle(instance)
    progress.together(
        ("PostgreSQL", lambda: postgres.start(instance, values["SCLOUD_POSTGRES_PASSWORD"])),
        ("Redis", lambda: redis.start(instance, values["SCLOUD_REDIS_PASSWORD"])),
    )


def spread_certificates(instance: Instance) -> None:
    """Give every part that runs its present certificates."""
    values = environment.load(instance)
    certificates.settle(instance)
    if postgres.is_up(instance):
        postgres.start(instance, values["SCLOUD_POSTGRES_PASSWORD"])
    if redis.is_up(instance):
        redis.start(instance, values["SCLOUD_REDIS_PASSWORD"])
    for host in hosts.every(instance):
        if host.pid() is not None:
            certificates.refresh(host)


def infra(instance: Instance, progress: Progress) -> None:
    """OVN central and the compute hosts, with the guest image in reach."""
    environment.settle(instance, guest_image.obtain(instance.logs / "guest-image.log"))
    for name in POOL_DIRECTORIES:
        (instance.shared / name).mkdir(parents=True, exist_ok=True)
    instance.shared.chmod(0o711)
    (instance.shared / "import").chmod(0o700)
    below = layers(instance)
    starts = [(host.name, partial(switch_on, host, below)) for host in hosts.every(instance)]
    starts.append(("outside networks", partial(outside.up, instance, below[-1])))
    progress.together(*starts)


def switch_on(host: Host, below: list[Path]) -> None:
    """Start a host that is off; give one that is on the present code."""
    if host.pid() is None:
        host.start(below, prepare=agent.install)
    else:
        certificates.refresh(host)
        agent.refresh(host)


def layers(instance: Instance) -> list[Path]:
    """The read-only layers of a host's file system, the uppermost first."""
    base = tree.obtain(instance.logs / "host-tree.log")
    place = instance.runtime / "tree" / base.stem
    mounts.image(base, place)
    return [agent_layer.obtain(instance.logs / "agent.log"), place]


def _install(instance: Instance, wanted: tuple[str, ...], progress: Progress) -> None:
    absent = packages.missing(wanted)
    if absent:
        with progress.step(f"Debian packages ({len(absent)})"):
            packages.install(wanted, instance.logs / "packages.log")


def down(instance: Instance, progress: Progress) -> None:
    """Stop everything of the instance; its data stay."""
    product.stop(instance)
    quick = instance.name == "test"
    stops = [(host.name, host.power_cut if quick else host.stop) for host in hosts.every(instance)]
    progress.together(*stops)
    CephSite(instance).power_cut()
    outside.down(instance)
    for mounted in sorted((instance.runtime / "tree").glob("*")):
        mounts.unmount(mounted)
    progress.together(
        ("Redis", lambda: redis.stop(instance)), ("PostgreSQL", lambda: postgres.stop(instance))
    )
    network.down(instance)
    shutil.rmtree(instance.runtime, ignore_errors=True)
