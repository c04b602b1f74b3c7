"""The verbs an agent carries out: those of its drivers' protocols. Nothing outside this table can be called."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from apps.agent.long_jobs import LongJobs, still_working
from apps.drivers import orders
from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.files import copies, image_copies, image_import
from apps.drivers.files.layout import image_path, volume_path
from apps.drivers.host_verbs import Verb, verbs_of
from apps.drivers.protocols import Hypervisor, Volumes
from apps.drivers.rbd import image_files
from apps.drivers.specs.storage import DELIVERED

_encoder = msgspec.msgpack.Encoder()


@dataclass(frozen=True, slots=True)
class Handler:
    """Decodes a verb's arguments, does it, and encodes its result."""

    verb: Verb
    run: Callable[[bytes], bytes]


def table(hypervisor: Hypervisor, volumes: Volumes, long_jobs: LongJobs) -> dict[str, Handler]:
    """Return the handlers of a host by verb name."""
    return {
        **handlers(Hypervisor, hypervisor, long_jobs),
        **handlers(Volumes, volumes, long_jobs),
    }


def handlers(protocol: type, driver: object, long_jobs: LongJobs) -> dict[str, Handler]:
    """Return the handlers of one protocol, which `driver` implements, by verb name."""
    return {verb.name: _handler(verb, driver, long_jobs) for verb in verbs_of(protocol).values()}


def _handler(verb: Verb, driver: object, long_jobs: LongJobs) -> Handler:
    def run(raw: bytes) -> bytes:
        try:
            arguments = msgspec.msgpack.decode(raw, type=verb.arguments)
        except msgspec.MsgspecError as error:
            raise unknown_verb(verb.name) from error  # another version's, with other arguments
        if verb.long and not QUICK.get(verb.method, _never)(arguments):
            return _encoder.encode(_join(verb, driver, arguments, long_jobs))
        return _encoder.encode(verb.call(driver, arguments))

    return Handler(verb, run)


def unknown_verb(name: str) -> DriverError:
    """Return the refusal of an order that this version of the agent does not know, or not with such arguments."""
    return DriverError(
        _("This agent does not support %(verb)s."),
        values={"verb": name},
        code="agent.unknown_verb",
        permanent=True,
        hint=_("Update the host’s agent."),
    )


def _join(verb: Verb, driver: object, arguments: msgspec.Struct, long_jobs: LongJobs) -> Any:
    """Start the work or join what was started of it; `host.still_working` says how far it is, where that is known."""
    subject = verb.subject_of(arguments)
    try:
        return long_jobs.join(f"{verb.name} {subject}", lambda: verb.call(driver, arguments), verb.result)
    except DriverError as error:
        if error.code != orders.STILL_WORKING:
            raise
        progress = PROGRESS.get(verb.method, _unknown)
        raise still_working(subject, **progress(arguments)) from None


def _of_import(arguments: Any) -> dict[str, int]:
    if arguments.spec.pool.driver != "file":
        return _figures(image_files.how_far(arguments.spec.id))
    source = None if arguments.source == DELIVERED else Path(arguments.source)
    return _figures(image_import.how_far(image_path(arguments.spec), source))


def _of_image_copy(arguments: Any) -> dict[str, int]:
    if {arguments.spec.pool.driver, arguments.source.pool.driver} != {"file"}:
        return _figures(image_files.how_far(arguments.spec.id))
    return _figures(image_copies.how_far(image_path(arguments.spec), image_path(arguments.source)))


def _of_capture(arguments: Any) -> dict[str, int]:
    if arguments.spec.pool.driver != "file":
        return _figures(image_files.how_far(arguments.spec.id))
    size = arguments.source.volume.size_gib << 30
    return _figures(copies.how_far(image_path(arguments.spec), size))


def _of_export(arguments: Any) -> dict[str, int]:
    return _figures(image_files.how_far(arguments.spec.id))


def _of_volume_copy(arguments: Any) -> dict[str, int]:
    spec = arguments.spec
    if spec.pool.driver != "file" or spec.source is None:
        return {}
    return _figures(copies.how_far(volume_path(spec), spec.size_gib << 30))


def _figures(done_and_total: tuple[int, int]) -> dict[str, int]:
    done, total = done_and_total
    return {"done_bytes": done, "total_bytes": total}


def _unknown(arguments: Any) -> dict[str, int]:
    return {}


#: Long verb → what is known of its progress, from its arguments.
PROGRESS: dict[Callable[..., Any], Callable[[Any], dict[str, int]]] = {
    Volumes.ensure_image: _of_import,
    Volumes.ensure_image_copy: _of_image_copy,
    Volumes.ensure_image_from_snapshot: _of_capture,
    Volumes.ensure_exported: _of_export,
    Volumes.ensure_volume: _of_volume_copy,
}


def _has_nothing_to_copy(arguments: Any) -> bool:
    spec = arguments.spec
    return spec.source is None or (spec.pool.driver == "file" and volume_path(spec).exists())


def _is_in_files(arguments: Any) -> bool:
    return bool(arguments.spec.pool.driver == "file")


def _never(arguments: Any) -> bool:
    return False


#: Long verb → whether a call of it is quick all the same, from its arguments: it does not queue behind long ones.
QUICK: dict[Callable[..., Any], Callable[[Any], bool]] = {
    Volumes.ensure_volume: _has_nothing_to_copy,
    Volumes.ensure_independent: _is_in_files,
    Volumes.ensure_exported: _is_in_files,
}
