"""The pretend region in Redis: shared by processes, and still there when one of them is killed."""

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec
import redis

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.memory.records import State, Table
from apps.drivers.memory.world import CallHook, World

if TYPE_CHECKING:
    from redis.client import Pipeline

T = TypeVar("T")
LOCK_MS = 5_000
"""A process killed inside a call holds the others up for this long at most."""
WAIT_SECONDS = 30.0
_encoder = msgspec.msgpack.Encoder()


class RedisState:
    """Reads straight from Redis, keeps writes until the call ends."""

    def __init__(self, client: "redis.Redis", name: str) -> None:
        self._client = client
        self._name = name
        self._writes: dict[tuple[str, str], Any] = {}

    def get(self, table: Table[T], key: str) -> T | None:
        if (table.name, key) in self._writes:
            return cast("T | None", self._writes[table.name, key])
        raw = cast("bytes | None", self._client.hget(self._key(table.name), key))
        return None if raw is None else msgspec.msgpack.decode(raw, type=table.record)

    def all(self, table: Table[T]) -> dict[str, T]:
        raw = cast("dict[bytes, bytes]", self._client.hgetall(self._key(table.name)))
        found = {key.decode(): msgspec.msgpack.decode(value, type=table.record) for key, value in raw.items()}
        for (name, key), record in self._writes.items():
            if name != table.name:
                continue
            if record is None:
                found.pop(key, None)
            else:
                found[key] = record
        return found

    def put(self, table: Table[T], key: str, record: T) -> None:
        self._writes[table.name, key] = record

    def delete(self, table: Table[T], key: str) -> None:
        self._writes[table.name, key] = None

    def write(self, pipe: "Pipeline") -> None:
        """Queue the kept writes on `pipe`."""
        for (name, key), record in self._writes.items():
            if record is None:
                pipe.hdel(self._key(name), key)
            else:
                pipe.hset(self._key(name), key, cast("str", _encoder.encode(record)))

    def _key(self, table: str) -> str:
        return f"{self._name}:{table}"


class RedisWorld(World):
    """The records of `World` as hashes `<name>:<table>`; one call's writes arrive in one MULTI."""

    def __init__(
        self,
        client: "redis.Redis",
        name: str = "scloud-memory",
        *,
        latency: float = 0.0,
        on_call: CallHook | None = None,
    ) -> None:
        super().__init__(latency=latency, on_call=on_call)
        self._client = client
        self._name = name
        # Only one thread of a process asks Redis for its lock: sixteen that ask again and again took half of a worker.
        self._turn = threading.Lock()

    def records(self) -> AbstractContextManager[State]:
        return self._exclusive()

    def forget(self) -> None:
        """Delete every record."""
        for key in list(self._client.scan_iter(f"{self._name}:*", count=1000)):
            self._client.delete(key)

    @contextmanager
    def _exclusive(self) -> Iterator[State]:
        give_up = time.monotonic() + WAIT_SECONDS
        if not self._turn.acquire(timeout=WAIT_SECONDS):
            raise _stayed_locked()
        try:
            token = self._take_lock(give_up)
            state = RedisState(self._client, self._name)
            try:
                yield state
            except BaseException:
                self._commit(token, None)
                raise
            self._commit(token, state)
        finally:
            self._turn.release()

    def _take_lock(self, give_up: float) -> bytes:
        token = secrets.token_bytes(8)
        while not self._client.set(f"{self._name}:lock", token, nx=True, px=LOCK_MS):
            if time.monotonic() > give_up:
                raise _stayed_locked()
            time.sleep(0.001)
        return token

    def _commit(self, token: bytes, state: RedisState | None) -> None:
        """Write and unlock together, unless the lock ran out and is another's by now."""
        lock = f"{self._name}:lock"
        with self._client.pipeline() as pipe:
            pipe.watch(lock)  # type: ignore[no-untyped-call]
            if pipe.get(lock) != token:
                raise DriverError(_("A call to the simulated region timed out."), code="memory.lock_lost")
            pipe.multi()
            if state is not None:
                state.write(pipe)
            pipe.delete(lock)
            pipe.execute()


def _stayed_locked() -> DriverError:
    return DriverError(_("The simulated region stayed locked."), code="memory.locked")
