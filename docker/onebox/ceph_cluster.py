"""A Ceph cluster in the site: one monitor, one manager, three OSDs, a pool for volumes and a user of it.

Made on the first start, in about 15 s; later starts take about 5 s.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from onebox import ceph_config
from onebox.ceph_site import CephSite
from onebox.instance import Instance
from onebox.progress import Progress
from onebox.shell import run, wait_until, write

POOL, USER = "volumes", "scloud"
#: All that the platform does with a pool, and nothing with another.
CAPS = ("mon", "profile rbd", "osd", f"profile rbd pool={POOL}")
ADMIN_CAPS = [word for kind in ("mon", "osd", "mds", "mgr") for word in ("--cap", kind, "allow *")]
MADE = "made"


@dataclass(frozen=True)
class Access:
    """What the platform is told of the cluster."""

    monitor: str
    pool: str
    user: str
    key: str


def up(instance: Instance, progress: Progress) -> CephSite:
    """Start the site and its cluster unless they run, and wait until the data are clean."""
    site = CephSite(instance)
    with progress.step("Ceph"):
        start(site)
    return site


def start(site: CephSite) -> None:
    """Bring the cluster up; a start that was cut short begins from nothing, since nobody has used it yet."""
    if site.pid() is None or "mon.a" not in site.daemons():
        site.power_cut()
        whole = (site.data / MADE).exists()
        if not whole:
            run(["rm", "-rf", site.data])
        site.power_on()
        _resume(site) if whole else _make(site)
    wait_clean(site)


def access(site: CephSite) -> Access:
    """The address and the key for the pool."""
    return Access(site.monitor, POOL, USER, site.ceph("auth", "print-key", f"client.{USER}")["key"])


def wait_clean(site: CephSite, seconds: float = 60) -> None:
    """Wait until Ceph calls itself healthy, every OSD is up and every placement group active and clean."""
    wait_until(partial(is_clean, site), "Ceph to be clean", seconds=seconds, every=0.2)


def is_clean(site: CephSite) -> bool:
    """Whether Ceph calls itself healthy, every OSD is up and every placement group active and clean."""
    seen = site.ceph("status")
    groups, osds = seen["pgmap"], seen["osdmap"]
    clean = sum(
        state["count"] for state in groups.get("pgs_by_state", ()) if state["state_name"] == "active+clean"
    )
    return bool(
        osds["num_up_osds"] == osds["num_osds"] == ceph_config.OSDS
        and clean == groups["num_pgs"] > 0
        and seen["mgrmap"]["available"]
        and seen["health"]["status"] == "HEALTH_OK"
    )


def start_osd(site: CephSite, number: int) -> None:
    """Start one OSD."""
    site.exec("ceph-osd", "-i", str(number))


def _resume(site: CephSite) -> None:
    _configure(site, (site.data / MADE).read_text().strip())
    site.exec("ceph-mon", "-i", "a")
    before = _lives(site)
    site.exec("ceph-mgr", "-i", "x")
    _each_osd(partial(start_osd, site))
    # The monitor still lists what was up before a power cut.
    wait_until(lambda: not before & _lives(site), "Ceph's daemons to be back", seconds=60, every=0.2)


def _lives(site: CephSite) -> set[tuple[str, int]]:
    """One mark for each life of an OSD and of the manager."""
    osds = {(f"osd.{osd['osd']}", osd["up_from"]) for osd in site.ceph("osd", "dump")["osds"]}
    return osds | {("mgr", site.ceph("mgr", "dump")["active_gid"])}


def _each_osd(work: Callable[[int], None]) -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(work, range(ceph_config.OSDS)))


def _configure(site: CephSite, fsid: str) -> None:
    write(site.root / "etc/ceph/ceph.conf", ceph_config.text(fsid, site.address))
    site.exec("mkdir", "-p", "/run/ceph")


def _make(site: CephSite) -> None:
    fsid = str(uuid.uuid4())
    for name in ("log", "crash", "mon.a", "mgr.x"):
        (site.data / name).mkdir(parents=True, exist_ok=True)
    _configure(site, fsid)
    _make_monitor(site, fsid)
    site.exec(
        "sh",
        "-c",
        f"ceph auth get-or-create mgr.x mon 'allow profile mgr' osd 'allow *' >{_keyring('mgr.x')}",
    )
    site.exec("ceph-mgr", "-i", "x")
    ids = [str(uuid.uuid4()) for _ in range(ceph_config.OSDS)]
    keys = [site.exec("ceph-authtool", "--gen-print-key").strip() for _ in ids]
    _each_osd(lambda number: _make_osd(site, number, ids[number], keys[number]))
    for number, (id, key) in enumerate(zip(ids, keys, strict=True)):  # in this order, which gives the numbers
        site.ceph("osd", "new", id, str(number), "-i", "-", stdin=f'{{"cephx_secret":"{key}"}}')
    _each_osd(partial(start_osd, site))
    site.ceph("osd", "pool", "create", POOL, "16", "16", "replicated")
    site.rbd("pool", "init", POOL)
    site.ceph("auth", "get-or-create", f"client.{USER}", *CAPS)
    write(site.data / MADE, fsid + "\n")


def _make_monitor(site: CephSite, fsid: str) -> None:
    data, admin, own = ceph_config.DATA, _keyring("client.admin"), _keyring("mon")
    tool = ("ceph-authtool", "--gen-key", "--create-keyring")
    site.exec(*tool, own, "-n", "mon.", "--cap", "mon", "allow *")
    site.exec(*tool, admin, "-n", "client.admin", *ADMIN_CAPS)
    site.exec("ceph-authtool", own, "--import-keyring", admin)
    monitors = f"{data}/monmap"
    address = f"[v2:{site.address}:{ceph_config.PORT}]"
    site.exec("monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, monitors)
    site.exec("ceph-mon", "-i", "a", "--mkfs", "--monmap", monitors, "--keyring", own)
    site.exec("cp", own, f"{data}/mon.a/keyring")
    site.exec("ceph-mon", "-i", "a")


def _make_osd(site: CephSite, number: int, id: str, key: str) -> None:
    name = f"osd.{number}"
    (site.data / name).mkdir(exist_ok=True)
    write(site.data / f"{name}.keyring", f"[{name}]\n\tkey = {key}\n", 0o600)
    site.exec("ceph-osd", "-i", str(number), "--mkfs", "--no-mon-config", "--osd-uuid", id)


def _keyring(name: str) -> str:
    return f"{ceph_config.DATA}/{name}.keyring"
