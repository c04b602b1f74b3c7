"""Pictures of VMs' screens: who may see them, where the last one of each is kept, and asking for a new one.

They are kept in Redis only, for some minutes. A page reads what is there and asks a worker for a newer one; it never
asks a host itself.
"""

from __future__ import annotations

import logging
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import redis.exceptions
from celery import current_app
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis.exceptions import LockNotOwnedError
from redis.lock import Lock

from apps.accounts.access import may
from apps.compute.models import Vm
from apps.console.verbs import VM_CONSOLE
from apps.drivers.specs import Screenshot
from apps.infrastructure.redis_connection import redis_client
from apps.lifecycle.actor import Actor

log = logging.getLogger(__name__)

TASK = "console.take_screenshot"
KEPT = timedelta(minutes=5)
#: A picture older than this is taken again when somebody looks.
FRESH = timedelta(seconds=15)
#: One VM is pictured no more often than this, however many look.
APART = timedelta(seconds=5)
#: Pictures taken at the same time, one of each host: workers have operations to carry out, and hosts other VMs to run.
MOST_AT_ONCE = 3
#: Longer than a host is waited for; after a worker was killed, until others take its turn.
TURN = timedelta(seconds=40)
TURN_KEYS = "console:screenshot:turn"
_PNG = b"\x89PNG\r\n\x1a\n"
_STAMP = struct.Struct(">d")


@dataclass(frozen=True)
class Picture:
    """A PNG file and when the worker received it."""

    at: datetime
    png: bytes

    @property
    def is_fresh(self) -> bool:
        """Whether it is as new as anybody needs."""
        return timezone.now() - self.at < FRESH

    @property
    def number(self) -> int:
        """Return what tells it from other pictures of the VM."""
        return int(self.at.timestamp() * 1000)


def may_see(actor: Actor, vm: Vm) -> bool:
    """Whether the actor may open the VM's console, and so see its screen."""
    return may(actor, VM_CONSOLE, vm.project_id, vm.tenant_id, vm.pk)


def latest(vm_id: UUID) -> Picture | None:
    """Return the last picture of a VM; None when there is none, or Redis does not answer."""
    try:
        found = redis_client().get(_key(vm_id))
    except redis.exceptions.RedisError:
        log.warning("no screenshot of VM %s: Redis does not respond", vm_id)
        return None
    if not isinstance(found, bytes) or len(found) <= _STAMP.size:
        return None
    (at,) = _STAMP.unpack_from(found)
    return Picture(datetime.fromtimestamp(at, UTC), found[_STAMP.size :])


def request(vm_id: UUID) -> None:
    """Have a worker take a picture, unless that was requested a moment ago."""
    try:
        if redis_client().set(f"{_key(vm_id)}:requested", 1, ex=APART, nx=True):
            current_app.send_task(TASK, args=[str(vm_id)], ignore_result=True, retry=False, expires=10)
    except (redis.exceptions.RedisError, OperationalError):
        log.warning("screenshot of VM %s not requested: Redis does not respond", vm_id)


@contextmanager
def turn(host_id: UUID) -> Iterator[bool]:
    """Yield whether a picture of a VM on the host may be taken now. Raises RedisError."""
    held: list[Lock] = []
    try:
        yield _acquired([f"host:{host_id}"], held) and _acquired(
            [f"place:{number}" for number in range(MOST_AT_ONCE)], held
        )
    finally:
        for lock in held:
            with suppress(LockNotOwnedError):
                lock.release()


def _acquired(names: list[str], held: list[Lock]) -> bool:
    """Hold the first of these locks that is free; return whether there is one."""
    for name in names:
        lock = redis_client().lock(f"{TURN_KEYS}:{name}", timeout=TURN.total_seconds())
        if lock.acquire(blocking=False):
            held.append(lock)
            return True
    return False


def keep(vm_id: UUID, taken: Screenshot) -> None:
    """Keep a picture in place of the one before."""
    stamp = _STAMP.pack(timezone.now().timestamp())
    redis_client().set(_key(vm_id), stamp + png(taken), ex=KEPT)


def png(taken: Screenshot) -> bytes:
    """Return a picture as a PNG file. It is made here: what a browser opens is no file from a host."""
    row = 3 * taken.width
    if len(taken.pixels) != row * taken.height:
        raise ValueError("the picture is not as large as it says")
    rows = b"".join(b"\0" + taken.pixels[start : start + row] for start in range(0, row * taken.height, row))
    head = struct.pack(">IIBBBBB", taken.width, taken.height, 8, 2, 0, 0, 0)
    return _PNG + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(rows, 6)) + _chunk(b"IEND", b"")


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _key(vm_id: UUID) -> str:
    return f"console:screenshot:{vm_id}"
