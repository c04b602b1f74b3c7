"""Taking an order: unseal, check, do, answer."""

import contextlib
import logging
import sqlite3
import time
import traceback
from typing import TYPE_CHECKING

from apps.agent.fences import Fences
from apps.agent.subject_locks import SubjectLocks
from apps.agent.verbs import Handler, unknown_verb
from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.orders import (
    ANSWER_KEPT_SECONDS,
    ORDER,
    Answer,
    Failure,
    Order,
    answer_key,
    answer_purpose,
)
from apps.drivers.sealing import Seal

if TYPE_CHECKING:
    import redis

log = logging.getLogger(__name__)


class OrderExecutor:
    """Handles the orders of one host, from many threads at once."""

    def __init__(
        self, host: str, seal: Seal, client: "redis.Redis", handlers: dict[str, Handler], fences: Fences
    ) -> None:
        self._host = host
        self._seal = seal
        self._client = client
        self._handlers = handlers
        self._fences = fences
        self._subjects = SubjectLocks()

    def take(self, sealed: str) -> None:
        """Carry out one order, once. One taken before, or not sealed with our key, is dropped without an answer."""
        try:
            order = self._seal.open(ORDER, sealed, Order)
        except DriverError as error:
            log.warning("Dropped an order: %s", error.message)
            return
        try:
            if time.time() <= order.expires and not self._fences.take_once(order.id, order.expires):
                log.warning(
                    "Dropped %s for %s: order %s was received before", order.verb, order.subject, order.id
                )
                return
        except sqlite3.Error as error:
            log.error(
                "%s for %s failed with an internal error: %s",
                order.verb,
                order.subject,
                where_it_broke(error),
            )
            self._reply(order, Answer(failure=Failure.of(_failed(error))))
            return
        with self._alone_with(order):
            late = time.time() - order.expires
            answer = self._carry_out(order) if late <= 0 else self._too_late(order, late)
        self._reply(order, answer)

    def _too_late(self, order: Order, seconds: float) -> Answer:
        """Whoever sent it has given up long ago, unless our clock is ahead: then this is how they learn of it."""
        log.warning("Dropped %s for %s: %.0f s too late", order.verb, order.subject, seconds)
        return Answer(failure=Failure.of(_late(seconds)))

    def _alone_with(self, order: Order) -> contextlib.AbstractContextManager[None]:
        """Looking needs no turn; a status must not wait for a slow change."""
        handler = self._handlers.get(order.verb)
        if handler is None or not handler.verb.changes:
            return contextlib.nullcontext()
        return self._subjects.alone_with(order.subject)

    def _carry_out(self, order: Order) -> Answer:
        started = time.monotonic()
        try:
            result = self._run(order)
        except DriverError as error:
            log.warning("%s for %s failed: %s (%s)", order.verb, order.subject, error.message, error.code)
            return Answer(failure=Failure.of(error))
        except Exception as error:
            log.error(
                "%s for %s failed with an internal error: %s",
                order.verb,
                order.subject,
                where_it_broke(error),
            )
            return Answer(failure=Failure.of(_failed(error)))
        log.info("%s for %s: %.0f ms", order.verb, order.subject, 1000 * (time.monotonic() - started))
        return Answer(result=result)

    def _run(self, order: Order) -> bytes:
        handler = self._handlers.get(order.verb)
        if handler is None:
            raise unknown_verb(order.verb)
        if order.fence is not None:
            self._fences.pass_or_refuse(order.subject, order.fence)
        return handler.run(order.arguments)

    def _reply(self, order: Order, answer: Answer) -> None:
        key = answer_key(self._host, order.id)
        pipe = self._client.pipeline(transaction=True)
        pipe.rpush(key, self._seal.close(answer_purpose(order.id), answer))
        pipe.expire(key, ANSWER_KEPT_SECONDS)
        pipe.execute()


def _failed(error: Exception) -> DriverError:
    return DriverError(
        _("Internal error of the host’s agent: %(type)s."),
        values={"type": type(error).__name__},
        code="agent.failed",
        hint=_("See the agent’s log on the host."),
    )


def _late(seconds: float) -> DriverError:
    return DriverError(
        _("By the host’s clock, the command arrived %(seconds)s s too late."),
        values={"seconds": round(seconds)},
        code="agent.late_order",
        hint=_("Compare the clocks of the host and the control plane. Both should use the same NTP server."),
    )


def where_it_broke(error: BaseException) -> str:
    """Return types and places of an error and its causes. What they say may hold an order's secrets: it is left out."""
    causes = []
    cause: BaseException | None = error
    while cause is not None:
        lines = (f"{frame.name} ({frame.filename}:{frame.lineno})" for frame in _frames(cause))
        words = f" {cause.strerror}: {cause.filename}" if isinstance(cause, OSError) else ""
        causes.append(f"{type(cause).__name__}{words} in {' > '.join(lines)}")
        cause = cause.__cause__ or cause.__context__
    return "; after ".join(causes)


def _frames(error: BaseException) -> traceback.StackSummary:
    return traceback.extract_tb(error.__traceback__)
