"""The drivers of another host: each call is an order to its agent."""

import time
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar, cast

import msgspec
import redis.exceptions

from apps.drivers import orders, reports
from apps.drivers.bulkhead import Bulkhead
from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.hypervisor_errors import (
    UNREACHABLE,
    busy_host,
    restarted_agent,
    senseless_answer,
    silent_host,
    unreachable,
)
from apps.drivers.orders import (
    ORDER,
    Answer,
    ConsoleArgument,
    Fence,
    ImageArgument,
    Order,
    PowerArgument,
    SeedArgument,
    UnfinishedArgument,
    Verb,
)
from apps.drivers.redis_bounds import TooLong
from apps.drivers.sealing import Seal
from apps.drivers.specs import (
    ConsoleAddress,
    HostObservation,
    ImageInfo,
    ImageSpec,
    PoolInventory,
    PoolKind,
    PoolObservation,
    PoolSpec,
    Power,
    SeedSpec,
    VmSpec,
    VmStatus,
    VolumeSpec,
)

if TYPE_CHECKING:
    import redis

A = TypeVar("A")
R = TypeVar("R")
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

    def hypervisor(self, fence: Fence | None = None) -> "RemoteHypervisor":
        """Return the host's hypervisor; its changes carry `fence`."""
        return RemoteHypervisor(self, fence)

    def volumes(self, fence: Fence | None = None) -> "RemoteVolumes":
        """Return the pools as this host sees them; changes carry `fence`."""
        return RemoteVolumes(self, fence)

    def call(self, verb: Verb[A, R], subject: str, argument: A, fence: Fence | None = None) -> R:
        """Send one order and wait for its answer. Fails at once where there is no use in waiting."""
        raw = _encoder.encode(argument)
        try:
            life = self._pulse().life
            with self._bulkhead.place(lambda: busy_host(self.name)):
                answer = self._ask(verb, subject, raw, fence, life)
        except TooLong as error:
            raise senseless_answer(self.name) from error
        except redis.exceptions.RedisError as error:
            raise DriverError(_("The message broker does not answer."), code="broker.unreachable") from error
        if answer.failure is not None:
            raise answer.failure.error()
        try:
            return msgspec.msgpack.decode(answer.result, type=verb.result)
        except msgspec.MsgspecError as error:
            raise senseless_answer(self.name) from error

    def _ask(self, verb: Verb[A, R], subject: str, raw: bytes, fence: Fence | None, life: bytes) -> Answer:
        id, begun = uuid.uuid4().hex, time.monotonic()
        order = Order(
            id, verb.name, subject, raw, time.time() + self._timeout, fence if verb.changes else None
        )
        self._post(self.name, self._seal.close(ORDER, order).decode(), self._timeout)
        try:
            sealed = self._wait(orders.answer_key(self.name, id), begun + self._timeout, life)
        except DriverError as error:
            if error.code == UNREACHABLE:
                self._bulkhead.in_vain(begun)
            raise
        self._bulkhead.heard()
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


class RemoteHypervisor:
    """`Hypervisor` of a `RemoteHost`."""

    def __init__(self, host: RemoteHost, fence: Fence | None) -> None:
        self._host = host
        self._fence = fence

    def ensure_vm(self, spec: VmSpec) -> None:
        self._host.call(orders.ENSURE_VM, spec.id, spec, self._fence)

    def ensure_vm_absent(self, vm_id: str) -> None:
        self._host.call(orders.ENSURE_VM_ABSENT, vm_id, vm_id, self._fence)

    def ensure_power(self, vm_id: str, power: Power, *, boot: int = 0, graceful: bool = False) -> VmStatus:
        argument = PowerArgument(vm_id, power, boot, graceful)
        return self._of(vm_id, self._host.call(orders.ENSURE_POWER, vm_id, argument, self._fence))

    def ensure_resumed(self, vm_id: str) -> VmStatus:
        return self._of(vm_id, self._host.call(orders.ENSURE_RESUMED, vm_id, vm_id, self._fence))

    def ensure_seed(self, vm_id: str, seed: SeedSpec) -> None:
        self._host.call(orders.ENSURE_SEED, vm_id, SeedArgument(vm_id, seed), self._fence)

    def status(self, vm_id: str) -> VmStatus:
        return self._of(vm_id, self._host.call(orders.STATUS, vm_id, vm_id))

    def open_console(self, vm_id: str, *, password: str, valid_until: datetime) -> ConsoleAddress:
        return self._host.call(orders.OPEN_CONSOLE, vm_id, ConsoleArgument(vm_id, password, valid_until))

    def close_console(self, vm_id: str) -> None:
        self._host.call(orders.CLOSE_CONSOLE, vm_id, vm_id)

    def observe(self) -> HostObservation:
        return self._host.call(orders.OBSERVE_HOST, "", None)

    def _of(self, vm_id: str, status: VmStatus) -> VmStatus:
        if status.id != vm_id:
            raise senseless_answer(self._host.name)
        return status


class RemoteVolumes:
    """`Volumes` of a `RemoteHost`."""

    def __init__(self, host: RemoteHost, fence: Fence | None) -> None:
        self._host = host
        self._fence = fence

    def ensure_image(self, spec: ImageSpec, source: str) -> ImageInfo:
        """As the protocol says. One that takes long goes on at the host; `host.still_working` means: ask again."""
        return self._host.call(orders.ENSURE_IMAGE, spec.id, ImageArgument(spec, source), self._fence)

    def ensure_image_absent(self, spec: ImageSpec) -> None:
        self._host.call(orders.ENSURE_IMAGE_ABSENT, spec.id, spec, self._fence)

    def ensure_volume(self, spec: VolumeSpec) -> None:
        self._host.call(orders.ENSURE_VOLUME, spec.id, spec, self._fence)

    def ensure_volume_absent(self, spec: VolumeSpec) -> None:
        self._host.call(orders.ENSURE_VOLUME_ABSENT, spec.id, spec, self._fence)

    def observe(self, pool: PoolSpec) -> PoolObservation:
        return self._host.call(orders.OBSERVE_POOL, pool.id, pool)

    def inventory(self, pool: PoolSpec) -> PoolInventory:
        return self._host.call(orders.LIST_POOL, pool.id, pool)

    def discard_unfinished(self, pool: PoolSpec, kind: PoolKind, id: str, idle_seconds: float) -> None:
        argument = UnfinishedArgument(pool, kind, id, idle_seconds)
        self._host.call(orders.DISCARD_UNFINISHED, id, argument, self._fence)
