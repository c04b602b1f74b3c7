"""Why a console connection is refused or ends, as WebSocket close codes (4000-4999 are an application's own).

Stable: the page words them for people (close_messages.py), docs/concepts/console.md lists them for programs.
"""

from __future__ import annotations

from enum import Enum


class EndReason(Enum):
    """A close code and its reason, which RFC 6455 limits to 123 bytes."""

    CLOSED = (1000, "closed by the client")
    UNKNOWN = (4401, "ticket not found")
    REFUSED = (4403, "the ticket belongs to another user, or the user may no longer operate the VM")
    GONE = (4404, "the VM was deleted")
    IDLE = (4408, "idle timeout")
    USED = (4409, "the ticket was already used")
    EXPIRED = (4410, "the ticket has expired")
    STOPPED = (4423, "the VM is not running")
    ORIGIN = (4430, "the page's origin is not allowed")
    UNREACHABLE = (4502, "the VM's host does not respond")
    RESTARTING = (4503, "the console proxy is full or shutting down")

    @property
    def code(self) -> int:
        """The WebSocket close code."""
        return self.value[0]

    @property
    def reason(self) -> str:
        """The reason sent with it."""
        return self.value[1]


class Refusal(Exception):
    """A connection may not begin."""

    def __init__(self, end: EndReason) -> None:
        super().__init__(end.reason)
        self.end = end
