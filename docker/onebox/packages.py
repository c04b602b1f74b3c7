"""The Debian packages this machine itself needs; only the missing ones are installed, and no service is started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from onebox.shell import OneboxError, run

DATA = (
    "postgresql",
    "postgresql-contrib",
    "redis-server",
    "nginx",
    "util-linux",
    "iproute2",
    "ethtool",
    "nftables",
    "procps",
    "python3-venv",
    "python3-cryptography",
)
INFRA = (
    "mmdebstrap",
    "squashfs-tools",
    "debian-archive-keyring",
    "python3-rbd",
    "python3-rados",
    "python3-libvirt",
)
NEVER_ENABLED = ("redis-server.service", "nginx.service")  # they would listen after the next boot
POLICY = Path("/usr/sbin/policy-rc.d")
OUR_POLICY = "#!/bin/sh\n# scloudstack: only while its packages are being installed\nexit 101\n"
NO_CLUSTER = Path("/etc/postgresql-common/createcluster.d/scloudstack.conf")


def missing(wanted: tuple[str, ...]) -> list[str]:
    """Those of the packages that are not installed."""
    listing = run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\\n", *wanted], check=False
    ).stdout
    there = {line.split()[1] for line in listing.splitlines() if line.startswith("installed ")}
    return [name for name in wanted if name not in there]


def install(wanted: tuple[str, ...], log: Path) -> list[str]:
    """Install what is missing in one transaction and return its names."""
    absent = missing(wanted)
    if absent:
        with _nothing_started():
            apt = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300"]
            env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            run([*apt, "update"], log=log, env=env, check=False)
            run([*apt, "install", "-y", "--no-install-recommends", *absent], log=log, env=env)
        still = missing(wanted)
        if still:
            raise OneboxError(f"cannot install packages: {' '.join(still)}; see {log}")
    return absent


@contextmanager
def _nothing_started() -> Iterator[None]:
    """While apt runs: no service is started, none of the new ones is enabled, no default cluster is made."""
    new = [unit for unit in NEVER_ENABLED if not _unit_exists(unit)]
    own_policy = not POLICY.exists() or POLICY.read_text() == OUR_POLICY  # the latter: a run that was killed
    if own_policy:
        POLICY.write_text(OUR_POLICY)
        POLICY.chmod(0o755)
    NO_CLUSTER.parent.mkdir(parents=True, exist_ok=True)
    NO_CLUSTER.write_text("create_main_cluster = false\n")
    try:
        yield
    finally:
        NO_CLUSTER.unlink(missing_ok=True)
        if own_policy:
            POLICY.unlink(missing_ok=True)
        for unit in new:
            run(
                ["deb-systemd-helper", "disable", unit],
                check=False,
                env={**os.environ, "DPKG_MAINTSCRIPT_PACKAGE": "scloudstack"},
            )


def _unit_exists(name: str) -> bool:
    return (Path("/lib/systemd/system") / name).exists()
