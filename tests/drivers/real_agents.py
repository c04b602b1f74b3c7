"""Agents of the test instance's hosts that take orders from tests alone.

Each runs beside the host's installed agent (if any), under another name, with a state directory and a pool of its own.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import redis
from cryptography.fernet import Fernet
from onebox.hosts import Host
from onebox.shell import OneboxError, patience

from apps.agent.access import acl_rules, redis_url, user_of
from apps.agent.order_queue import OrderQueue
from apps.drivers.remote import RemoteHost
from apps.drivers.reports import read_report
from apps.drivers.specs import PoolSpec
from tests.drivers.samples import new_id
from tests.onebox_fixtures import Onebox

PASSWORD = "of-a-test-agent"
HOST_POOLS = "/var/lib/scloud/shared"


@dataclass
class RealAgent:
    """One agent in one pretend host."""

    host: Host
    name: str
    key: str
    redis_url: str
    remote: RemoteHost
    client: redis.Redis

    @property
    def unit(self) -> str:
        return f"scloud-{self.name}"

    def start(self, config: str) -> None:
        """Start the agent under systemd and wait for its first report."""
        path = f"/run/{self.unit}.toml"
        (self.host.root / "etc/scloud").mkdir(exist_ok=True)
        self.host.exec("sh", "-c", f"umask 077; cat >{path}", stdin=config)
        self.host.exec(
            *("systemd-run", "--collect", f"--unit={self.unit}", "--property=KillMode=mixed"),
            *("--setenv=PYTHONPATH=/opt/scloud-agent/lib", f"--setenv=SCLOUD_AGENT_CONFIG={path}"),
            *("/opt/scloud-agent/bin/python", "-m", "apps.agent"),
        )
        give_up = time.monotonic() + patience(240)
        while read_report(self.client, self.name, self.key) is None:
            assert time.monotonic() < give_up, self.log()
            time.sleep(0.1)

    def stop(self) -> None:
        with suppress(OneboxError):
            self.host.exec("systemctl", "stop", self.unit)

    def log(self) -> str:
        return self.host.exec("journalctl", "--no-pager", "-n", "40", "-u", self.unit)


@contextmanager
def running_agent(onebox: Onebox, host: Host) -> Iterator[RealAgent]:
    """Enrol and run an agent in `host`."""
    control = onebox.environment["REDIS_URL"]
    name, key = f"test-{new_id()[:8]}", Fernet.generate_key().decode()
    client = redis.Redis.from_url(control)
    client.execute_command("ACL", "SETUSER", user_of(name), *acl_rules(name, PASSWORD))
    url = redis_url(name, PASSWORD, onebox.environment["SCLOUD_AGENT_REDIS"], "/etc/scloud/pki")
    remote = RemoteHost(name, client, key, OrderQueue(control), timeout=60)
    agent = RealAgent(host, name, key, url, remote, client)
    settings = {
        "name": name,
        "redis_url": url,
        "seal_key": key,
        "management_ip": host.management_ip,
        "state_dir": f"/var/lib/scloud/{name}",
    }
    try:
        agent.start("".join(f'{word} = "{value}"\n' for word, value in settings.items()))
        yield agent
    finally:
        agent.stop()
        client.execute_command("ACL", "DELUSER", user_of(name))
        shutil.rmtree(host.root / f"var/lib/scloud/{name}", ignore_errors=True)


@contextmanager
def shared_pool(onebox: Onebox) -> Iterator[tuple[PoolSpec, Path]]:
    """Make a pool that every host sees; give it with its directory on this machine."""
    name = f"test-{new_id()[:8]}"
    folder = onebox.shared / name
    folder.mkdir()
    folder.chmod(0o755)
    try:
        yield PoolSpec(id=new_id(), driver="file", path=f"{HOST_POOLS}/{name}"), folder
    finally:
        shutil.rmtree(folder)
