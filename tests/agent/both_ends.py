"""Both ends of a host's queue in one process, over a real Redis."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, cast

import msgspec
import redis
from cryptography.fernet import Fernet

from apps.agent.fences import Fences
from apps.agent.order_executor import OrderExecutor
from apps.agent.verbs import Handler
from apps.drivers import orders
from apps.drivers.orders import ORDER, Answer, Order
from apps.drivers.remote import RemoteHost
from apps.drivers.reports import heartbeat_key
from apps.drivers.sealing import Seal
from tests.drivers.samples import new_id


class Ends:
    """A host that is asked by `remote` and carries out at once; `sent` are the orders that went by."""

    def __init__(self, port: int, state: Path, served: dict[str, Handler]) -> None:
        self.key, self.client = Fernet.generate_key(), redis.Redis(port=port)
        self.name, self.sent = f"host-{new_id()[:8]}", list[Order]()
        fences = Fences(state / "fences.sqlite")
        self.agent = OrderExecutor(self.name, Seal(self.key), self.client, served, fences)
        self.client.set(heartbeat_key(self.name), "", ex=60)
        self.remote = RemoteHost(self.name, self.client, self.key, self.post, timeout=5)

    def post(self, _host: str, sealed: str, _seconds: float) -> None:
        self.sent.append(Seal(self.key).open(ORDER, sealed, Order))
        self.agent.take(sealed)

    def failure_of(self, verb: str, arguments: object) -> str:
        """Give the agent an order that no `RemoteHost` would make; return the code of its refusal."""
        order = Order(new_id(), verb, "", msgspec.msgpack.encode(arguments), time.time() + 5)
        self.agent.take(Seal(self.key).close(ORDER, order).decode())
        found = cast("Any", self.client.blpop([orders.answer_key(self.name, order.id)], timeout=5))
        answer = Seal(self.key).open(orders.answer_purpose(order.id), found[1], Answer)
        assert answer.failure is not None
        return f"{answer.failure.code} {answer.failure.error().message}"
