"""Every verb of every host protocol, from the control plane to the agent's driver and back."""

from __future__ import annotations

import dataclasses
import enum
import inspect
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Protocol, get_args, get_origin, get_type_hints

import msgspec
import pytest

from apps.agent.long_jobs import LongJobs
from apps.agent.verbs import PROGRESS, handlers, table
from apps.drivers import protocols
from apps.drivers.errors import DriverError
from apps.drivers.host_verbs import Verb, verbs_of
from apps.drivers.memory import MemoryHypervisor, MemoryVolumes, World
from apps.drivers.orders import Fence
from apps.drivers.protocols import Controller, Fabric, Migration, Migrations
from apps.drivers.remote import remote_class
from tests.agent.both_ends import Ends
from tests.drivers.contracts.fabric import refused
from tests.drivers.samples import new_id

#: What control workers call themselves; every other protocol is served by agents.
CALLED_DIRECTLY = {Controller, Fabric, Migration, Migrations}
HOST_PROTOCOLS: list[Any] = [
    kind
    for kind in vars(protocols).values()
    if getattr(kind, "_is_protocol", False) and kind is not Protocol and kind not in CALLED_DIRECTLY
]
VERBS = {verb.name: verb for protocol in HOST_PROTOCOLS for verb in verbs_of(protocol).values()}
#: Verbs that no operation orders, or that change nothing: they carry no fence and wait for no turn.
READING = {
    *("hypervisor.status", "hypervisor.open_console", "hypervisor.close_console", "hypervisor.observe"),
    *("hypervisor.screenshot", "hypervisor.disks", "hypervisor.nics", "hypervisor.mounts"),
    *("hypervisor.size", "hypervisor.presence"),
    *("hypervisor.probe_addresses", "hypervisor.follow_heartbeats"),
    *("volumes.observe", "volumes.inventory", "volumes.ensure_independent", "volumes.read_exported"),
}
PLAIN: dict[Any, Any] = {
    bytes: b"part",
    bool: True,
    int: 1,
    float: 1.5,
    datetime: datetime(2026, 1, 2, tzinfo=UTC),
}


def made_up(kind: Any) -> Any:
    """Return some value of a type: of a struct or dataclass, what it needs."""
    if get_origin(kind) is Annotated:
        return made_up(get_args(kind)[0])
    if get_origin(kind) is tuple or kind is str:
        return new_id() if kind is str else ()
    if issubclass(kind, enum.Enum):
        return list(kind)[-1]
    if kind in PLAIN:
        return PLAIN[kind]
    hints = get_type_hints(kind, include_extras=True)
    if issubclass(kind, msgspec.Struct):
        return kind(**{name: made_up(hint) for name, hint in hints.items()})
    needed = [field.name for field in dataclasses.fields(kind) if field.default is dataclasses.MISSING]
    return kind(**{name: made_up(hints[name]) for name in needed})


def test_the_agents_table_is_what_the_protocols_have() -> None:
    world = World()
    served = table(MemoryHypervisor(world, "h"), MemoryVolumes(world), LongJobs())
    assert {name: handler.verb for name, handler in served.items()} == VERBS
    assert len(VERBS) >= 16
    assert {verb.method for verb in VERBS.values() if verb.long} == PROGRESS.keys()


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_every_verb_is_documented_and_can_be_called_from_the_control_plane(verb: Verb) -> None:
    assert inspect.getdoc(verb.method)
    (protocol,) = [kind for kind in HOST_PROTOCOLS if verb in verbs_of(kind).values()]
    send = getattr(remote_class(protocol), verb.method.__name__)
    assert inspect.signature(send) == inspect.signature(verb.method)
    assert inspect.getdoc(protocol)


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_every_verb_brings_its_arguments_from_end_to_end(verb: Verb, redis_port: int, tmp_path: Path) -> None:
    """Each is called once by made-up arguments of its own types; a changing one carries its fence, no other does."""
    given: dict[str, Any] = {}

    class Driver:
        def __getattr__(self, name: str) -> Any:
            def called(*values: Any, **named: Any) -> Any:
                given.update(verb.signature.bind(*values, **named).arguments, called=name)
                raise DriverError("seen", code="test.seen")

            return called

    (protocol,) = [kind for kind in HOST_PROTOCOLS if verb in verbs_of(kind).values()]
    ends = Ends(redis_port, tmp_path, handlers(protocol, Driver(), LongJobs()))
    arguments = made_up(verb.arguments)
    call = verb.signature.bind(**msgspec.structs.asdict(arguments))
    remote = ends.remote.driver(protocol, Fence(3, 1))
    with refused("test.seen"):
        getattr(remote, verb.method.__name__)(*call.args, **call.kwargs)
    assert given == {**msgspec.structs.asdict(arguments), "called": verb.method.__name__}
    (order,) = ends.sent
    assert (order.verb, order.subject) == (verb.name, verb.subject_of(arguments))
    assert order.fence == (None if verb.name in READING else Fence(3, 1))
    assert verb.changes == (verb.name not in READING)
    assert bool(order.subject) == bool(verb.signature.parameters)


@pytest.mark.requirement("OP-2")
@pytest.mark.parametrize(
    "verb", [verb for verb in VERBS.values() if verb.changes], ids=lambda verb: str(verb.name)
)
def test_a_pretend_host_refuses_an_older_order_of_every_verb_that_changes_something(verb: Verb) -> None:
    world, arguments = World(), made_up(verb.arguments)

    def order(sequence: int) -> None:
        fence = Fence(sequence)
        drivers = (MemoryHypervisor(world, "h", fence=fence), MemoryVolumes(world, fence=fence))
        verb.call(drivers[verb.name.startswith("volumes.")], arguments)

    with suppress(DriverError):
        order(2)
    with refused("agent.stale_order"):
        order(1)
