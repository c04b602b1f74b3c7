"""The Debian 13 tree that the Ceph site runs from: a read-only squashfs of its own, with the librbd that hosts have."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from onebox import apt, cache, tree
from onebox.shell import run

PACKAGES = tree.HOSTS.parent / "ceph" / "packages.txt"
#: bcrypt refuses to load in the manager's subinterpreters and takes most of its modules along. None of them is needed.
NO_BCRYPT = "# bcrypt cannot be loaded in a subinterpreter\n"


def cache_name() -> str:
    """Changes whenever the package list or a recipe does."""
    recipes = (Path(__file__).read_text(), Path(tree.__file__).read_text())
    return f"ceph-tree-{cache.key(PACKAGES.read_text(), *recipes)}.squashfs"


def obtain(log: Path) -> Path:
    """The squashfs file, built on first use (about 60 s on two cores, 150 MB)."""
    return cache.obtain(cache_name(), lambda fresh: _build(fresh, log))


def _build(target: Path, log: Path) -> None:
    work = Path(tempfile.mkdtemp(prefix="ceph-tree-", dir=target.parent))
    directory = work / "tree"
    try:
        tree.bootstrap(directory, tree.SUITE, apt.names(PACKAGES), log)
        (directory / "usr/share/ceph/mgr/bcrypt.py").write_text(NO_BCRYPT)
        (directory / "etc/apt/sources.list").write_text("")  # this machine's mirror
        shutil.rmtree(directory / "var/lib/apt/lists", ignore_errors=True)
        quick = ["-comp", "zstd", "-Xcompression-level", "3"]
        run(["mksquashfs", directory, target, *quick, "-no-progress", "-noappend"], log=log)
    finally:
        shutil.rmtree(work, ignore_errors=True)
