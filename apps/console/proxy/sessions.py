"""The sessions of this process: started, looked after, cut."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from apps.console.close_codes import EndReason, Refusal
from apps.console.platform_settings import IDLE_SECONDS
from apps.console.proxy import rfb
from apps.console.proxy.admission import Admitted, database, end_of
from apps.console.proxy.peers import Peer, TcpPeer
from apps.console.proxy.pump import pump
from apps.console.proxy.screen_tls import client_context

log = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
HANDSHAKE_SECONDS = 5.0
#: A client has this long from connecting to being let in, however it spreads what it sends.
ADMISSION_SECONDS = 30.0


@dataclass(eq=False)
class Session:
    """One client looking at one screen. `cut` is set from another thread to end it."""

    admitted: Admitted
    cut: EndReason | None = None


class Sessions:
    """All running sessions. Thread-safe."""

    def __init__(self) -> None:
        self._running: set[Session] = set()
        self._mutex = threading.Lock()

    @contextmanager
    def joined(self, admitted: Admitted) -> Iterator[Session]:
        """Keep a session listed for the length of the block."""
        session = Session(admitted)
        with self._mutex:
            self._running.add(session)
        try:
            yield session
        finally:
            with self._mutex:
                self._running.discard(session)

    def running(self) -> list[Session]:
        """Return the sessions of this moment."""
        with self._mutex:
            return list(self._running)

    def cut_what_must_end(self) -> None:
        """Cut sessions whose VM is deleted, whose user lost the role or logged out."""
        sessions = self.running()
        if not sessions:
            return
        with database():
            for session in sessions:
                session.cut = session.cut or end_of(session.admitted.ticket_id, session.admitted.session_key)

    def cut_all(self, end: EndReason) -> None:
        """Cut every session."""
        for session in self.running():
            session.cut = session.cut or end


def serve(sessions: Sessions, admitted: Admitted, client: Peer, welcome: Callable[[], None]) -> EndReason:
    """Connect an admitted client with its screen and return how it ended; Refusal when it cannot begin.

    `welcome` finishes the client's own handshake once the screen is there.
    """
    screen = _log_in(admitted)
    try:
        with sessions.joined(admitted) as session:
            log.info("console of VM %s: ticket %s connected", admitted.vm_id, admitted.ticket_id)
            try:
                welcome()
                rfb.join(client, screen)
                with database():
                    idle_seconds = IDLE_SECONDS.value()
                end = pump(client, screen, idle_seconds, lambda: session.cut)
            except (OSError, EOFError, rfb.RfbError):
                end = EndReason.CLOSED
            log.info("console of VM %s: ticket %s: %s", admitted.vm_id, admitted.ticket_id, end.reason)
            return end
    finally:
        screen.close(EndReason.CLOSED)


def _log_in(admitted: Admitted) -> TcpPeer:
    where = (admitted.host, admitted.port)
    try:
        connection = socket.create_connection(where, timeout=CONNECT_SECONDS)
    except ConnectionRefusedError:
        # The host answers and nothing listens there: the VM has just stopped, or moved.
        raise Refusal(EndReason.STOPPED) from None
    except OSError as error:
        log.warning("console of VM %s: %s:%s: %s", admitted.vm_id, *where, error)
        raise Refusal(EndReason.UNREACHABLE) from None
    screen = TcpPeer(connection)
    try:
        connection.settimeout(HANDSHAKE_SECONDS)
        context = client_context()
        start_tls = (lambda: screen.start_tls(context, admitted.host)) if context else None
        rfb.log_in(screen, admitted.screen_password, start_tls)
    except rfb.WrongPassword:
        screen.close(EndReason.CLOSED)
        raise Refusal(EndReason.EXPIRED) from None
    except (OSError, EOFError, rfb.RfbError) as error:
        screen.close(EndReason.CLOSED)
        log.warning("console of VM %s: %s:%s: %s", admitted.vm_id, *where, error)
        raise Refusal(EndReason.UNREACHABLE) from None
    return screen
