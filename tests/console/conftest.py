"""A console proxy of the tests' own, in a process of its own, on the tests' database."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings

from tests.platform_fixtures import database_url

DEADLINE_SECONDS = 60


def wait_until(reached: Callable[[], Any], message: str, within: float = DEADLINE_SECONDS) -> Any:
    """Return what `reached` returns once it is true."""
    end = time.monotonic() + within
    while not (value := reached()):
        assert time.monotonic() < end, message
        time.sleep(0.02)
    return value


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Proxy:
    """A running proxy."""

    port: int
    native_port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/console-proxy/"

    @property
    def rss_mib(self) -> float:
        with open(f"/proc/{self.process.pid}/status") as status:
            line = next(line for line in status if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024


@contextmanager
def running_proxy(**environment: str) -> Iterator[Proxy]:
    """Start a proxy and stop it at the end."""
    port, native_port = free_port(), free_port()
    given = {
        **os.environ,
        "SCLOUD_NO_ENV_FILE": "1",
        "DATABASE_URL": database_url(),
        "REDIS_URL": settings.REDIS_URL,
        "SCLOUD_SECRET_KEY": settings.SECRET_KEY,
        "SCLOUD_FIELD_KEY": settings.FIELD_KEY,
        "SCLOUD_CONSOLE_LISTEN": f"127.0.0.1:{port}",
        "SCLOUD_CONSOLE_NATIVE_PORTS": f"{native_port}-{native_port + 3}",
        "DJANGO_SETTINGS_MODULE": "scloud_console.settings",
        **environment,
    }
    process = subprocess.Popen([sys.executable, "-m", "apps.console.proxy"], env=given, cwd=settings.BASE_DIR)
    try:
        wait_until(lambda: listens(port) or process.poll() is not None, "the proxy did not start")
        assert process.poll() is None, "the proxy ended at once"
        yield Proxy(port, native_port, process)
    finally:
        process.terminate()
        process.wait(30)


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="session")
def proxy(django_db_setup: None, django_db_blocker: Any) -> Iterator[Proxy]:
    """One proxy for the run, without native ports; tests that use it commit: `django_db(transaction=True)`."""
    with django_db_blocker.unblock(), running_proxy(SCLOUD_CONSOLE_NATIVE_PORTS="") as running:
        yield running
