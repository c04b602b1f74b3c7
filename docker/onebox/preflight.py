"""What must be true before anything is touched, each with a message that says what to do."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from onebox import cache
from onebox.instance import Instance
from onebox.shell import OneboxError, run

GIB = 1024**3
DISK_GIB = 6
FILESYSTEMS = ("overlay", "squashfs")


def check_machine(instance: Instance) -> None:
    """Raise OneboxError naming the first thing that keeps the platform from running here."""
    if os.geteuid() != 0:
        raise OneboxError("this must run as root: it creates network namespaces, mounts and control groups")
    _check_distribution()
    for directory in (instance.var, cache.root()):
        directory.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(directory).free / GIB
        if free < DISK_GIB:
            raise OneboxError(f"{directory} has {free:.1f} GiB free, at least {DISK_GIB} GiB are required")


def check_hosts() -> None:
    """What pretend hosts need of the kernel."""
    if not Path("/dev/net/tun").exists():
        raise OneboxError("/dev/net/tun is missing: NICs of virtual machines require it (modprobe tun)")
    known = Path("/proc/filesystems").read_text().split()
    for name in FILESYSTEMS:
        if name not in known and run(["modprobe", name], check=False).returncode:
            raise OneboxError(f"the kernel has no {name} file system, which the hosts require")


def _check_distribution() -> None:
    release = Path("/etc/os-release")
    lines = release.read_text().splitlines() if release.exists() else []
    values = dict(line.replace('"', "").split("=", 1) for line in lines if "=" in line)
    name, version = values.get("ID", "unknown"), values.get("VERSION_ID", "")
    if (name, version) != ("debian", "12"):
        found = values.get("PRETTY_NAME", name)
        raise OneboxError(f"{found} is not supported: the one-machine installation requires Debian 12")
