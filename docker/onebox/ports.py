"""Telling early, and with the way out, that a port is taken."""

from __future__ import annotations

import socket

from onebox.shell import OneboxError


def require_free(port: int, purpose: str, address: str = "127.0.0.1", variable: str | None = None) -> None:
    """Raise OneboxError when something already listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            other = f"; choose another with {variable}=PORT" if variable else ""
            raise OneboxError(f"port {port} for {purpose} is in use by another program{other}") from error


def accepts(port: int, address: str = "127.0.0.1") -> bool:
    """Whether something listens on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, port)) == 0
