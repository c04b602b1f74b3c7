"""The host agent inside the hosts: its Python packages as one more read-only layer, its code copied at each start.

On a real server the same is ``python3 -m venv --system-site-packages /opt/scloud-agent`` and a pip install of
docker/hosts/requirements-agent.txt (docs/hosts.md).
"""

from __future__ import annotations

import filecmp
import shutil
import sys
import tempfile
from pathlib import Path

from onebox import cache, tree
from onebox.hosts import Host
from onebox.instance import CENTRAL, ROOT
from onebox.shell import run

REQUIREMENTS = tree.HOSTS / "requirements-agent.txt"
UNIT = "scloud-agent.service"
VENV = "opt/scloud-agent"
PYTHON = "3.13"  # Debian 13's
PARTS = ("apps/__init__.py", "apps/agent", "apps/drivers")
CONFIG = "etc/scloud/agent.toml"


def obtain_layer(log: Path) -> Path:
    """The directory with the agent's virtual environment at its place in a host, built on first use (about 10 s)."""
    name = f"agent-{cache.key(REQUIREMENTS.read_text(), Path(__file__).read_text())}"
    return cache.obtain(name, lambda fresh: _build(fresh, log))


def _build(target: Path, log: Path) -> None:
    """pip runs on the machine, for the hosts' Python: the machine knows its way to the package index."""
    target.mkdir()
    packages = target / VENV / "lib" / f"python{PYTHON}" / "site-packages"
    with tempfile.TemporaryDirectory(prefix="pip-", dir=target.parent) as venv:
        run([sys.executable, "-m", "venv", venv], log=log)
        platform = ["--python-version", PYTHON, "--implementation", "cp", "--abi", f"cp{PYTHON.replace('.', '')}"]
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


def install(host: Host) -> bool:
    """Bring the product's code and unit file into a host; True when something was not the same already."""
    if host.name == CENTRAL:
        return False
    changed = [_copy(ROOT / part, host.root / VENV / "lib" / part) for part in PARTS if (ROOT / part).exists()]
    changed.append(_copy(tree.HOSTS / UNIT, host.root / "etc/systemd/system" / UNIT))
    return any(changed)


def refresh(host: Host) -> None:
    """Give a running host the checkout's present code; its agent is started again if that changed anything."""
    if install(host):
        host.exec("systemctl", "daemon-reload")
        if (host.root / CONFIG).exists():
            host.exec("systemctl", "restart", UNIT)


def configure(host: Host, config: str) -> None:
    """Write a running host's agent settings, which its enrolment made, and start the agent."""
    path = host.root / CONFIG
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(config)
    host.exec("systemctl", "enable", "--quiet", UNIT)
    host.exec("systemctl", "restart", UNIT)


def _copy(source: Path, target: Path) -> bool:
    if source.is_file():
        if target.exists() and filecmp.cmp(source, target, shallow=False):
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
        return True
    if target.exists() and _same(source, target):
        return False
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    return True


def _same(source: Path, target: Path) -> bool:
    """Whether both trees hold the same files with the same content, byte code aside."""

    def files(directory: Path) -> list[Path]:
        found = (path.relative_to(directory) for path in directory.rglob("*") if path.is_file())
        return sorted(path for path in found if "__pycache__" not in path.parts)

    names = files(source)
    return names == files(target) and all(
        (source / name).read_bytes() == (target / name).read_bytes() for name in names
    )
