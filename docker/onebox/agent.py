"""The host agent inside the hosts: its code is copied there at each start, its settings come from its enrolment."""

from __future__ import annotations

import filecmp
import shutil
from pathlib import Path

from onebox import tree
from onebox.agent_layer import VENV
from onebox.hosts import Host
from onebox.instance import CENTRAL, ROOT
from onebox.shell import write

UNIT = "scloud-agent.service"
PARTS = ("apps/__init__.py", "apps/agent", "apps/drivers")
CONFIG = "etc/scloud/agent.toml"


def install(host: Host) -> bool:
    """Bring the product's code and unit file into a host; True when something was not the same already."""
    if host.name == CENTRAL:
        return False
    changed = [
        _copy(ROOT / part, host.root / VENV / "lib" / part) for part in PARTS if (ROOT / part).exists()
    ]
    changed.append(_copy(tree.HOSTS / UNIT, host.root / "etc/systemd/system" / UNIT))
    return any(changed)


def refresh(host: Host) -> None:
    """Give a running host the checkout's present code; its agent is started again if that changed anything."""
    if install(host):
        host.exec("systemctl", "daemon-reload")
        if (host.root / CONFIG).exists():
            host.exec("systemctl", "restart", UNIT)


def configure(host: Host, config: str) -> None:
    """Write a running host's agent settings, which its enrolment made, and see that the agent runs with them."""
    path = host.root / CONFIG
    if path.exists() and path.read_text() == config:
        host.exec("systemctl", "start", UNIT)
        return
    write(path, config, 0o600)
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
