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
from onebox.shell import write
from pytest_django.plugin import DjangoDbBlocker

from apps.accounts.models import User
from tests.factories import page_client
from tests.platform_fixtures import drivers_of, platform
from tests.recovery.conftest import WHAT_SETTLES, peopled
from tests.recovery.load import Seen
from tests.recovery.outages import (
    ANSWERED,
    Yard,
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
def yard(
    django_test_environment: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Yard]:
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
            yield Yard(site, postgres, broker, f"sessionid={session}")


@pytest.fixture(autouse=True)
def nothing_left_over(yard: Yard) -> Iterator[None]:
    """Start every test with the usual processes and end it with no VM."""
    yard.platform.start("web", "worker", "beat")
    yield
    yard.platform.start("web", "worker", "beat")
    yard.site.empty()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_postgresql_is_restarted(yard: Yard, mode: str) -> None:
    def restart() -> None:
        yard.postgres.stop(mode)
        yard.postgres.start()

    endure(yard, f"PostgreSQL restarted (`{mode}`)", restart)


@pytest.mark.campaign_core
@pytest.mark.requirement("OP-5")
def test_postgresql_is_away(yard: Yard) -> None:
    rush: list[Seen] = []

    def stay_away() -> None:
        until = time.monotonic() + AWAY_SECONDS
        yard.postgres.stop()
        rush.extend(asked_at_once(yard, RUSH))
        time.sleep(max(0.0, until - time.monotonic()))  # how long the outage lasts
        yard.postgres.start()

    endure(yard, f"PostgreSQL away for {AWAY_SECONDS} s", stay_away)
    assert {(one.status, one.code) for one in rush} == {(503, "platform.unavailable")}
    assert max(one.seconds for one in rush) < ANSWERED


@pytest.mark.parametrize("loses", [False, True], ids=["keeps its data", "loses its data"])
def test_redis_is_restarted(yard: Yard, loses: bool) -> None:
    def restart() -> None:
        yard.broker.stop()
        if loses:
            yard.broker.lose_everything()
        yard.broker.start()

    with open_socket(yard) as page:
        endure(yard, "Redis restarted, all its data lost" if loses else "Redis restarted", restart)
        knows_that_it_missed_something(page)
    pages_hear(yard)


def test_redis_is_away(yard: Yard) -> None:
    def stay_away() -> None:
        yard.broker.stop()
        time.sleep(BROKER_AWAY_SECONDS)  # how long the outage lasts
        yard.broker.start()

    endure(yard, f"Redis away for {BROKER_AWAY_SECONDS} s", stay_away)


def test_two_beats_run_at_once(yard: Yard) -> None:
    usual = yard.platform.process("beat")
    args = tuple(arg.replace("/beat", "/second-beat") for arg in usual.args)
    second = Process("second beat", args, says=usual.says)

    def both() -> None:
        yard.platform.start(second)
        time.sleep(A_WHILE)  # so long they ring together
        yard.platform.kill(second.name)

    endure(yard, "two beats at once", both)


def test_beat_is_away(yard: Yard) -> None:
    def stay_away() -> None:
        yard.platform.kill("beat")
        time.sleep(A_WHILE)  # so long nothing sweeps
        yard.platform.start("beat")

    endure(yard, f"no beat for {A_WHILE} s", stay_away)


def test_each_process_is_killed_in_turn(yard: Yard) -> None:
    def kill_all() -> None:
        for name in ("web", "worker", "beat"):
            yard.platform.kill(name)
            yard.platform.start(name)

    endure(yard, "web, worker, beat killed in turn (`kill -9`)", kill_all)


@pytest.fixture(scope="module")
def clocks(yard: Yard, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clocks]:
    """Web, worker and beat with clocks of their own, which go as PostgreSQL's until a test steps them."""
    directory = tmp_path_factory.mktemp("clocks")
    packages.install(("libfaketime",), directory / "packages.log")
    made = Clocks(directory)
    made.step(web=0, worker=0, beat=0)
    shifted = [made.shifted(yard.platform.process(name)) for name in made.names]
    for name in made.names:
        yard.platform.kill(name)
    yard.platform.start(*shifted)
    yield made
    for name in made.names:
        yard.platform.kill(name)
    yard.platform.start(*made.names)


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
def test_clocks_are_stepped(yard: Yard, clocks: Clocks, web: int, worker: int, what: str) -> None:
    def step() -> None:
        clocks.step(web=web, worker=worker, beat=worker)
        time.sleep(A_WHILE)  # so long they are wrong
        clocks.step(web=0, worker=0, beat=0)

    endure(yard, what, step)
