"""The agent's Python packages as a read-only layer over the host tree, at the place a real server has them.

On a real server the same is ``python3 -m venv --system-site-packages /opt/scloud-agent`` and a pip install of
docker/hosts/requirements-agent.txt.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from onebox import cache, tree
from onebox.shell import run

REQUIREMENTS = tree.HOSTS / "requirements-agent.txt"
VENV = "opt/scloud-agent"
PYTHON = "3.13"  # Debian 13's


def obtain(log: Path) -> Path:
    """The directory with the agent's virtual environment at its place in a host, built on first use (about 10 s)."""
    name = f"agent-{cache.key(REQUIREMENTS.read_text(), Path(__file__).read_text())}"
    return cache.obtain(name, lambda fresh: _build(fresh, log))


def _build(target: Path, log: Path) -> None:
    """pip runs on the machine, for the hosts' Python: the machine knows its way to the package index."""
    target.mkdir()
    packages = target / VENV / "lib" / f"python{PYTHON}" / "site-packages"
    with tempfile.TemporaryDirectory(prefix="pip-", dir=target.parent) as venv:
        run([sys.executable, "-m", "venv", venv], log=log)
        platform = [
            "--python-version",
            PYTHON,
            "--implementation",
            "cp",
            "--abi",
            f"cp{PYTHON.replace('.', '')}",
        ]
        platform += ["--abi", "abi3", "--abi", "none", "--only-binary", ":all:"]
        pip = [f"{venv}/bin/python", "-m", "pip", "install", "--no-compile", "--quiet"]
        run([*pip, *platform, "--target", packages, "--require-hashes", "-r", REQUIREMENTS], log=log)
    _make_venv(target / VENV)


def _make_venv(directory: Path) -> None:
    """What ``python3 -m venv --system-site-packages --without-pip`` makes, for a Python that cannot run here."""
    (directory / "bin").mkdir()
    (directory / "bin/python").symlink_to("/usr/bin/python3")
    settings = f"home = /usr/bin\ninclude-system-site-packages = true\nversion = {PYTHON}\n"
    (directory / "pyvenv.cfg").write_text(settings)
