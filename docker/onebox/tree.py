"""The Debian 13 tree every pretend host runs from: one read-only squashfs for all of them.

The machine itself may be Debian 12, whose Open vSwitch 3.1 dies on an assertion in user-space connection
tracking (lib/conntrack.c, gone since Open vSwitch 3.3); a host is Debian 13 whatever the machine is.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from onebox import apt, cache
from onebox.instance import ROOT
from onebox.shell import run

SUITE = "trixie"
HOSTS = ROOT / "docker" / "hosts"
LEFT_OUT = (
    "/usr/share/man/*",
    "/usr/share/doc/*",
    "/usr/share/locale/*",
    "/usr/share/info/*",
    "/var/cache/apt/*.bin",
)
NO_SERVICES = (
    'printf "#!/bin/sh\\nexit 101\\n" >"$1/usr/sbin/policy-rc.d"; chmod 755 "$1/usr/sbin/policy-rc.d"'
)


def cache_name() -> str:
    """Changes whenever the package list, the disabled units or this recipe do."""
    parts = (
        (HOSTS / "packages.txt").read_text(),
        (HOSTS / "units-off.txt").read_text(),
        Path(__file__).read_text(),
    )
    return f"host-tree-{cache.key(*parts)}.squashfs"


def obtain(log: Path) -> Path:
    """The squashfs file, built on first use (about 80 s on two cores, 210 MB)."""
    return cache.obtain(cache_name(), lambda fresh: _build(fresh, log))


def _build(target: Path, log: Path) -> None:
    work = Path(tempfile.mkdtemp(prefix="host-tree-", dir=target.parent))
    tree = work / "tree"
    try:
        bootstrap(tree, SUITE, apt.names(HOSTS / "packages.txt"), log)
        run(["chroot", tree, "systemctl", "disable", "--quiet", *apt.names(HOSTS / "units-off.txt")], log=log)
        _settle(tree)
        quick = ["-comp", "zstd", "-Xcompression-level", "3"]
        run(["mksquashfs", tree, target, *quick, "-no-progress", "-noappend"], log=log)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def bootstrap(tree: Path, suite: str, packages: list[str], log: Path, variant: str = "minbase") -> None:
    """Unpack and configure Debian packages into an empty directory."""
    options = ['APT::Install-Recommends "false"', 'Acquire::Languages "none"', 'Acquire::Retries "3"']
    run(
        [
            "mmdebstrap",
            f"--variant={variant}",
            "--mode=root",
            "--format=directory",
            *(f"--aptopt={option}" for option in options),
            *(f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT),
            "--dpkgopt=force-unsafe-io",
            f'--setup-hook=mkdir -p "$1/usr/sbin"; {NO_SERVICES}',
            f"--include={','.join(packages)}",
            suite,
            tree,
            f"deb [signed-by={apt.KEYRING}] {apt.mirror()} {suite} main",
        ],
        log=log,
    )


def _settle(tree: Path) -> None:
    """Leave in the tree nothing of this machine (its mirror, its name) and nothing that must differ by host."""
    (tree / "etc/apt/sources.list").write_text("")
    (tree / "etc/machine-id").write_text("")
    (tree / "etc/hostname").write_text("")
    (tree / "etc/resolv.conf").write_text("")
    for name in ("etc/iscsi/initiatorname.iscsi", "usr/sbin/policy-rc.d", "var/lib/dbus/machine-id"):
        (tree / name).unlink(missing_ok=True)
    for unit in ("systemd-udevd.service", "systemd-udev-trigger.service", "getty@tty1.service"):
        (tree / "etc/systemd/system" / unit).unlink(missing_ok=True)
        (tree / "etc/systemd/system" / unit).symlink_to("/dev/null")
    shutil.rmtree(tree / "var/lib/apt/lists", ignore_errors=True)
