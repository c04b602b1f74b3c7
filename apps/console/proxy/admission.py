"""Whether a connection may begin: the page it comes from, whose it is, whether the ticket is still good."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user
from django.db import connections
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.request import validate_host
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.secrets import unseal
from apps.console.close_codes import EndReason, Refusal
from apps.console.models import ConsoleTicket
from apps.console.selectors import may_look
from apps.console.services import fingerprint, redeem
from apps.console.verbs import has_screen


@dataclass(frozen=True)
class Admitted:
    """A redeemed ticket: where its screen is and what must stay true while one looks at it."""

    ticket_id: UUID
    vm_id: UUID
    host: str
    port: int
    screen_password: str
    session_key: str = ""


@contextmanager
def database() -> Iterator[None]:
    """Give the thread's connection back at the end: a session lasts hours and needs none in between."""
    try:
        yield
    finally:
        connections.close_all()


def admit_browser(origin: str, cookies: str, token: str) -> Admitted:
    """Redeem the token of a WebSocket upgrade; Refusal says why not."""
    if not _is_ours(origin):
        raise Refusal(EndReason.ORIGIN)
    with database():
        ticket = _tickets().filter(token_hash=fingerprint(token)).first() if token else None
        if ticket is None:
            raise Refusal(EndReason.UNKNOWN)
        session_key = session_key_of(cookies)
        if not _is_owner(ticket, session_key):
            raise Refusal(EndReason.REFUSED)
        return _use(ticket, session_key if ticket.session_hash else "")


def admit_native(ticket_id: UUID) -> Admitted:
    """Redeem the ticket of a native client that knew its password; Refusal says why not."""
    with database():
        ticket = _tickets().filter(pk=ticket_id).first()
        if ticket is None:
            raise Refusal(EndReason.UNKNOWN)
        return _use(ticket, "")


def end_of(ticket_id: UUID, session_key: str) -> EndReason | None:
    """Why a running session must be cut now, or None while everything is as it was when it began."""
    ticket = _tickets().filter(pk=ticket_id).first()
    if ticket is None:
        return EndReason.GONE
    if session_key and session_user(session_key) != ticket.user:
        return EndReason.REFUSED
    return None if may_look(ticket, session_key) else EndReason.REFUSED


def session_user(session_key: str) -> User | None:
    """Return who is logged in in a session, None when nobody is (any more)."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(request)
    return user if isinstance(user, User) else None


def session_key_of(cookies: str) -> str:
    """Return the session's key from a Cookie header, "" when there is none."""
    try:
        morsel = SimpleCookie(cookies).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def _tickets() -> QuerySet[ConsoleTicket]:
    return ConsoleTicket.objects.select_related("vm", "user__tenant", "api_key")


def _is_ours(origin: str) -> bool:
    # Programs send no Origin, browsers always do: another site's page must not use a visitor's session.
    if not origin or origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    try:
        host = urlsplit(origin).hostname
    except ValueError:
        return False
    return host is not None and validate_host(host, settings.ALLOWED_HOSTS)


def _is_owner(ticket: ConsoleTicket, session_key: str) -> bool:
    """A ticket asked for in a login session is good in that session only; one of an API key, in nobody else's."""
    if ticket.session_hash and ticket.session_hash != fingerprint(session_key):
        return False
    return not (ticket.session_hash or session_key) or session_user(session_key) == ticket.user


def _use(ticket: ConsoleTicket, session_key: str) -> Admitted:
    if not may_look(ticket, session_key):
        raise Refusal(EndReason.REFUSED)
    if ticket.used_at:
        raise Refusal(EndReason.USED)
    if ticket.expires_at <= timezone.now():
        raise Refusal(EndReason.EXPIRED)
    if not has_screen(ticket.vm):
        raise Refusal(EndReason.STOPPED)
    if not redeem(ticket.pk):
        raise Refusal(EndReason.USED)
    return Admitted(
        ticket_id=ticket.pk,
        vm_id=ticket.vm_id,
        host=ticket.host,
        port=ticket.port,
        screen_password=unseal(ticket.sealed_screen_password),
        session_key=session_key,
    )
