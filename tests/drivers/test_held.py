"""Holding VMs, on libvirt's own pretend driver: what is noted, and who lets them go."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import libvirt
import pytest
from onebox.shell import patience

from apps.drivers.libvirt.connection import Connection
from apps.drivers.libvirt.held import HeldVms
from apps.drivers.specs import Held

pytestmark = [pytest.mark.requirement("VM-11"), pytest.mark.requirement("OP-2")]

XML = "<domain type='test'><name>vm-{0}</name><uuid>{0}</uuid><memory>65536</memory><os><type>hvm</type></os></domain>"
PAUSED, NOTHING = Held(frozen=False, paused=True), Held(frozen=False, paused=False)


class PretendConnection(Connection):
    """To a driver that has no keep-alive."""

    def _open(self) -> Any:
        return libvirt.open("test:///default")


@pytest.fixture
def connection() -> Connection:
    return PretendConnection("test:///default")


@pytest.fixture
def domain(connection: Connection) -> Iterator[Any]:
    with connection.use() as opened:
        made = opened.createXML(XML.format(uuid.uuid4()))
        yield made
        with suppress(libvirt.libvirtError):
            made.destroy()


def is_paused(domain: Any) -> bool:
    return bool(domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED)


def wait_until_it_runs(domain: Any) -> None:
    give_up = time.monotonic() + patience(10)
    while is_paused(domain):
        assert time.monotonic() < give_up
        time.sleep(0.02)


def test_a_released_vm_leaves_no_note(connection: Connection, domain: Any, tmp_path: Path) -> None:
    held, vm_id = HeldVms(connection, tmp_path), domain.UUIDString()
    assert held.hold(vm_id, 60, pause=True) == PAUSED
    assert is_paused(domain)
    assert [path.name for path in tmp_path.iterdir()] == [f"{vm_id}.json"]
    assert held.release(vm_id) == PAUSED
    assert not is_paused(domain)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("note", ["whole", "damaged", "of another version"])
def test_an_agent_that_starts_lets_go_what_one_before_it_held(
    connection: Connection, domain: Any, tmp_path: Path, note: str
) -> None:
    vm_id = domain.UUIDString()
    assert HeldVms(connection, tmp_path).hold(vm_id, 60, pause=True) == PAUSED
    path = tmp_path / f"{vm_id}.json"
    kept = {**json.loads(path.read_text()), "until": time.time() + 0.2}
    path.write_text({"whole": json.dumps(kept), "damaged": "{", "of another version": '{"vm": 1}'}[note])
    after = HeldVms(connection, tmp_path)
    after.recover()
    wait_until_it_runs(domain)
    assert after.release(vm_id) == NOTHING
    give_up = time.monotonic() + patience(10)
    while list(tmp_path.iterdir()):
        assert time.monotonic() < give_up


def test_what_somebody_else_paused_stays_paused(connection: Connection, domain: Any, tmp_path: Path) -> None:
    held, vm_id = HeldVms(connection, tmp_path), domain.UUIDString()
    domain.suspend()
    assert held.hold(vm_id, 60, pause=True) == PAUSED, "it is at rest"
    assert held.release(vm_id) == NOTHING
    assert is_paused(domain)


def test_a_vm_that_ends_while_it_is_held_leaves_no_note(
    connection: Connection, domain: Any, tmp_path: Path
) -> None:
    held, vm_id = HeldVms(connection, tmp_path), domain.UUIDString()
    held.hold(vm_id, 60, pause=True)
    domain.destroy()
    assert held.release(vm_id) == NOTHING
    assert list(tmp_path.iterdir()) == []
