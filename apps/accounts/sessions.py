"""Browsers' sessions, kept in rows that know their user, so that they can be listed and ended.

What the columns hold stands in the session's data, since the session engine writes a whole row each time. Deleting the
row ends the session with its next request.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.http import HttpRequest
from django.utils.translation import gettext as _

from apps.accounts.models import Session
from apps.accounts.session_limits import BEGAN, SEEN

#: Session key of where and how somebody logged in: {"ip", "agent", "method"}.
DEVICE = "device"
#: As Django has it.
SHORTEST_KEY = 8


if TYPE_CHECKING:
    _Store = DatabaseStore[Session]
else:
    _Store = DatabaseStore


class SessionStore(_Store):
    @classmethod
    def get_model_class(cls) -> type[Session]:
        """Return the table."""
        return Session

    def _validate_session_key(self, key: str | None) -> bool:
        """Whether it can be one of ours: cookies may hold anything, such as a NUL, which PostgreSQL refuses."""
        return key is not None and len(key) >= SHORTEST_KEY and key.isascii() and key.isalnum()

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """Return the row of this session."""
        row = super().create_model_instance(data)
        device = data.get(DEVICE, {})
        row.uid = session_uid(row.session_key)
        row.user_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
        row.began_at, row.seen_at = _moment(data.get(BEGAN)), _moment(data.get(SEEN))
        row.ip = device.get("ip")
        row.user_agent, row.method = device.get("agent", ""), device.get("method", "")
        return row

    async def acreate_model_instance(self, data: dict[str, Any]) -> Session:
        """The same for asynchronous code; nothing in it waits."""
        return self.create_model_instance(data)


def session_uid(session_key: str) -> UUID:
    """Return what stands for a session in paths and pushes: it follows from the key, but not the key from it."""
    return UUID(bytes=hashlib.sha256(session_key.encode()).digest()[:16])


def note_device(request: HttpRequest, method: str) -> None:
    """Keep with the session where it is used and how its user logged in."""
    agent = request.headers.get("User-Agent", "")[:255]
    request.session[DEVICE] = {"ip": request.META.get("REMOTE_ADDR"), "agent": agent, "method": method}


def _moment(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None


# The first that fits: Edge and Opera call themselves Chrome too, and Chrome calls itself Safari.
_BROWSERS = (
    ("Edge", r"Edg(?:e|A|iOS)?/(\d+)"),
    ("Opera", r"OPR/(\d+)"),
    ("Firefox", r"(?:Firefox|FxiOS)/(\d+)"),
    ("Chrome", r"(?:Chrome|CriOS|HeadlessChrome)/(\d+)"),
    ("Safari", r"Version/(\d+).* Safari/"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows NT"),
    ("macOS", "Mac OS X"),
    ("ChromeOS", "CrOS"),
    ("Linux", "Linux"),
)


def browser_name(user_agent: str) -> str:
    """Return a browser and its system in words ("Firefox 146 on Linux"), as far as it tells."""
    browser = next((f"{n} {m[1]}" for n, p in _BROWSERS if (m := re.search(p, user_agent))), "")
    system = next((name for name, mark in _SYSTEMS if mark in user_agent), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or _("Unknown browser")
