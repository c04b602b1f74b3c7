"""A private Redis under ``var/<instance>/redis``, for the machine itself and for the hosts' agents.

It listens on loopback and on the management address. Accounts stand in an ACL file: ``control`` may do everything;
a host's account is added when the host is enrolled (ACL SETUSER, ACL SAVE); they are kept.
"""

from __future__ import annotations

import hashlib
import os
import signal
from pathlib import Path

from onebox import accounts, pidfile, ports
from onebox.instance import Instance
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
    accounts.owned_file(directory / "users.acl", _users(directory / "users.acl", password), USER)
    accounts.owned_file(directory / "redis.conf", _settings(instance), USER)
    run([*accounts.command_as(USER), "redis-server", directory / "redis.conf"])
    wait_until(lambda: ports.accepts(instance.redis_port), "Redis to answer", seconds=20, every=0.02)


def _users(file: Path, password: str) -> str:
    """The accounts: hosts' as they stand, the control plane's own with its present password, none without a name."""
    kept = file.read_text().splitlines() if file.exists() else []
    hosts = [line for line in kept if line.split()[1:2] not in ([CONTROL], ["default"])]
    digest = hashlib.sha256(password.encode()).hexdigest()
    return "\n".join(["user default off", f"user {CONTROL} on #{digest} ~* &* +@all", *hosts]) + "\n"


def stop(instance: Instance) -> None:
    """Stop Redis, which writes out its data first."""
    pid = _pid(instance)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: _pid(instance) is None, "end of Redis", seconds=30, every=0.02)


def is_up(instance: Instance) -> bool:
    """Whether this instance's Redis runs."""
    return _pid(instance) is not None


def _pid(instance: Instance) -> int | None:
    directory = instance.var / "redis"
    return pidfile.daemon(directory / "redis.pid", directory)


def url(instance: Instance, password: str) -> str:
    """The address of the control plane's account for the product's settings."""
    return f"redis://{CONTROL}:{password}@127.0.0.1:{instance.redis_port}/0"


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
