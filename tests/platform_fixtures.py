"""The platform's own processes (web, worker, beat, console proxy) as `make run` starts them, on the test database.

They live in processes of their own, so a test can kill any of them; what is seen of them is seen through the API, the
pages and the rows they leave. Each platform has its own settings file, logs and ports in a directory of its own.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import redis
from django.conf import global_settings, settings
from django.db import connection
from django.test import override_settings
from pytest_django.plugin import DjangoDbBlocker

from apps.infrastructure import backends
from tests.drivers.redis_server import running_redis
from tests.lasting_database import EMPTY, LastingDatabase

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "docker"))

from onebox import instance as instances
from onebox import processes, product, proxy
from onebox.instance import Instance
from onebox.processes import Process
from onebox.shell import wait_until, write

#: What keys of the pretend region begin with.
WORLD = "scloud-memory"
NAMES = ("proxy", "web", "worker", "beat", "console")


@dataclass
class Platform:
    """Processes that share one settings file. `instance` is a directory and two ports, with no hosts of its own."""

    instance: Instance

    @property
    def port(self) -> int:
        """Port of the web process."""
        return self.instance.web_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def process(self, name: str) -> Process:
        """Return what `make run` would start under this name."""
        return next(process for process in processes.all_of(self.instance) if process.name == name)

    def start(self, *names: str | Process) -> None:
        """Start processes, by name or described, side by side, and wait until they listen.

        The web process is reached through its reverse proxy only, which therefore comes and goes with it.
        """
        if any((name if isinstance(name, str) else name.name) == "web" for name in names):
            names = (*names, "proxy")
        wanted = [self.process(name) if isinstance(name, str) else name for name in names]
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda process: processes.start(self.instance, process), wanted))

    def collect_static(self) -> None:
        """Gather what pages load, once for all platforms of a run."""
        if not (_static_root(self.instance.var) / "staticfiles.json").exists():
            self.manage("collectstatic", "--noinput", "--verbosity", "0")

    def pid(self, name: str) -> int | None:
        return processes.pid(self.instance, name)

    def kill(self, name: str) -> None:
        """kill -9, children included; with the web process its proxy, so that clients see their connections break."""
        if name == "web" and self.pid("proxy") is not None:
            self.kill("proxy")
        pid = self.pid(name)
        assert pid is not None, f"{name} does not run"
        os.killpg(pid, signal.SIGKILL)
        wait_until(lambda: self.pid(name) is None, f"end of {name}", seconds=10)

    def stop(self, *names: str) -> None:
        """End processes as `make stop` does; all of them when none is named."""
        names = ("proxy", *names) if "web" in names else names
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda name: processes.stop(self.instance, name), names or NAMES))

    def log(self, name: str) -> str:
        """Return what a process has said."""
        path = self.instance.logs / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def manage(self, *args: str) -> str:
        """Run a management command with the platform's settings."""
        return product.manage(self.instance, *args)

    def client(self, token: str) -> Api:
        """Return a client of the API."""
        return Api(self.port, token)


@dataclass(frozen=True)
class Answer:
    """What the API said."""

    status: int
    body: Any


class Api:
    """A client of the API."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: object = None, *, key: str = "") -> Answer:
        """Send one request to /api/v1`path`. Raises OSError or HTTPException when the server is not there."""
        headers = self._headers | ({"Idempotency-Key": key} if key else {})
        # A connection for each: the server closes idle ones, and tests kill the server.
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)) as connection:
            connection.request(method, f"/api/v1{path}", None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            text = response.read()
        is_json = "json" in response.headers.get("Content-Type", "")
        return Answer(response.status, json.loads(text) if is_json and text else text)

    def get(self, path: str) -> Any:
        """Return what is at a path; fails the test when it is not there."""
        answer = self.ask("GET", path)
        assert answer.status == 200, (path, answer)
        return answer.body

    def change(self, method: str, path: str, body: object = None, *, key: str = "") -> Any:
        """Ask for a change and return what was accepted; fails the test when it is refused."""
        answer = self.ask(method, path, body, key=key)
        assert answer.status == 202, (method, path, answer)
        return answer.body


def free_port() -> int:
    """Return a port of the loopback interface that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def platform(directory: Path, environment: Mapping[str, str]) -> Iterator[Platform]:
    """Give a platform whose settings are `environment` and the test database; ends its processes."""
    values = {
        **environment,
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "scloud_console.settings",
        "SCLOUD_WEB_PORT": str(free_port()),
        "SCLOUD_CONSOLE_PORT": str(console_port := free_port()),
        "SCLOUD_CONSOLE_LISTEN": f"127.0.0.1:{console_port}",
        "SCLOUD_CONSOLE_NATIVE_ADDRESS": "127.0.0.1",
        "SCLOUD_STATIC_ROOT": str(_static_root(directory)),
        "SCLOUD_UPLOAD_DIR": str(directory / "uploads"),
    }
    write(directory / "env", "".join(f"{name}={value}\n" for name, value in values.items()), 0o600)
    made = Platform(replace(instances.find("test"), var=directory))
    try:
        yield made
    finally:
        made.stop()
        proxy.remove_socket(made.instance)


def _static_root(directory: Path) -> Path:
    """Return where all platforms beside one another keep their static files."""
    return directory.parent / "static"


def database_url() -> str:
    """Return the tests' own database, as another process reaches it."""
    database = connection.settings_dict
    login = f"{quote(database['USER'])}:{quote(database['PASSWORD'], safe='')}"
    tls = {name: value for name, value in database["OPTIONS"].items() if name.startswith("ssl")}
    where = f"{database['HOST']}:{database['PORT']}/{database['NAME']}"
    return f"postgresql://{login}@{where}?{urlencode(tls)}"


@pytest.fixture(scope="session")
def lasting_database(
    django_test_environment: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[LastingDatabase]:
    """The database of `lasting_rows`."""
    made = LastingDatabase("platform")
    yield made
    with django_db_blocker.unblock():
        made.destroy()


@pytest.fixture(scope="module")
def lasting_rows(lasting_database: LastingDatabase, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Let the module's tests share rows, which other processes see too, in a database of their own."""
    with django_db_blocker.unblock(), lasting_database.in_use():
        yield
        lasting_database.put_back(EMPTY)


@contextmanager
def drivers_of(values: Mapping[str, str]) -> Iterator[None]:
    """Let this process reach the same hosts and pretend region as a platform's processes do."""
    caches = (backends.redis_client, backends._redis_world, backends._post, backends._remote_named)
    redis_url = values["REDIS_URL"]
    world = values.get("SCLOUD_MEMORY_WORLD", "process")
    with override_settings(
        REDIS_URL=redis_url,
        CELERY_BROKER_URL=redis_url,
        MEMORY_WORLD=world,
        MEMORY_REDIS_URL=values.get("SCLOUD_MEMORY_REDIS", redis_url),
        PASSWORD_HASHERS=global_settings.PASSWORD_HASHERS,  # those of the processes, not the tests' quick one
    ):
        for cache in caches:
            cache.cache_clear()
        yield
    for cache in caches:
        cache.cache_clear()


def pretend_settings(redis_port: int, world: str) -> dict[str, str]:
    """Return the settings of a platform whose Redis, and pretend hosts, are at this port."""
    return {
        "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
        "SCLOUD_MEMORY_WORLD": world,
        "SCLOUD_SECRET_KEY": settings.SECRET_KEY,
        "SCLOUD_FIELD_KEY": settings.FIELD_KEY,
    }


@contextmanager
def pretend_platform(directory: Path, world: str) -> Iterator[Platform]:
    """Give a platform with a Redis of its own, for pretend hosts in that Redis ("redis") or its worker ("process")."""
    with running_redis(directory) as port:
        values = pretend_settings(port, world)
        with drivers_of(values), platform(directory, values) as made:
            yield made


@dataclass
class SharedPlatform:
    """A platform whose web process and console proxy go on from module to module; its worker and beat do not."""

    platform: Platform
    values: dict[str, str]
    _worlds: dict[str, dict[bytes, bytes]] = field(default_factory=dict)

    def keep_world(self, content: str) -> None:
        """Remember the pretend region under a name."""
        client = redis.Redis.from_url(self.values["REDIS_URL"])
        self._worlds[content] = {key: client.dump(key) for key in client.scan_iter(f"{WORLD}:*", count=1000)}

    def put_back_world(self, content: str) -> None:
        """Have the empty pretend region be what was kept."""
        client = redis.Redis.from_url(self.values["REDIS_URL"])
        for key, value in self._worlds[content].items():
            client.restore(key, 0, value)

    def forget(self) -> None:
        """End what acts by itself, and leave nothing of the module in Redis or the logs.

        Bindings of queues stay: who sends keeps in mind that they were made.
        """
        for name in ("worker", "beat"):
            if self.platform.pid(name) is not None:
                self.platform.kill(name)
        client = redis.Redis.from_url(self.values["REDIS_URL"])
        if keys := [key for key in client.scan_iter(count=1000) if not key.startswith(b"_kombu.binding.")]:
            client.delete(*keys)
        for log in self.platform.instance.logs.glob("*.log"):
            os.truncate(log, 0)


@pytest.fixture(scope="session")
def shared_platform(
    lasting_database: LastingDatabase,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[SharedPlatform]:
    """The platform of `memory_platform`."""
    directory = tmp_path_factory.mktemp("platform")
    with ExitStack() as stack:
        values = pretend_settings(stack.enter_context(running_redis(directory)), "redis")
        with django_db_blocker.unblock(), lasting_database.in_use():
            made = stack.enter_context(platform(directory, values))
        yield SharedPlatform(made, values)


@pytest.fixture(scope="module")
def memory_platform(lasting_rows: None, shared_platform: SharedPlatform) -> Iterator[Platform]:
    """A platform on pretend hosts that outlive its processes, without rows; no worker and no beat runs yet."""
    with drivers_of(shared_platform.values):
        yield shared_platform.platform
        shared_platform.forget()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let modules that share a platform follow one another, at the end: no process of it runs beside other tests."""
    last = {
        item.path: place
        for place, fixture in enumerate(("shared_platform", "shared_site"), 1)
        for item in items
        if fixture in getattr(item, "fixturenames", ())
    }
    items.sort(key=lambda item: last.get(item.path, 0))
