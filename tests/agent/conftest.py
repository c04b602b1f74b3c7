"""A host's agent in a process of its own, with the Redis rights of a host and no others."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from cryptography.fernet import Fernet
from onebox.shell import patience

from apps.agent.access import acl_rules, user_of
from apps.agent.order_queue import OrderQueue
from apps.drivers.memory import RedisWorld
from apps.drivers.remote import RemoteHost
from apps.drivers.reports import read_report
from tests.drivers.redis_server import running_redis
from tests.drivers.samples import new_id

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "a-host-password"


@pytest.fixture(scope="session")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with running_redis(tmp_path_factory.mktemp("redis")) as port:
        yield port


@dataclass
class PretendHost:
    """An enrolled host, whose agent can be started and killed."""

    name: str
    port: int
    state: Path
    key: str
    world_name: str
    client: redis.Redis
    post: OrderQueue
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"redis://{user_of(self.name)}:{PASSWORD}@127.0.0.1:{self.port}/0"

    @property
    def world(self) -> RedisWorld:
        return RedisWorld(self.client, self.world_name)

    def remote(self, timeout: float = 10.0) -> RemoteHost:
        return RemoteHost(self.name, self.client, self.key, self.post, timeout=timeout)

    def start(self) -> None:
        """Start the agent and wait for its first report."""
        self.client.delete(f"host.{self.name}.report")
        world_url = f"redis://127.0.0.1:{self.port}/0"
        program = ROOT / "tests" / "agent" / "pretend_agent.py"
        arguments = (self.name, self.url, self.key, world_url, self.world_name, str(self.state))
        self.process = subprocess.Popen(
            [sys.executable, program, *arguments], env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        give_up = time.monotonic() + patience(30)
        while read_report(self.client, self.name, self.key) is None:
            assert self.process.poll() is None, "the agent ended"
            assert time.monotonic() < give_up, "the agent did not report"
            time.sleep(0.05)

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        """Ask the agent to end, as systemd does; return its exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(20)


def enrol(name: str, port: int, state: Path) -> PretendHost:
    client = redis.Redis(port=port)
    client.execute_command("ACL", "SETUSER", user_of(name), *acl_rules(name, PASSWORD))
    return PretendHost(
        name=name,
        port=port,
        state=state,
        key=Fernet.generate_key().decode(),
        world_name=f"test-{new_id()}",
        client=client,
        post=OrderQueue(f"redis://127.0.0.1:{port}/0"),
    )


@pytest.fixture(scope="session")
def host(redis_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PretendHost]:
    """A host whose agent runs; tests leave it alone."""
    enrolled = enrol(f"host-{new_id()[:8]}", redis_port, tmp_path_factory.mktemp("state"))
    enrolled.start()
    yield enrolled
    enrolled.kill()


@pytest.fixture(scope="session")
def second_host(redis_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PretendHost]:
    """The host of `mortal_host`: its agent takes a second of a processor to start."""
    enrolled = enrol(f"host-{new_id()[:8]}", redis_port, tmp_path_factory.mktemp("state"))
    yield enrolled
    if enrolled.is_running:
        enrolled.kill()


@pytest.fixture
def mortal_host(second_host: PretendHost) -> PretendHost:
    """A host whose agent runs, and may be killed and stopped."""
    if not second_host.is_running:
        second_host.start()
    return second_host
