"""A PostgreSQL and a Redis of a test's own, which it may stop, crash and empty."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.db import connection, connections
from onebox import accounts, pidfile, ports, postgres
from onebox.shell import run, wait_until

from tests.platform_fixtures import free_port

ROLE = "scloud"
PASSWORD = "only-on-loopback"
#: What commits survive a crash, as in production; the rest is for a small machine.
POSTGRES_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 100
shared_buffers = 32MB
fsync = on
synchronous_commit = on
jit = off
"""


@dataclass(frozen=True)
class OwnPostgres:
    """A cluster in `directory`; `start` and `stop` as often as a test likes."""

    directory: Path
    port: int

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def make(self) -> None:
        """Make the cluster, with one superuser who has a password."""
        accounts.own_directory(self.directory, postgres.USER)
        accounts.owned_file(self.directory / "password", PASSWORD, postgres.USER)
        secret = ("--pwfile", str(self.directory / "password"), "--auth", "scram-sha-256")
        self._run("initdb", "-D", str(self.data), "-U", ROLE, "-E", "UTF8", "--no-sync", *secret)
        settings = f"{POSTGRES_SETTINGS}port = {self.port}\n"
        accounts.owned_file(self.data / "postgresql.auto.conf", settings, postgres.USER)

    def start(self) -> None:
        """Start it and wait until it takes connections; after a crash that includes its recovery."""
        self._run("pg_ctl", "-D", str(self.data), "-l", str(self.directory / "log"), "-w", "-s", "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it. "immediate" is a crash: nothing is written out, the next start recovers."""
        if pidfile.daemon(self.data / "postmaster.pid", self.data) is not None:
            self._run("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "-s", "stop")

    def _run(self, program: str, *args: str) -> None:
        command = [*accounts.command_as(postgres.USER), str(postgres.binaries() / program), *args]
        run(command, cwd=Path("/"))


@dataclass(frozen=True)
class OwnRedis:
    """A Redis in `directory` that keeps its data as the product's does."""

    directory: Path
    port: int

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.directory.mkdir(exist_ok=True)
        place = ("--dir", str(self.directory), "--bind", "127.0.0.1", "--port", str(self.port))
        files = ("--pidfile", str(self.directory / "redis.pid"), "--logfile", str(self.directory / "log"))
        renewing_lease = ("--save", "", "--appendonly", "yes", "--daemonize", "yes")
        run(["redis-server", *place, *files, *renewing_lease])
        wait_until(lambda: ports.accepts(self.port), "Redis to answer", seconds=10, every=0.02)

    def stop(self) -> None:
        """End it; its data are on the disk."""
        pid = self._pid()
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: self._pid() is None, "end of Redis", seconds=10, every=0.02)

    def lose_everything(self) -> None:
        """Remove the data of the stopped server."""
        shutil.rmtree(self.directory / "appendonlydir")

    def _pid(self) -> int | None:
        return pidfile.daemon(self.directory / "redis.pid", self.directory)


@contextmanager
def own_postgres(directory: Path) -> Iterator[OwnPostgres]:
    """Give a running PostgreSQL, empty."""
    server = OwnPostgres(directory, free_port())
    server.make()
    server.start()
    try:
        yield server
    finally:
        server.stop("immediate")


@contextmanager
def own_redis(directory: Path) -> Iterator[OwnRedis]:
    """Give a running Redis, empty."""
    server = OwnRedis(directory, free_port())
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def rows_on(server: OwnPostgres) -> Iterator[None]:
    """Let this process's rows be in a fresh database of `server`."""
    _forget_connections()
    kept = dict(connection.settings_dict)
    # Without TLS: the server is the test's alone, on loopback.
    plain = {name: value for name, value in kept["OPTIONS"].items() if not name.startswith("ssl")}
    connection.settings_dict.update(
        HOST="127.0.0.1",
        PORT=str(server.port),
        USER=ROLE,
        PASSWORD=PASSWORD,
        NAME="postgres",
        OPTIONS=plain,
    )
    connection.settings_dict["TEST"] = {**kept["TEST"], "NAME": "outages"}
    try:
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        yield
    finally:
        _forget_connections()
        connection.settings_dict.update(kept)


def _forget_connections() -> None:
    connections.close_all()
    connections["default"].close_pool()  # type: ignore[attr-defined]  # PostgreSQL's has one
