"""The pretend region inside this process."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any, Literal, TypeVar, cast

from apps.drivers.errors import DriverError
from apps.drivers.memory.records import DISK_USERS, HOSTS, MemoryHost, State, Table, vms_of
from apps.drivers.specs import PauseReason, Power

T = TypeVar("T")
Moment = Literal["before", "after"]
CallHook = Callable[[str, Moment], None]


class DictState:
    """Records in dictionaries."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[str, Any]] = {}

    def get(self, table: Table[T], key: str) -> T | None:
        return cast("T | None", self._tables.get(table.name, {}).get(key))

    def all(self, table: Table[T]) -> dict[str, T]:
        return dict(self._tables.get(table.name, {}))

    def put(self, table: Table[T], key: str, record: T) -> None:
        self._tables.setdefault(table.name, {})[key] = record

    def delete(self, table: Table[T], key: str) -> None:
        self._tables.get(table.name, {}).pop(key, None)


class World:
    """All records of a pretend region; one call at a time changes them, wholly or not at all.

    `latency` seconds pass in each call, as on a network. `on_call(verb, "before" | "after")` is called around each, so
    that a test can stop or kill its process at any driver call.
    """

    def __init__(self, *, latency: float = 0.0, on_call: CallHook | None = None) -> None:
        self.latency = latency
        #: So many looks after its creation a copy of a volume is still being copied.
        self.copy_steps = 0
        #: So long a VM is on its way to another host.
        self.migration_seconds = 0.0
        #: Of VMs that are defined from now on.
        self.guests_have_agents = True
        self.on_call = on_call
        self._faults: dict[str, list[DriverError]] = {}
        self._lock = threading.RLock()
        self._state = DictState()

    @contextmanager
    def call(self, verb: str) -> Iterator[State]:
        """Run one driver verb: fails if a fault is waiting for it, else gives it the records."""
        if self.latency:
            time.sleep(self.latency)
        if self.on_call:
            self.on_call(verb, "before")
        if self._faults and (waiting := self._faults.get(verb)):
            raise waiting.pop(0)
        with self.records() as state:
            yield state
        if self.on_call:
            self.on_call(verb, "after")

    def records(self) -> AbstractContextManager[State]:
        """Hold the records exclusively; what is written takes effect when the block ends without an error."""
        return self._locked()

    @contextmanager
    def _locked(self) -> Iterator[State]:
        with self._lock:
            yield self._state

    def fail(self, verb: str, error: DriverError, times: int = 1) -> None:
        """Let the next `times` calls of `verb` ("fabric.ensure_port") from this process raise `error`."""
        self._faults.setdefault(verb, []).extend([error] * times)

    def power_cut(self, host: str) -> None:
        """Take the power from a host: its VMs are off at once and its drivers answer `host.unreachable`."""
        with self.records() as state:
            dead = replace(state.get(HOSTS, host) or MemoryHost(), up=False, powered=False)
            state.put(HOSTS, host, dead)
            for vm_id, vm in state.all(vms_of(host)).items():
                off = replace(
                    vm, power=Power.OFF, off_at=0.0, open_disks=(), live=(), paused=PauseReason.NONE
                )
                state.put(vms_of(host), vm_id, off)
            for volume_id, user in state.all(DISK_USERS).items():
                if user.startswith(f"{host}/"):
                    state.delete(DISK_USERS, volume_id)

    def disconnect(self, host: str) -> None:
        """Cut a host off the management network: its VMs run on, its drivers answer `host.unreachable`."""
        with self.records() as state:
            state.put(HOSTS, host, replace(state.get(HOSTS, host) or MemoryHost(), up=False))

    def boot(self, host: str) -> None:
        """Boot a host after `power_cut`: it knows its VMs, all of them off."""
        with self.records() as state:
            known = state.get(HOSTS, host) or MemoryHost()
            state.put(HOSTS, host, MemoryHost(up=True, boots=known.boots + 1))

    def reconnect(self, host: str) -> None:
        """Undo `disconnect`."""
        with self.records() as state:
            state.put(HOSTS, host, replace(state.get(HOSTS, host) or MemoryHost(), up=True))
