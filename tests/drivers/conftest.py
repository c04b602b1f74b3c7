"""Backends that driver tests run against."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.onebox_fixtures import Onebox


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Start a Redis of our own on a socket of its own."""
    folder = Path(tempfile.mkdtemp(prefix="scloud-redis-"))
    socket = folder / "redis.sock"
    server = subprocess.Popen(
        ["redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder],
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for_redis(f"unix://{socket}")
        yield f"unix://{socket}"
    finally:
        server.terminate()
        server.wait(10)
        shutil.rmtree(folder)


def wait_for_redis(url: str) -> None:
    give_up = time.monotonic() + 10
    with redis.Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
                return
            except redis.ConnectionError:
                assert time.monotonic() < give_up, "redis-server did not start"
                time.sleep(0.02)


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    folder = tmp_path / "uploads"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def northbound(onebox: Onebox) -> str:
    """Address of the northbound database of the test instance."""
    return onebox.ovn_northbound
