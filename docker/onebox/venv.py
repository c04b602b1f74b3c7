"""The checkout's virtual environment with the control plane's locked packages; `make venv` adds the tools for tests."""

from __future__ import annotations

import hashlib
from pathlib import Path

from onebox.instance import ROOT
from onebox.shell import OneboxError, run

DIRECTORY = ROOT / ".venv"
PYTHON = DIRECTORY / "bin" / "python"
SYSTEM_PYTHON = Path("/usr/bin/python3.11")  # Debian's: its python3-rbd and python3-rados fit no other
DEBIAN_FILES = (
    *(f"{name}.cpython-311-*.so" for name in ("rbd", "rados", "libvirtmod", "libvirtmod_qemu")),
    "libvirt.py",
    "libvirt_qemu.py",
)


def is_ready() -> bool:
    """Whether the environment holds what the lock files say."""
    marks = (DIRECTORY / f"installed-{_digest('requirements-dev.txt')}", _mark())
    return PYTHON.exists() and any(mark.exists() for mark in marks)


def make(log: Path) -> Path:
    """Make or complete the environment and return its Python."""
    if not is_ready():
        if not SYSTEM_PYTHON.exists():
            raise OneboxError(f"{SYSTEM_PYTHON} is missing: the control plane requires Debian 12's Python")
        if not PYTHON.exists():
            run([str(SYSTEM_PYTHON), "-m", "venv", str(DIRECTORY)], log=log)
        pip: list[str | Path] = [
            PYTHON,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
        ]
        run([*pip, "-r", ROOT / "requirements.txt"], log=log)
        for old in DIRECTORY.glob("runtime-*"):
            old.unlink()
        _mark().touch()
    link_debian_modules()
    return PYTHON


def link_debian_modules() -> None:
    """Show the environment Debian's bindings of Ceph and libvirt, and nothing else of it.

    The first are on no package index. The tests build libvirt's from source: what they have put there stays.
    """
    target = DIRECTORY / "lib/python3.11/site-packages"
    if not target.exists():
        return
    for name in DEBIAN_FILES:
        for file in Path("/usr/lib/python3/dist-packages").glob(name):
            link = target / file.name
            if not link.is_symlink() and not link.exists():
                link.symlink_to(file)


def _mark() -> Path:
    return DIRECTORY / f"runtime-{_digest('requirements.txt')}"


def _digest(name: str) -> str:
    return hashlib.sha256((ROOT / name).read_bytes()).hexdigest()[:12]
