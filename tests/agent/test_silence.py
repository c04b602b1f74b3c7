"""A host that does not answer keeps nobody waiting who could do something else."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from onebox.shell import patience

from apps.drivers.bulkhead import MOST_WAITING
from apps.drivers.errors import DriverError
from apps.drivers.remote import SILENT_SECONDS, RemoteHost
from apps.drivers.reports import KEPT_SECONDS, heartbeat_key
from tests.agent.conftest import PretendHost, enrol
from tests.drivers.samples import new_id

pytestmark = pytest.mark.requirement("OP-2")


@pytest.fixture
def dead(redis_port: int, tmp_path: Path) -> PretendHost:
    """A host whose agent reported a moment ago, and does no more."""
    enrolled = enrol(f"host-{new_id()[:8]}", redis_port, tmp_path)
    enrolled.client.set(heartbeat_key(enrolled.name), "", ex=KEPT_SECONDS)
    return enrolled


@pytest.fixture
def host(mortal_host: PretendHost) -> PretendHost:
    return mortal_host


def ask(remote: RemoteHost) -> tuple[str, float]:
    """Ask for a VM's status; return the error's code and how many seconds that took."""
    started = time.monotonic()
    try:
        remote.hypervisor().status(new_id())
    except DriverError as error:
        return error.code, time.monotonic() - started
    return "", time.monotonic() - started


def fall_silent(host: PretendHost) -> None:
    """Have the last report look older than a host may be silent."""
    left = int(1000 * (KEPT_SECONDS - SILENT_SECONDS - 1))
    host.client.pexpire(heartbeat_key(host.name), left)


def test_a_host_that_has_fallen_silent_is_not_asked_at_all(dead: PretendHost) -> None:
    fall_silent(dead)
    with pytest.raises(DriverError, match=r"has not reported for 1[3-9] s") as caught:
        dead.remote().hypervisor().status(new_id())
    assert caught.value.code == "host.unreachable"
    assert dead.client.llen(f"host.{dead.name}") == 0, "an order was left for it"
    code, seconds = ask(dead.remote())
    assert code == "host.unreachable"
    assert seconds < patience(0.5)


def test_who_waits_for_a_host_that_falls_silent_is_let_go(dead: PretendHost) -> None:
    remote = dead.remote(timeout=20)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(ask, remote)
        fall_silent(dead)
        code, seconds = waiting.result()
    assert code == "host.unreachable"
    assert seconds < patience(5)


def test_a_dead_host_holds_no_more_threads_than_its_share(dead: PretendHost) -> None:
    remote = dead.remote(timeout=4)
    with ThreadPoolExecutor(2 * MOST_WAITING) as threads:
        answers = list(threads.map(lambda _: ask(remote), range(2 * MOST_WAITING)))
    waited = [seconds for code, seconds in answers if code == "host.unreachable"]
    refused = [seconds for code, seconds in answers if code == "host.busy"]
    assert len(waited) == len(refused) == MOST_WAITING
    assert max(refused) < 3 < min(waited)
    code, _seconds = ask(remote)
    assert code == "host.unreachable", "one at a time still tries"


def test_orders_that_died_with_their_agent_are_given_up_once_it_is_back(host: PretendHost) -> None:
    """Not only when their time is over: an agent that systemd has started again is back within seconds."""
    host.kill()
    _stay_fresh(host, 60)
    remote = host.remote(timeout=60)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(ask, remote)
        _taken_by_the_one_that_died(host)
        host.start()
        back = time.monotonic()
        code, _seconds = waiting.result()
    assert code == "host.restarted"
    assert time.monotonic() - back < patience(5)
    assert ask(remote)[0] == ""


def _stay_fresh(host: PretendHost, seconds: int) -> None:
    """Have the last report count as new for so long: how fast an agent starts depends on the machine."""
    host.client.expire(heartbeat_key(host.name), KEPT_SECONDS + seconds)


def _taken_by_the_one_that_died(host: PretendHost) -> None:
    taken = host.client.brpop([f"host.{host.name}"], timeout=5)
    assert taken is not None
