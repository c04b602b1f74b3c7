"""The networks in the guests of this host: configured by their agents, again after each start of a guest, and watched.

What a guest shall have stands in its definition. What it has is kept in memory only: an agent of ours that starts again
configures every guest once more, which changes nothing in a guest that has it all.
"""

import logging
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import libvirt

from apps.drivers.errors import DriverError
from apps.drivers.guest_network import lines_of
from apps.drivers.libvirt import domains, guest_agent
from apps.drivers.libvirt.connection import Connection
from apps.drivers.libvirt.guest_agent import NoAnswer
from apps.drivers.libvirt.guest_network_change import configure, missing_addresses
from apps.drivers.libvirt.guest_network_text import keep, kept
from apps.drivers.libvirt.metadata import VmMetadata
from apps.drivers.specs import GuestNetwork, GuestNetworkState
from apps.drivers.specs import GuestNetworkReason as Reason

log = logging.getLogger(__name__)
THREADS = 8
PAUSE_SECONDS = 2.0
"""Between two looks at a guest whose agent comes and goes: the next report has it looked at then."""
CHECK_SECONDS = (5.0, 15.0, 60.0)
"""After a guest was configured it is looked at again, the last number again and again: what manages its network may
come up later than its agent, or be restarted, and remove what it does not know."""
NOT_ASKED = frozenset({Reason.OFF, Reason.PAUSED, Reason.NO_AGENT})


@dataclass(frozen=True, slots=True)
class Known:
    """How a guest is, in the boot of this number. `due` is when it is looked at again; `checks` so many times yet.

    `rest`: it may still have what an earlier network named. `at` is when it was asked last.
    """

    boot: int = -1
    generation: int = 0
    reason: Reason = Reason.NONE
    due: float = 0.0
    checks: int = 0
    rest: bool = False
    at: float = float("-inf")


class GuestNetworks:
    """Safe from all threads; one at a time works on a guest."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._known: dict[str, Known] = {}
        self._turns: dict[str, threading.Lock] = {}
        self._busy: set[str] = set()
        self._starts: Counter[str] = Counter()
        self._workers = ThreadPoolExecutor(THREADS, thread_name_prefix="guest-network")

    def ensure(self, vm_id: str, network: GuestNetwork) -> GuestNetworkState:
        """Keep what a guest shall have, and configure it."""
        lines_of(network)
        with self._turn(vm_id), self._connection.use() as connection:
            domain = domains.known(connection, vm_id)
            about = domains.about(domain)
            earlier, text = kept(about.network), keep(network)
            if about.network != text:
                about = replace(about, network=text)
                domains.set_about(domain, about)
            rest = earlier is not None and not earlier.is_empty
            return self._bring(vm_id, domain, about, Known(rest=rest))

    def look(self, vm_id: str, about: VmMetadata) -> tuple[int, Reason]:
        """Return the generation that a running guest has, or why it has none; have it looked at when it is time."""
        network = kept(about.network)
        if network is None:
            return 0, Reason.NONE
        with self._lock:
            known = self._known.get(vm_id, Known())
        if known.boot != about.boot:
            known = Known()
        if network.is_empty and not known.rest:
            return network.generation, Reason.NONE
        if known.due <= time.monotonic():
            self._soon(vm_id)
        if known.generation == network.generation:
            return known.generation, Reason.NONE
        return 0, known.reason or Reason.NO_AGENT

    def agent_changed(self, vm_id: str, connected: bool) -> None:
        """A guest's agent has connected or gone: what was known of the guest holds no longer, it may have rebooted."""
        with self._lock:
            self._starts[vm_id] += 1
            known = self._known.get(vm_id, Known())
            due = known.at + PAUSE_SECONDS
            self._known[vm_id] = Known(known.boot, due=due, rest=known.rest, at=known.at)
        if connected and due <= time.monotonic():
            self._soon(vm_id)

    def forget(self, vm_id: str) -> None:
        """The VM is off, or gone."""
        with self._lock:
            self._known.pop(vm_id, None)
            self._starts.pop(vm_id, None)

    def _soon(self, vm_id: str) -> None:
        with self._lock:
            if vm_id in self._busy:
                return
            self._busy.add(vm_id)
        self._workers.submit(self._work, vm_id)

    def _work(self, vm_id: str) -> None:
        try:
            with self._turn(vm_id), self._connection.use() as connection:
                # From now on another event counts again.
                with self._lock:
                    self._busy.discard(vm_id)
                    known = self._known.get(vm_id, Known())
                domain = domains.find(connection, vm_id)
                about = domains.about(domain) if domain is not None else VmMetadata()
                if domain is None or not about.network or not domain.isActive():
                    self.forget(vm_id)
                elif not self._is_fine(domain, about, known):
                    self._bring(vm_id, domain, about, replace(known, checks=known.checks + 1))
                    self._connection.report()
                else:
                    self._note(vm_id, replace(known, checks=known.checks + 1))
        except (DriverError, libvirt.libvirtError) as error:
            log.warning("The network of guest %s: %s", vm_id, error)
        except Exception:
            log.exception("The network of guest %s", vm_id)
        finally:
            with self._lock:
                self._busy.discard(vm_id)

    def _is_fine(self, domain: Any, about: VmMetadata, known: Known) -> bool:
        """Whether a guest that was configured still has every address."""
        network = kept(about.network)
        if (
            network is None
            or known.boot != about.boot
            or known.generation != network.generation
            or known.rest
        ):
            return False
        try:
            return not missing_addresses(network, guest_agent.ask(domain, "guest-network-get-interfaces"))
        except NoAnswer:
            return False

    def _bring(self, vm_id: str, domain: Any, about: VmMetadata, known: Known) -> GuestNetworkState:
        network, starts = kept(about.network) or GuestNetwork(), self._starts[vm_id]
        if network.is_empty and not (known.rest and domain.isActive()):
            state = GuestNetworkState(applied=True)
        else:
            state = configure(domain, network)
        generation = network.generation if state.applied else 0
        rest = known.rest and not state.applied
        if domain.isActive() and starts == self._starts[vm_id]:
            # A VM that is just being started is paused, too: that is nothing to remember.
            reason = Reason.NONE if state.reason is Reason.PAUSED else state.reason
            at = known.at if state.reason in NOT_ASKED else time.monotonic()
            self._note(vm_id, Known(about.boot, generation, reason, checks=known.checks, rest=rest, at=at))
        return state

    def _note(self, vm_id: str, known: Known) -> None:
        seconds, now = CHECK_SECONDS[min(known.checks, len(CHECK_SECONDS) - 1)], time.monotonic()
        with self._lock:
            self._known[vm_id] = replace(known, due=now + seconds)

    def _turn(self, vm_id: str) -> threading.Lock:
        with self._lock:
            return self._turns.setdefault(vm_id, threading.Lock())
