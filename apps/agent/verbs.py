"""What the agent can be told, and who does it. Nothing outside this table can be called."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from apps.agent.long_jobs import LongJobs, still_working
from apps.drivers import orders
from apps.drivers.errors import DriverError
from apps.drivers.files.importing import how_far
from apps.drivers.files.layout import image_path
from apps.drivers.orders import Verb
from apps.drivers.protocols import Hypervisor, Volumes
from apps.drivers.specs import ImageInfo

A = TypeVar("A")
R = TypeVar("R")
_encoder = msgspec.msgpack.Encoder()


@dataclass(frozen=True, slots=True)
class Handler:
    """Decodes a verb's argument, does it, and encodes its result."""

    verb: Verb[Any, Any]
    run: Callable[[bytes], bytes]


def table(hypervisor: Hypervisor, volumes: Volumes, long_jobs: LongJobs) -> dict[str, Handler]:
    """Return the handlers by verb name."""

    def import_image(argument: orders.ImageArgument) -> ImageInfo:
        spec, source = argument.spec, argument.source
        try:
            return long_jobs.join(spec.id, lambda: volumes.ensure_image(spec, source), ImageInfo)
        except DriverError as error:
            if error.code != orders.STILL_WORKING:
                raise
            done, total = how_far(image_path(spec), Path(source))
            raise still_working(spec.id, done_bytes=done, total_bytes=total) from None

    handlers = [
        _handler(orders.ENSURE_VM, hypervisor.ensure_vm),
        _handler(orders.ENSURE_VM_ABSENT, hypervisor.ensure_vm_absent),
        _handler(
            orders.ENSURE_POWER,
            lambda wish: hypervisor.ensure_power(
                wish.vm_id, wish.power, boot=wish.boot, graceful=wish.graceful
            ),
        ),
        _handler(orders.ENSURE_RESUMED, hypervisor.ensure_resumed),
        _handler(orders.ENSURE_SEED, lambda wish: hypervisor.ensure_seed(wish.vm_id, wish.seed)),
        _handler(orders.STATUS, hypervisor.status),
        _handler(
            orders.OPEN_CONSOLE,
            lambda wish: hypervisor.open_console(
                wish.vm_id, password=wish.password, valid_until=wish.valid_until
            ),
        ),
        _handler(orders.CLOSE_CONSOLE, hypervisor.close_console),
        _handler(orders.OBSERVE_HOST, lambda _: hypervisor.observe()),
        _handler(orders.ENSURE_IMAGE, import_image),
        _handler(orders.ENSURE_IMAGE_ABSENT, volumes.ensure_image_absent),
        _handler(orders.ENSURE_VOLUME, volumes.ensure_volume),
        _handler(orders.ENSURE_VOLUME_ABSENT, volumes.ensure_volume_absent),
        _handler(orders.OBSERVE_POOL, volumes.observe),
        _handler(orders.LIST_POOL, volumes.inventory),
        _handler(
            orders.DISCARD_UNFINISHED,
            lambda wish: volumes.discard_unfinished(wish.pool, wish.kind, wish.id, wish.idle_seconds),
        ),
    ]
    return {handler.verb.name: handler for handler in handlers}


def _handler(verb: Verb[A, R], function: Callable[[A], R]) -> Handler:
    def run(raw: bytes) -> bytes:
        argument = msgspec.msgpack.decode(raw, type=verb.argument)
        return _encoder.encode(function(argument))

    return Handler(verb, run)
