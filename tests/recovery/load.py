"""Clients that create and delete VMs through the API all the while, and note every answer they get.

A request whose answer did not come, or was a 5xx, is sent again with the same Idempotency-Key until it is answered:
what a careful program does. So each request has exactly one outcome, whatever happened to the platform meanwhile.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

from tests.platform_fixtures import Answer, Api

#: Requests a second of all clients together, at most, and how long a client waits before it sends one again.
PACE = 8.0
AGAIN_SECONDS = 0.3
CLIENTS = 4
#: VMs a client keeps before it deletes its oldest.
KEPT = 3
#: Every so many creates, a VM is deleted at once, whatever its creation has come to.
SHORT_LIVED = 4
#: Stands for the operation of a delete whose answer was lost.
UNHEARD = ""


@dataclass(frozen=True)
class Seen:
    """One answer, or that there was none. `at`: seconds of the monotonic clock when it was sent."""

    at: float
    seconds: float
    status: int | None
    code: str


@dataclass
class Ledger:
    """What was requested, and what was promised. Written by all clients under `mutex`."""

    created: dict[str, str] = field(default_factory=dict)  # VM → operation
    deleted: dict[str, str] = field(default_factory=dict)  # VM → operation
    refused: Counter[str] = field(default_factory=Counter)
    seen: list[Seen] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)  # what no client should ever get
    mutex: threading.Lock = field(default_factory=threading.Lock)

    @property
    def accepted(self) -> int:
        return len(self.created) + len(self.deleted)

    @property
    def operations(self) -> set[str]:
        return {*self.created.values(), *self.deleted.values()}


class Client:
    """One of the load's clients."""

    def __init__(self, api: Api, body: dict[str, Any], ledger: Ledger, enough: threading.Event) -> None:
        self._api, self._body, self._ledger, self._enough = api, body, ledger, enough
        self._vms: list[str] = []
        self._turns = 0

    def run(self) -> None:
        """Ask until `enough` is set and the last request is answered."""
        while not self._enough.wait(CLIENTS / PACE):
            self._turns += 1
            if len(self._vms) > KEPT:
                self._delete(self._vms.pop(0))
            else:
                self._create()

    def _create(self) -> None:
        key = str(uuid.uuid4())
        answer, _unheard = self._insist("POST", "/vms", {**self._body, "name": f"vm-{key[:8]}"}, key)
        if answer.status != 202:
            self._refused(answer)
            return
        vm, operation = answer.body["resources"][0]["id"], answer.body["operations"][0]["id"]
        with self._ledger.mutex:
            self._ledger.created[vm] = operation
        if self._turns % SHORT_LIVED:
            self._vms.append(vm)
        else:
            self._delete(vm)

    def _delete(self, vm: str) -> None:
        answer, unheard = self._insist("DELETE", f"/vms/{vm}")
        if answer.status == 202:
            operation = answer.body["operation"]["id"]
        elif unheard and answer.body["code"] in ("not_found", "operation.busy"):
            operation = UNHEARD  # an earlier one was accepted: deletes need no key to be sent again
        else:
            self._refused(answer)
            return
        with self._ledger.mutex:
            self._ledger.deleted[vm] = operation

    def _insist(self, method: str, path: str, body: object = None, key: str = "") -> tuple[Answer, bool]:
        """Send it until it is answered by something else than "not now"; and was one sent that got no answer?"""
        unheard = False
        while True:
            answer = self._once(lambda: self._api.ask(method, path, body, key=key))
            if answer is not None and answer.status < 500:
                return answer, unheard
            unheard = True
            time.sleep(AGAIN_SECONDS)  # the client's own patience, not a wait for anything

    def _once(self, send: Callable[[], Answer]) -> Answer | None:
        started = time.monotonic()
        try:
            answer = send()
        except (OSError, HTTPException):
            answer = None
        code = answer.body.get("code", "") if answer is not None and isinstance(answer.body, dict) else ""
        status = answer.status if answer is not None else None
        with self._ledger.mutex:
            self._ledger.seen.append(Seen(started, time.monotonic() - started, status, code))
            if status is not None and status >= 500 and (status, code) != (503, "platform.unavailable"):
                self._ledger.odd.append(f"{status} {answer and answer.body}")
        return answer

    def _refused(self, answer: Answer) -> None:
        with self._ledger.mutex:
            self._ledger.refused[f"{answer.status} {answer.body['code']}"] += 1


@contextmanager
def load(api: Api, body: dict[str, Any]) -> Iterator[Ledger]:
    """Run the clients for the length of the block; at its end every request of theirs has been answered."""
    ledger, enough = Ledger(), threading.Event()
    clients = [
        threading.Thread(target=Client(api, body, ledger, enough).run, daemon=True) for _ in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    try:
        yield ledger
    finally:
        enough.set()
        for client in clients:
            client.join(60)
    assert not any(client.is_alive() for client in clients), "a request was not answered for a minute"
