"""A northbound database that takes connections and never answers holds nobody for long, and nothing comes late."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from onebox.shell import patience

from apps.drivers.errors import DriverError
from apps.drivers.ovn.fabric import OvnFabric
from apps.drivers.ovn.northbound import Work
from apps.drivers.specs import PortSpec
from tests.drivers.samples import new_id

pytestmark = pytest.mark.requirement("OP-2")


@pytest.fixture
def deaf() -> Iterator[str]:
    """Address of a server that never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"tcp:127.0.0.1:{server.getsockname()[1]}"


def test_a_database_that_hangs_is_given_up_in_time(deaf: str) -> None:
    fabric, started = OvnFabric(deaf, timeout=0.5), time.monotonic()
    for _ in range(2):
        with pytest.raises(DriverError) as caught:
            fabric.ensure_absent(PortSpec, new_id())
        assert (caught.value.code, caught.value.permanent) == ("fabric.unreachable", False)
    assert time.monotonic() - started < patience(5)


def test_a_change_that_was_given_up_is_not_made_later() -> None:
    made: list[str] = []
    late = Work(None, lambda _replica, _transaction: made.append("late"), give_up=time.monotonic() - 1)
    with pytest.raises(RuntimeError, match="timed out"):
        late.run_idl(None)
    assert made == []
