"""PostgreSQL, Redis, beat and every process go away under load, on pretend hosts: nothing is lost, nothing doubled."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from django.conf import settings
from onebox import packages
from onebox.processes import Process
from onebox.shell import patience, write
from pytest_django.plugin import DjangoDbBlocker

from apps.accounts.models import User
from tests.factories import page_client
from tests.platform_fixtures import drivers_of, platform
from tests.recovery.conftest import WHAT_SETTLES, peopled
from tests.recovery.load import Seen
from tests.recovery.outages import (
    ANSWERED,
    Environment,
    asked_at_once,
    endure,
    knows_that_it_missed_something,
    open_socket,
    pages_hear,
)
from tests.recovery.servers import own_postgres, own_redis, rows_on

# They need no real hosts, but minutes.
pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(240),
    pytest.mark.requirement("OP-1", "OP-2"),
    pytest.mark.campaign(
        "outages", (*WHAT_SETTLES, "tests/recovery/outages.py", "tests/recovery/load.py"), share=4
    ),
]

AWAY_SECONDS = 15
BROKER_AWAY_SECONDS = 8
#: Requests at once while PostgreSQL is away: as many as the pool has connections.
RUSH = 20
#: How long two beats run, or none, or clocks are wrong.
A_WHILE = 4
STEP_SECONDS = 600


@pytest.fixture(scope="module")
def environment(
    django_test_environment: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Environment]:
    """Web, worker and beat with a PostgreSQL and a broker of their own; the pretend machines are in another Redis."""
    place = tmp_path_factory.mktemp("outages")
    with (
        own_postgres(place / "pg") as postgres,
        own_redis(place / "broker") as broker,
        own_redis(place / "world") as world,
    ):
        values = {
            "REDIS_URL": broker.url,
            "SCLOUD_MEMORY_WORLD": "redis",
            "SCLOUD_MEMORY_REDIS": world.url,
            "SCLOUD_SECRET_KEY": settings.SECRET_KEY,
            "SCLOUD_FIELD_KEY": settings.FIELD_KEY,
        }
        with (
            django_db_blocker.unblock(),
            rows_on(postgres),
            drivers_of(values),
            platform(place, values) as made,
        ):
            made.collect_static()
            site = peopled(made)
            User.objects.filter(username="alice").update(must_change_password=False)
            session = page_client(User.objects.get(username="alice")).cookies["sessionid"].value
            yield Environment(site, postgres, broker, f"sessionid={session}")


@pytest.fixture(autouse=True)
def nothing_left_over(environment: Environment) -> Iterator[None]:
    """Start every test with the usual processes and end it with no VM."""
    environment.platform.start("web", "worker", "beat")
    yield
    environment.platform.start("web", "worker", "beat")
    environment.site.empty()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_postgresql_is_restarted(environment: Environment, mode: str) -> None:
    def restart() -> None:
        environment.postgres.stop(mode)
        environment.postgres.start()

    endure(environment, f"PostgreSQL restarted (`{mode}`)", restart)


@pytest.mark.campaign_core
@pytest.mark.requirement("OP-5")
def test_postgresql_is_away(environment: Environment) -> None:
    rush: list[Seen] = []

    def stay_away() -> None:
        until = time.monotonic() + AWAY_SECONDS
        environment.postgres.stop()
        rush.extend(asked_at_once(environment, RUSH))
        time.sleep(max(0.0, until - time.monotonic()))  # how long the outage lasts
        environment.postgres.start()

    endure(environment, f"PostgreSQL away for {AWAY_SECONDS} s", stay_away)
    assert {(one.status, one.code) for one in rush} == {(503, "platform.unavailable")}
    assert max(one.seconds for one in rush) < patience(ANSWERED)


@pytest.mark.parametrize("loses", [False, True], ids=["keeps its data", "loses its data"])
def test_redis_is_restarted(environment: Environment, loses: bool) -> None:
    def restart() -> None:
        environment.broker.stop()
        if loses:
            environment.broker.lose_everything()
        environment.broker.start()

    with open_socket(environment) as page:
        endure(environment, "Redis restarted, all its data lost" if loses else "Redis restarted", restart)
        knows_that_it_missed_something(page)
    pages_hear(environment)


def test_redis_is_away(environment: Environment) -> None:
    def stay_away() -> None:
        environment.broker.stop()
        time.sleep(BROKER_AWAY_SECONDS)  # how long the outage lasts
        environment.broker.start()

    endure(environment, f"Redis away for {BROKER_AWAY_SECONDS} s", stay_away)


def test_two_beats_run_at_once(environment: Environment) -> None:
    usual = environment.platform.process("beat")
    args = tuple(arg.replace("/beat", "/second-beat") for arg in usual.args)
    second = Process("second beat", args, says=usual.says)

    def both() -> None:
        environment.platform.start(second)
        time.sleep(A_WHILE)  # so long they ring together
        environment.platform.kill(second.name)

    endure(environment, "two beats at once", both)


def test_beat_is_away(environment: Environment) -> None:
    def stay_away() -> None:
        environment.platform.kill("beat")
        time.sleep(A_WHILE)  # so long nothing sweeps
        environment.platform.start("beat")

    endure(environment, f"no beat for {A_WHILE} s", stay_away)


def test_each_process_is_killed_in_turn(environment: Environment) -> None:
    def kill_all() -> None:
        for name in ("web", "worker", "beat"):
            environment.platform.kill(name)
            environment.platform.start(name)

    endure(environment, "web, worker, beat killed in turn (`kill -9`)", kill_all)


@pytest.fixture(scope="module")
def clocks(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clocks]:
    """Web, worker and beat with clocks of their own, which go as PostgreSQL's until a test steps them."""
    directory = tmp_path_factory.mktemp("clocks")
    packages.install(("libfaketime",), directory / "packages.log")
    made = Clocks(directory)
    made.step(web=0, worker=0, beat=0)
    shifted = [made.shifted(environment.platform.process(name)) for name in made.names]
    for name in made.names:
        environment.platform.kill(name)
    environment.platform.start(*shifted)
    yield made
    for name in made.names:
        environment.platform.kill(name)
    environment.platform.start(*made.names)


@dataclass(frozen=True)
class Clocks:
    """Files that say how many seconds the processes' clocks are off."""

    directory: Path
    names: tuple[str, ...] = ("web", "worker", "beat")

    def shifted(self, usual: Process) -> Process:
        """Return the same process with such a clock."""
        _module, *program = usual.args
        entry = ("-m", "tests.recovery.shifted_entry", str(self.directory / usual.name))
        return replace(usual, args=(*entry, *program))

    def step(self, **seconds: int) -> None:
        """Set clocks; a process notices within a second."""
        for name, offset in seconds.items():
            write(self.directory / name, f"{offset:+d}\n")


@pytest.mark.parametrize(
    ("web", "worker", "what"),
    [
        (STEP_SECONDS, STEP_SECONDS, "clocks 10 minutes forwards, then right again"),
        (-STEP_SECONDS, -STEP_SECONDS, "clocks 10 minutes backwards, then right again"),
        (STEP_SECONDS, -STEP_SECONDS, "web's clock forwards, the workers' backwards, then right again"),
    ],
)
def test_clocks_are_stepped(
    environment: Environment, clocks: Clocks, web: int, worker: int, what: str
) -> None:
    def step() -> None:
        clocks.step(web=web, worker=worker, beat=worker)
        time.sleep(A_WHILE)  # so long they are wrong
        clocks.step(web=0, worker=0, beat=0)

    endure(environment, what, step)
