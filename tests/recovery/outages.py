"""What an outage does to a loaded platform: the load and a looker-on around it, and the reckoning afterwards."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from django.db import connection
from onebox.shell import patience, wait_until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from apps.compute.models import Power, Vm
from apps.lifecycle.models import Operation, OperationStatus, State
from apps.portal.consumers import CONNECT_AGAIN
from tests.platform_fixtures import Platform
from tests.recovery.audit import audit
from tests.recovery.conftest import SETTLE_SECONDS, Site
from tests.recovery.load import UNHEARD, Ledger, Seen, load
from tests.recovery.outage_table import Row, tell
from tests.recovery.servers import OwnPostgres, OwnRedis

#: Accepted before the outage begins, and again after its end, before the load ends.
BEFORE = AFTER = 15
#: Seconds in which any request is answered, whatever is away.
ANSWERED = 10.0
#: Seconds after its end for which an outage may still be felt.
AFTERMATH = 2
#: Seconds between two looks at the page.
PAUSE = 0.4


@dataclass(frozen=True)
class Environment:
    """A platform whose PostgreSQL and broker are the test's own, and a tenant whose owner has a page open."""

    site: Site
    postgres: OwnPostgres
    broker: OwnRedis
    cookie: str

    @property
    def platform(self) -> Platform:
        return self.site.platform

    def page(self, path: str) -> tuple[int, str]:
        """Return status and text of a page. Raises OSError or HTTPException when the server is not there."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.platform.port, timeout=60)) as web:
            web.request("GET", path, headers={"Cookie": self.cookie})
            answer = web.getresponse()
            return answer.status, answer.read().decode()


def endure(environment: Environment, outage: str, harm: Callable[[], None]) -> None:
    """Let `harm` happen under load, wait for everything to settle, and fail if anything was lost or doubled."""
    start = database_time()
    with looking_on(environment) as looks, load(environment.site.api, environment.site.choices) as ledger:
        wait_until(lambda: ledger.accepted >= BEFORE, "the load to begin", seconds=60)
        started = time.monotonic()
        harm()
        ended, ended_there, accepted = time.monotonic(), database_time(), ledger.accepted
        wait_until(lambda: ledger.accepted >= accepted + AFTER, "changes to be accepted again", seconds=60)
    environment.site.settle()
    seen = [*ledger.seen, *looks]
    during = [one for one in seen if started <= one.at + one.seconds and one.at <= ended + AFTERMATH]
    row = reckoned(outage, ledger, start, users_saw(during))
    tell(row)
    assert (row.lost, row.doubled) == (0, 0), row
    late = Operation.objects.filter(finished_at__gt=ended_there + timedelta(seconds=patience(SETTLE_SECONDS)))
    assert not late.filter(created_at__lt=ended_there).exists(), row
    assert not ledger.odd, ledger.odd[:3]
    assert not ledger.refused, ledger.refused
    slow = [one for one in during if one.seconds > patience(ANSWERED)]
    assert not slow, f"{len(slow)} requests were not answered in time, such as {slow[0]}"
    assert audit() == []


def reckoned(outage: str, ledger: Ledger, start: datetime, saw: str) -> Row:
    """Compare what was promised with the rows of a platform at rest."""
    rows = {str(row.pk): row for row in Operation.objects.filter(created_at__gte=start)}
    for key, row in rows.items():  # deletes whose answer was lost
        if row.verb == "vm.delete" and ledger.deleted.get(str(row.target_id)) == UNHEARD:
            ledger.deleted[str(row.target_id)] = key
    by_status = {
        status: {key for key, row in rows.items() if row.status == status} for status in OperationStatus
    }
    # A delete pushes aside the create it comes upon: then nothing being left is what was promised last.
    aside = by_status[OperationStatus.CANCELLED] & {ledger.created[vm] for vm in ledger.deleted}
    done = ledger.operations & (by_status[OperationStatus.DONE] | aside)
    failed = {key for key in by_status[OperationStatus.FAILED] & ledger.operations if rows[key].error["hint"]}
    kept = {vm for vm in ledger.created if vm not in ledger.deleted and ledger.created[vm] not in failed}
    there = set(map(str, Vm.objects.filter(created_at__gte=start).values_list("pk", flat=True)))
    running = Vm.objects.filter(pk__in=kept, state=State.READY, power_seen=Power.ON).count()
    waits = [row.finished_at - row.created_at for row in rows.values() if row.finished_at]
    return Row(
        outage,
        accepted=ledger.accepted,
        done=len(done),
        failed=len(failed),
        lost=len(ledger.operations - done - failed) + len(kept) - running,
        doubled=len(set(rows) - ledger.operations) + len(there - set(ledger.created)),
        longest_seconds=max(wait.total_seconds() for wait in waits),
        users_saw=saw,
    )


def users_saw(seen: Sequence[Seen]) -> str:
    """Say how requests sent during an outage were answered, and how long the slowest of each kind took."""
    kinds: dict[str, list[float]] = {}
    for one in seen:
        answer = "no answer" if one.status is None else f"{one.status} {one.code}".strip()
        kinds.setdefault(answer, []).append(one.seconds)
    told = [f"{len(took)} × {kind} (≤ {max(took):.1f} s)" for kind, took in sorted(kinds.items())]
    return ", ".join(told) or "no request came in that time"


def database_time() -> datetime:
    """Return the time by PostgreSQL's clock, over a new connection: an outage may have cut the old one."""
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone()
    assert isinstance(now, datetime)
    return now


def one_look(environment: Environment) -> Seen:
    """Load the list of VMs."""
    started, status, text = time.monotonic(), None, ""
    with suppress(OSError, http.client.HTTPException):
        status, text = environment.page("/vms/")
    code = "platform.unavailable" if "platform.unavailable" in text else ""
    return Seen(started, time.monotonic() - started, status, code)


def asked_at_once(environment: Environment, count: int) -> list[Seen]:
    """Load the list of VMs so many times side by side."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _number: one_look(environment), range(count)))


@contextmanager
def open_socket(environment: Environment) -> Iterator[ClientConnection]:
    """Give the socket of an open page that is ready to hear."""
    url = f"127.0.0.1:{environment.platform.port}"
    cookie = {"Cookie": environment.cookie}
    with connect(f"ws://{url}/ws/page/", origin=Origin(f"http://{url}"), additional_headers=cookie) as socket:
        assert "ready" in json.loads(socket.recv(10))
        yield socket


def knows_that_it_missed_something(socket: ClientConnection) -> None:
    """Fail unless the page was told to connect again: it then fetches everything again."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            socket.recv(10)
    assert closed.value.rcvd is not None and closed.value.rcvd.code == CONNECT_AGAIN


def pages_hear(environment: Environment) -> None:
    """Fail unless an open page hears of what web accepts and of what the worker then does.

    One that was opened just before web noticed that Redis is another is told to connect again, and does.
    """
    try:
        hears_of_a_vm(environment)
    except ConnectionClosed as closed:
        assert closed.rcvd is not None and closed.rcvd.code == CONNECT_AGAIN
        hears_of_a_vm(environment)


def hears_of_a_vm(environment: Environment) -> None:
    """Open a page and wait until it was told what the worker has done with a VM, and then what web has."""
    with open_socket(environment) as socket:
        vm = environment.site.ask_for_vm("heard")
        environment.site.settle()
        wait_to_hear(socket, "operation", str(Operation.objects.get(target_id=vm).pk))
        assert environment.site.api.ask("PATCH", f"/vms/{vm}", {"description": "heard"}).status == 200
        wait_to_hear(socket, "vm", vm)


def wait_to_hear(socket: ClientConnection, kind: str, id: str) -> None:
    """Wait until the page is told that this has changed. What changes within moments comes in one message."""
    heard: list[tuple[str, str]] = []
    while (kind, id) not in heard:
        said = json.loads(socket.recv(10))
        heard = [(change["kind"], change["id"]) for change in (said if isinstance(said, list) else [said])]


@contextmanager
def looking_on(environment: Environment) -> Iterator[list[Seen]]:
    """Ask for the list of VMs again and again, as an open page does; give what came of it."""
    seen: list[Seen] = []
    enough = threading.Event()

    def look() -> None:
        while not enough.wait(PAUSE):
            seen.append(one_look(environment))

    looker = threading.Thread(target=look, daemon=True)
    looker.start()
    try:
        yield seen
    finally:
        enough.set()
        looker.join(60)
