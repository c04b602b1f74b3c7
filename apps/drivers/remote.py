"""The drivers of another host: each call is an order to its agent, built from the protocol."""

import time
import uuid
from collections.abc import Callable
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec
import redis.exceptions

from apps.drivers import orders, reports
from apps.drivers.bulkhead import Bulkhead
from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.host_verbs import Verb, verbs_of
from apps.drivers.hypervisor_errors import (
    UNREACHABLE,
    busy_host,
    restarted_agent,
    senseless_answer,
    silent_host,
    unreachable,
)
from apps.drivers.orders import ORDER, Answer, Fence, Order
from apps.drivers.protocols import Hypervisor, Volumes
from apps.drivers.redis_bounds import TooLong
from apps.drivers.sealing import Seal

if TYPE_CHECKING:
    import redis

P = TypeVar("P")
Post = Callable[[str, str, float], None]
"""Puts a sealed order on a host's queue, to be dropped if nobody took it within so many seconds."""
WAIT_SLICE = 1.0
SILENT_SECONDS = 2 * reports.PERIOD_SECONDS + 2
"""Two reports are missing: a host is not asked any more. The pages call it out of reach somewhat later."""
_encoder = msgspec.msgpack.Encoder()


class RemoteHost:
    """A host and the way to it. Cheap to make; all threads may use it. Times in seconds."""

    def __init__(
        self, name: str, client: "redis.Redis", seal_key: str | bytes, post: Post, *, timeout: float = 30.0
    ) -> None:
        self.name = name
        self._client = client
        self._seal = Seal(seal_key)
        self._post = post
        self._timeout = timeout
        self._bulkhead = Bulkhead()
        #: Called right before a change is ordered; raises `DriverError` when none may be any more.
        self.before_change: Callable[[], None] = lambda: None

    def driver(self, protocol: Callable[..., P], fence: Fence | None = None) -> P:
        """Return the host's driver of a protocol; its changes carry `fence`."""
        # `type[P]` would say it better; mypy takes no protocol for one.
        return cast("P", remote_class(protocol)(self, fence))

    def hypervisor(self, fence: Fence | None = None) -> Hypervisor:
        """Return the host's hypervisor."""
        return self.driver(Hypervisor, fence)

    def volumes(self, fence: Fence | None = None) -> Volumes:
        """Return the pools as this host sees them."""
        return self.driver(Volumes, fence)

    def call(self, verb: Verb, arguments: msgspec.Struct, fence: Fence | None = None) -> Any:
        """Send one order and wait for its answer. Fails at once where there is no use in waiting."""
        subject, raw = verb.subject_of(arguments), _encoder.encode(arguments)
        try:
            life = self._pulse().life
            with self._bulkhead.place(lambda: busy_host(self.name)):
                answer = self._ask(verb, subject, raw, fence, life)
        except TooLong as error:
            raise senseless_answer(self.name) from error
        except redis.exceptions.RedisError as error:
            raise DriverError(_("The message broker does not respond."), code="broker.unreachable") from error
        if answer.failure is not None:
            raise answer.failure.error()
        try:
            result = msgspec.msgpack.decode(answer.result, type=verb.result)
        except msgspec.MsgspecError as error:
            raise senseless_answer(self.name) from error
        if getattr(result, "id", subject) != subject:  # of another VM than the one that was requested
            raise senseless_answer(self.name)
        return result

    def _ask(self, verb: Verb, subject: str, raw: bytes, fence: Fence | None, life: bytes) -> Answer:
        if verb.changes:
            self.before_change()
        id, started = uuid.uuid4().hex, time.monotonic()
        order = Order(
            id, verb.name, subject, raw, time.time() + self._timeout, fence if verb.changes else None
        )
        self._post(self.name, self._seal.close(ORDER, order).decode(), self._timeout)
        try:
            sealed = self._wait(orders.answer_key(self.name, id), started + self._timeout, life)
        except DriverError as error:
            if error.code == UNREACHABLE:
                self._bulkhead.record_timeout(started)
            raise
        self._bulkhead.record_answer()
        return self._seal.open(orders.answer_purpose(id), sealed, Answer)

    def _wait(self, key: str, give_up: float, life: bytes) -> bytes:
        """Wait in slices: no time-out of the Redis client is ever reached, and an agent that dies is noticed."""
        while time.monotonic() < give_up:
            found = self._client.blpop([key], timeout=WAIT_SLICE)
            if found is not None:
                return cast("tuple[bytes, bytes]", found)[1]
            now = self._pulse().life
            if life and now and now != life:
                raise restarted_agent(self.name)
        raise unreachable(self.name)

    def _pulse(self) -> reports.Pulse:
        """An agent reports every few seconds: one that does not takes no orders either."""
        pulse = reports.read_pulse(self._client, self.name)
        if pulse.age > SILENT_SECONDS:
            raise silent_host(self.name, pulse.age)
        return pulse


class RemoteDriver:
    """A driver of a `RemoteHost`. Its methods are those of a protocol, each an order; see `remote_class`."""

    def __init__(self, host: RemoteHost, fence: Fence | None) -> None:
        self._host = host
        self._fence = fence


@cache
def remote_class(protocol: Any) -> type[RemoteDriver]:
    """Return the class of a protocol's remote drivers."""
    methods = {name: _sends(verb) for name, verb in verbs_of(protocol).items()}
    return type(f"Remote{protocol.__name__}", (RemoteDriver,), methods)


def _sends(verb: Verb) -> Callable[..., Any]:
    @wraps(verb.method)
    def send(driver: RemoteDriver, *values: Any, **named: Any) -> Any:
        return driver._host.call(verb, verb.pack(*values, **named), driver._fence)

    return send
