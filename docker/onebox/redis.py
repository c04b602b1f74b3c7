"""A private Redis under ``var/<instance>/redis``, for the machine itself and for the hosts' agents.

It listens on loopback and on the management address, by TLS only, and admits the certificates of the control plane and
of hosts; which of them it is, the account says. Accounts stand in an ACL file: ``control`` may do everything;
a host's account is added when the host is enrolled (ACL SETUSER, ACL SAVE); they are kept.
"""

from __future__ import annotations

import hashlib
import os
import signal
from pathlib import Path
from urllib.parse import urlencode

from onebox import accounts, certificates, pidfile, ports
from onebox.instance import Instance
from onebox.shell import run, wait_until

USER = "redis"
CONTROL = "control"


def start(instance: Instance, password: str) -> None:
    """Start Redis unless it runs; one that runs gets its present certificates.

    One started with other settings, such as before it spoke TLS, is started again.
    """
    directory = instance.var / "redis"
    changed = certificates.place_service(instance, "redis", directory / "tls", USER)
    if is_up(instance) and (directory / "redis.conf").read_text() != _settings(instance):
        stop(instance)
    if is_up(instance):
        if changed:
            _reload(instance, password)
        return
    ports.require_free(instance.redis_port, "Redis")
    accounts.own_directory(directory, USER)
    accounts.owned_file(directory / "users.acl", _users(directory / "users.acl", password), USER)
    accounts.owned_file(directory / "redis.conf", _settings(instance), USER)
    run([*accounts.command_as(USER), "redis-server", directory / "redis.conf"])
    wait_until(lambda: ports.accepts(instance.redis_port), "Redis to respond", seconds=20, every=0.02)


def _reload(instance: Instance, password: str) -> None:
    """Have it use the certificates that were just replaced: it reads them only when told; connections live on."""
    pairs = [word for setting in _tls(instance).items() for word in setting]
    run(command(instance, "CONFIG", "SET", *pairs), env={**os.environ, "REDISCLI_AUTH": password})


def command(instance: Instance, *args: str) -> list[str]:
    """A command line of redis-cli as the control plane; the password is taken from $REDISCLI_AUTH."""
    files = certificates.control_directory(instance)
    tls = ["--tls", "--cacert", f"{files}/services-ca.pem"]
    tls += ["--cert", f"{files}/control.pem", "--key", f"{files}/control.key"]
    where = ["-h", "127.0.0.1", "-p", str(instance.redis_port), "--user", CONTROL, "--no-auth-warning", "-e"]
    return ["redis-cli", *where, *tls, *args]


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
        wait_until(lambda: _pid(instance) is None, "Redis to stop", seconds=30, every=0.02)


def is_up(instance: Instance) -> bool:
    """Whether this instance's Redis runs."""
    return _pid(instance) is not None


def _pid(instance: Instance) -> int | None:
    directory = instance.var / "redis"
    return pidfile.daemon(directory / "redis.pid", directory)


def url(instance: Instance, password: str) -> str:
    """The address of the control plane's account for the product's settings."""
    files = certificates.control_directory(instance)
    named = {"ca_certs": "services-ca.pem", "certfile": "control.pem", "keyfile": "control.key"}
    tls = {f"ssl_{name}": f"{files}/{file}" for name, file in named.items()}
    query = urlencode({"ssl_cert_reqs": "required", **tls}, safe="/")
    return f"rediss://{CONTROL}:{password}@127.0.0.1:{instance.redis_port}/0?{query}"


def _tls(instance: Instance) -> dict[str, str]:
    directory = instance.var / "redis/tls"
    return {
        "tls-cert-file": f"{directory}/redis.pem",
        "tls-key-file": f"{directory}/redis.key",
        "tls-ca-cert-file": f"{directory}/redis-clients.pem",
    }


def _settings(instance: Instance) -> str:
    directory = instance.var / "redis"
    settings = {
        "bind": f"127.0.0.1 {instance.control_ip}",
        "port": 0,
        "tls-port": instance.redis_port,
        "tls-auth-clients": "yes",
        "tls-protocols": "TLSv1.3",
        **_tls(instance),
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
