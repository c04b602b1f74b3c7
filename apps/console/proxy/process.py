"""The process: one thread for WebSockets, the main one for native ports and for what must end, one per session."""

from __future__ import annotations

import logging
import signal
import threading
import time

from django.conf import settings

from apps.console.close_codes import EndReason
from apps.console.proxy.relay import Relay, parse_ports
from apps.console.proxy.screen_tls import client_context
from apps.console.proxy.server import ConsoleServer, split_address
from apps.console.proxy.sessions import Sessions

log = logging.getLogger(__name__)

#: How often native tickets are looked for, and how often running sessions are judged again, in seconds.
LOOK_EVERY = 0.5
JUDGE_EVERY = 2.0
#: How long sessions get to take leave when the process ends.
LEAVE_WITHIN = 3.0


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    if client_context() is None:  # raises when the settings do not work: better now than at the first session
        log.warning("SCLOUD_VNC_CERT is not set: connections to VNC servers are not encrypted")
    sessions = Sessions()
    host, port = split_address(settings.CONSOLE_LISTEN)
    server = ConsoleServer((host, port), sessions)
    relay = Relay(host, parse_ports(settings.CONSOLE_NATIVE_PORTS), sessions)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    threading.Thread(target=server.serve_forever, name="websockets", daemon=True).start()
    log.info("console proxy listens on %s:%s, native ports %s", host, port, settings.CONSOLE_NATIVE_PORTS)
    _look_after(relay, sessions, stopping)
    server.shutdown()
    sessions.cut_all(EndReason.RESTARTING)
    deadline = time.monotonic() + LEAVE_WITHIN
    while (server.websockets or sessions.running()) and time.monotonic() < deadline:
        time.sleep(0.05)


def _look_after(relay: Relay, sessions: Sessions, stopping: threading.Event) -> None:
    judged = 0.0
    while not stopping.is_set():
        relay.accept(LOOK_EVERY)
        try:
            relay.look_after()
            if time.monotonic() - judged > JUDGE_EVERY:
                judged = time.monotonic()
                sessions.cut_what_must_end()
        except Exception:  # the database is away, mostly
            log.exception("sessions were not checked again; they continue")
