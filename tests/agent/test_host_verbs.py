"""Host verbs follow from their protocols: a made-up one, through both ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from apps.agent.long_jobs import LongJobs
from apps.agent.verbs import handlers
from apps.drivers.bounds import Id, Word
from apps.drivers.host_verbs import host_verb, verbs_of
from apps.drivers.orders import Fence
from tests.agent.both_ends import Ends
from tests.drivers.contracts.fabric import refused
from tests.drivers.samples import new_id


@dataclass(frozen=True, slots=True)
class TunnelSpec:
    """A made-up spec."""

    id: str
    peers: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class TunnelStatus:
    """A made-up answer."""

    id: Id
    peers: tuple[Word, ...] = ()


class Tunnel(Protocol):
    """A made-up protocol: all that its two verbs cost is here."""

    def ensure_tunnel(self, spec: TunnelSpec, *, up: bool = True) -> TunnelStatus:
        """Make the tunnel."""

    @host_verb(changes=False)
    def status(self, tunnel_id: str) -> TunnelStatus:
        """Return the tunnel."""


class MadeUpTunnel:
    """`Tunnel` in a dictionary."""

    def __init__(self) -> None:
        self.made: dict[str, TunnelSpec] = {}

    def ensure_tunnel(self, spec: TunnelSpec, *, up: bool = True) -> TunnelStatus:
        if up:
            self.made[spec.id] = spec
        else:
            self.made.pop(spec.id, None)
        return self.status(spec.id)

    def status(self, tunnel_id: str) -> TunnelStatus:
        known = self.made.get(tunnel_id)
        return TunnelStatus(tunnel_id, known.peers if known else ())

    def secret(self, tunnel_id: str) -> str:
        """No verb: the protocol has no such method."""
        raise AssertionError(tunnel_id)


@pytest.fixture
def tunnel() -> MadeUpTunnel:
    return MadeUpTunnel()


@pytest.fixture
def ends(redis_port: int, tmp_path: Path, tunnel: MadeUpTunnel) -> Ends:
    return Ends(redis_port, tmp_path, handlers(Tunnel, tunnel, LongJobs()))


def test_a_new_protocol_is_called_through_both_ends(ends: Ends, tunnel: MadeUpTunnel) -> None:
    remote, spec = ends.remote.driver(Tunnel, Fence(7, 1)), TunnelSpec(new_id(), ("a", "b"))
    assert remote.ensure_tunnel(spec) == TunnelStatus(spec.id, ("a", "b"))
    assert tunnel.made == {spec.id: spec}
    assert remote.status(spec.id).peers == ("a", "b")
    assert remote.ensure_tunnel(spec, up=False).peers == ()
    said = [(order.verb, order.subject, order.fence) for order in ends.sent]
    assert said == [
        ("tunnel.ensure_tunnel", spec.id, Fence(7, 1)),
        ("tunnel.status", spec.id, None),
        ("tunnel.ensure_tunnel", spec.id, Fence(7, 1)),
    ]
    with refused("agent.stale_order"):
        ends.remote.driver(Tunnel, Fence(6, 9)).ensure_tunnel(spec)


def test_an_answer_about_another_subject_is_refused(ends: Ends, tunnel: MadeUpTunnel) -> None:
    tunnel.status = lambda tunnel_id: TunnelStatus(new_id())  # type: ignore[method-assign]
    with refused("host.broken_answer"):
        ends.remote.driver(Tunnel).status(new_id())


def test_an_answer_out_of_its_bounds_is_refused(ends: Ends, tunnel: MadeUpTunnel) -> None:
    spec = TunnelSpec(new_id(), ())
    tunnel.status = lambda tunnel_id: TunnelStatus(spec.id, ("x" * 17,))  # type: ignore[method-assign]
    with refused("host.broken_answer"):
        ends.remote.driver(Tunnel).status(spec.id)


def test_a_call_that_the_signature_does_not_allow_is_never_sent(ends: Ends) -> None:
    remote: Any = ends.remote.driver(Tunnel)
    wrong: Callable[[], object]
    for wrong in (
        remote.ensure_tunnel,
        lambda: remote.status(new_id(), 1),
        lambda: remote.ensure_tunnel(TunnelSpec(new_id(), ()), down=True),
    ):
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(AttributeError):
        remote.secret(new_id())
    assert not ends.sent


@pytest.mark.requirement("SE-6")
@pytest.mark.parametrize(
    "verb",
    ["tunnel.secret", "tunnel.made", "tunnel.__init__", "tunnel._read", "secret", "", "hypervisor.status"],
)
def test_an_agent_does_nothing_that_its_protocols_do_not_have(ends: Ends, verb: str) -> None:
    assert ends.failure_of(verb, {"tunnel_id": new_id()}).startswith("agent.unknown_verb")


@pytest.mark.requirement("SE-6")
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"tunnel_id": 7},
        {"tunnel_id": None},
        {"tunnel_id": "x", "more": 1},
        {"vm_id": "x"},
        ["x"],
        "x",
        None,
        {"spec": {"id": "x", "peers": ["a"]}},
    ],
)
def test_arguments_are_decoded_as_the_signature_says_or_not_at_all(ends: Ends, arguments: object) -> None:
    assert ends.failure_of("tunnel.status", arguments).startswith("agent.unknown_verb")


def test_bounds_of_arguments_hold_at_the_agent(ends: Ends, tunnel: MadeUpTunnel) -> None:
    for peers in (["x" * 17], [1], "x", ["\n"]):
        wrong = {"spec": {"id": new_id(), "peers": peers}, "up": True}
        assert ends.failure_of("tunnel.ensure_tunnel", wrong).startswith("agent.unknown_verb")
    assert not tunnel.made


def test_a_method_that_both_ends_cannot_be_built_from_is_refused_when_it_is_read() -> None:
    class Nameless(Protocol):
        def ensure(self, *ids: str) -> None: ...

    class Aimless(Protocol):
        def ensure(self, size: int) -> None: ...

    class Untyped(Protocol):
        def ensure(self, id: str): ...  # type: ignore[no-untyped-def]

    for protocol, error in ((Nameless, TypeError), (Aimless, TypeError), (Untyped, KeyError)):
        with pytest.raises(error):
            verbs_of(protocol)
