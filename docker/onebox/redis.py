"""A private Redis under ``var/<instance>/redis``, for the machine itself and for the hosts' agents.

It listens on loopback and on the management address. Accounts stand in an ACL file: ``control`` may do everything;
a host's account is added when the host is enrolled (ACL SETUSER, ACL SAVE), so the file is written only once here.
"""

from __future__ import annotations

import hashlib
import signal
from pathlib import Path

from onebox import accounts, ports
from onebox.instance import Instance
from onebox.pidfile import PidFile
from onebox.shell import run, wait_until

USER = "redis"
CONTROL = "control"


def start(instance: Instance, password: str) -> None:
    """Start Redis unless it runs."""
    if is_up(instance):
        return
    directory = instance.var / "redis"
    ports.require_free(instance.redis_port, "Redis")
    accounts.own_directory(directory, USER)
    if not (directory / "users.acl").exists():
        digest = hashlib.sha256(password.encode()).hexdigest()
        users = f"user default off\nuser {CONTROL} on #{digest} ~* &* +@all\n"
        accounts.owned_file(directory / "users.acl", users, USER)
    accounts.owned_file(directory / "redis.conf", _settings(instance), USER)
    run([*accounts.command_as(USER), "redis-server", directory / "redis.conf"])
    wait_until(lambda: ports.accepts(instance.redis_port), "Redis to answer", seconds=20, every=0.02)
    wait_until(lambda: is_up(instance), "Redis's PID file", seconds=5, every=0.02)


def stop(instance: Instance) -> None:
    """Stop Redis, which writes out its data first."""
    is_up(instance)
    _pidfile(instance).stop(with_signal=signal.SIGTERM, seconds=20)


def is_up(instance: Instance) -> bool:
    """Whether this instance's Redis runs; finds one again whose start was cut short before it was recorded."""
    if _pidfile(instance).pid() is None:
        _adopt(instance)
    return _pidfile(instance).pid() is not None


def _adopt(instance: Instance) -> None:
    directory = instance.var / "redis"
    try:
        pid = int((directory / "redis.pid").read_text())
        is_ours = Path(f"/proc/{pid}/cwd").readlink() == directory
        if is_ours and "redis" in Path(f"/proc/{pid}/comm").read_text():
            _pidfile(instance).record(pid)
    except (OSError, ValueError):
        return


def url(instance: Instance, password: str) -> str:
    """The address of the control plane's account for the product's settings."""
    return f"redis://{CONTROL}:{password}@127.0.0.1:{instance.redis_port}/0"


def _pidfile(instance: Instance) -> PidFile:
    return PidFile(instance.pids / "redis.pid")


def _settings(instance: Instance) -> str:
    directory = instance.var / "redis"
    settings = {
        "bind": f"127.0.0.1 {instance.control_ip}",
        "port": instance.redis_port,
        "dir": f'"{directory}"',
        "aclfile": f'"{directory}/users.acl"',
        "daemonize": "yes",
        "pidfile": f'"{directory}/redis.pid"',
        "logfile": f'"{directory}/redis.log"',
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": '""',
        "databases": 16,
        "maxmemory": "256mb",
        "maxmemory-policy": "noeviction",
    }
    return "".join(f"{name} {value}\n" for name, value in settings.items())
