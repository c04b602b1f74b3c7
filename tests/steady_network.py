"""Browsers, and tests that give the machine network interfaces or take them away, take turns.

Chromium drops what it is loading whenever an interface of the machine comes or goes (net::ERR_NETWORK_CHANGED): a page
is left without one of its scripts. `make test` runs two processes side by side, so files are locked. Whoever waits
holds the gate: tests of browsers, one after the other, would else keep the other kind waiting for as long as they last.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

VAR = Path(__file__).resolve().parent.parent / "var"


@contextmanager
def _locked(name: str, how: int) -> Iterator[None]:
    VAR.mkdir(exist_ok=True)
    with (VAR / name).open("a") as file:
        fcntl.flock(file, how)
        yield


@contextmanager
def steady_network() -> Iterator[None]:
    """Keep the machine's interfaces as they are for the length of the block, together with others who do."""
    with ExitStack() as held:
        with _locked("network-gate.lock", fcntl.LOCK_EX):
            held.enter_context(_locked("network.lock", fcntl.LOCK_SH))
        yield


@contextmanager
def changing_network() -> Iterator[None]:
    """Change the machine's interfaces in the block, with no browser looking on."""
    with _locked("network-gate.lock", fcntl.LOCK_EX), _locked("network.lock", fcntl.LOCK_EX):
        yield


@pytest.fixture(autouse=True)
def browsers_find_a_steady_network(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.node.get_closest_marker("browser") is None:
        yield
        return
    with steady_network():
        yield
