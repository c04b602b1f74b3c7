"""The native clients' side: for each ticket a port of its own, open from the moment the ticket is ready until a client
with the right password has connected or the ticket is dead."""

from __future__ import annotations

import logging
import selectors
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

from apps.accounts.secrets import unseal
from apps.console.close_codes import EndReason, Refusal
from apps.console.models import ConsoleTicket, TicketKind
from apps.console.proxy import rfb
from apps.console.proxy.admission import admit_native, database
from apps.console.proxy.peers import TcpPeer
from apps.console.proxy.sessions import ADMISSION_SECONDS, HANDSHAKE_SECONDS, Sessions, serve
from apps.console.proxy.throttle import Throttle, network_of
from apps.console.services import mark_listening

log = logging.getLogger(__name__)

#: Clients of one port whose handshake is not finished: from one network, and in all.
MAX_OF_A_NETWORK, MAX_AT_ONCE = 2, 32


@dataclass(eq=False)
class NativeListener:
    """An open port and its ticket."""

    ticket_id: UUID
    listener: socket.socket
    throttle: Throttle = field(default_factory=Throttle)
    inside: Counter[str] = field(default_factory=Counter)
    mutex: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, address: str) -> bool:
        """Whether a client may try now; one that may has to `leave`."""
        network = network_of(address)
        with self.mutex:
            full = self.inside.total() >= MAX_AT_ONCE or self.inside[network] >= MAX_OF_A_NETWORK
            if full or self.throttle.must_wait(address):
                return False
            self.inside[network] += 1
            return True

    def leave(self, address: str) -> None:
        """Give a client's place back."""
        network = network_of(address)
        with self.mutex:
            self.inside[network] -= 1
            if not self.inside[network]:
                del self.inside[network]


class Relay:
    """All open listeners of native tickets. `look_after` runs in one thread, clients in threads of their own."""

    def __init__(self, host: str, ports: range, sessions: Sessions) -> None:
        self._host = host
        self._ports = ports
        self._sessions = sessions
        self._listeners: dict[UUID, NativeListener] = {}
        self._selector = selectors.DefaultSelector()

    def accept(self, within: float) -> None:
        """Admit clients that connect within the next `within` seconds."""
        for key, _events in self._selector.select(within):
            entry: NativeListener = key.data
            try:
                connection, (address, *_rest) = entry.listener.accept()
            except OSError:
                continue
            if not entry.enter(address):
                connection.close()
                continue
            threading.Thread(target=self._serve, args=(entry, connection, address), daemon=True).start()

    def look_after(self) -> None:
        """Open listeners for tickets that are ready, close those of tickets that are used or dead."""
        if not self._ports:
            return
        with database():
            waiting = ConsoleTicket.objects.alive().filter(kind=TicketKind.NATIVE, opened_at__isnull=False)
            wanted = dict(waiting.values_list("pk", "relay_port"))
            for ticket_id in self._listeners.keys() - wanted.keys():
                self._close(self._listeners.pop(ticket_id))
            for ticket_id, port in wanted.items():
                if ticket_id not in self._listeners:
                    self._open(ticket_id, port)

    def _open(self, ticket_id: UUID, assigned: int | None) -> None:
        """Listen on a free port, or on the one its owner was told by the process before this one."""
        for port in (assigned,) if assigned else self._ports:
            try:
                listener = socket.create_server((self._host, port), backlog=MAX_AT_ONCE)
            except OSError:  # taken, by another ticket or another program
                continue
            listener.setblocking(False)
            entry = NativeListener(ticket_id, listener)
            if assigned or mark_listening(ticket_id, port):
                self._listeners[ticket_id] = entry
                self._selector.register(listener, selectors.EVENT_READ, entry)
            else:
                listener.close()
            return
        log.error("no port is free for native ticket %s", ticket_id)

    def _close(self, entry: NativeListener) -> None:
        self._selector.unregister(entry.listener)
        entry.listener.close()

    def _serve(self, entry: NativeListener, connection: socket.socket, address: str) -> None:
        connection.settimeout(HANDSHAKE_SECONDS)
        client = TcpPeer(connection, time.monotonic() + ADMISSION_SECONDS)
        try:
            self._session(entry, client, address)
        except (OSError, EOFError, rfb.RfbError):
            log.debug("native client of ticket %s left during the handshake", entry.ticket_id)
        except Exception:
            log.exception("native console failed")
        finally:
            client.close(EndReason.CLOSED)
            entry.leave(address)

    def _session(self, entry: NativeListener, client: TcpPeer, address: str) -> None:
        with database():
            ticket = ConsoleTicket.objects.alive().filter(pk=entry.ticket_id, issued_at__isnull=False).first()
        if ticket is None:
            return
        if not rfb.challenge(client, unseal(ticket.sealed_password)):
            entry.throttle.failed(address)
            log.warning("wrong password for native ticket %s from %s", entry.ticket_id, address)
            rfb.fail(client, "Wrong password.")
            return
        try:
            serve(self._sessions, admit_native(entry.ticket_id), client, lambda: rfb.succeed(client))
        except Refusal as refusal:
            rfb.fail(client, f"Refused: {refusal.end.reason}.")


def parse_ports(text: str) -> range:
    """Return the ports of "first-last"; none for ""."""
    if not text:
        return range(0)
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)
