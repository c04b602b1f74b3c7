"""The life of a ticket: asked for, opened by a worker, collected by its owner, used by a connection. The only writers.

Every step is one compare-and-set UPDATE, so that of any number of attempts exactly one succeeds.
"""

from __future__ import annotations

import hashlib
import secrets
import string
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.acting import is_acting
from apps.accounts.acts import changes
from apps.accounts.secrets import seal
from apps.compute.models import Vm
from apps.console.models import COLLECT_WITHIN, LIFETIME, ConsoleTicket, TicketKind, TicketState
from apps.console.selectors import own_ticket
from apps.console.verbs import VM_CONSOLE
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Forbidden, Refused
from apps.lifecycle.requests import Change
from apps.lifecycle.stored_messages import rendered_error, rendered_message

#: VNC's authentication knows 8 characters at most; letters and digits survive every keyboard and every form field.
PASSWORD_LENGTH = 8
PASSWORD_ALPHABET = string.ascii_letters + string.digits
FORGET_AFTER = timedelta(days=1)


class TicketSpent(Refused):
    """The credentials are not to be had: not yet, not any more, or not again."""


@dataclass(frozen=True)
class Credentials:
    """What is shown once. A browser gets `token` for the proxy's WebSocket; a native client the other three."""

    kind: str
    expires_at: datetime
    token: str = ""
    address: str = ""
    port: int = 0
    password: str = ""


@changes(VM_CONSOLE)
def open_console(
    change: Change[Vm], *, kind: str = TicketKind.BROWSER, session_key: str = ""
) -> ConsoleTicket:
    """Ask for a ticket to the VM's screen. Raises Forbidden or Refused."""
    actor, vm = change.actor, change.row
    if actor.user is None:
        raise Forbidden(_("Only users and API keys can view a screen."))
    if kind == TicketKind.NATIVE and is_acting(actor):
        raise Forbidden(
            _("Administrators acting as a tenant cannot see console credentials."),
            hint=_("Use the console in the browser."),
        )
    if kind == TicketKind.NATIVE and not settings.CONSOLE_NATIVE_PORTS:
        raise Refused(
            _("VNC clients are disabled on this platform."),
            code="console.native_off",
            hint=_("Use the console in the browser."),
        )
    now = timezone.now()
    ConsoleTicket.objects.filter(vm=vm, expires_at__lt=now - FORGET_AFTER).delete()
    ticket = ConsoleTicket(
        vm=vm,
        kind=kind,
        user=actor.user,
        session_hash=fingerprint(session_key) if session_key else "",
        api_key=actor.api_key,
        sealed_screen_password=_screen_password(vm),
        expires_at=now + VM_CONSOLE.deadline,
    )
    ticket.operation = change.request(args={"ticket": str(ticket.pk), "kind": kind})
    ticket.save(force_insert=True)
    return ticket


def mark_opened(ticket_id: UUID, host: str, port: int) -> None:
    """A worker has opened the VM's VNC server for the ticket."""
    now = timezone.now()
    ConsoleTicket.objects.filter(pk=ticket_id, opened_at__isnull=True).update(
        opened_at=now, expires_at=now + COLLECT_WITHIN, host=host, port=port
    )


def mark_listening(ticket_id: UUID, relay_port: int) -> bool:
    """The proxy listens for a native client on `relay_port`; False when another thread was first."""
    waiting = ConsoleTicket.objects.alive().filter(pk=ticket_id, relay_port__isnull=True)
    return bool(waiting.update(relay_port=relay_port))


@transaction.atomic
def collect(actor: Actor, ticket_id: UUID, *, session_key: str = "") -> Credentials:
    """Give out the credentials, once, to whom they were made for. Raises NotFound or TicketSpent."""
    ticket = own_ticket(actor, ticket_id, session_key=session_key)
    if ticket.state != TicketState.READY:
        raise _spent(ticket)
    secret = _password() if ticket.kind == TicketKind.NATIVE else secrets.token_urlsafe(32)
    expires_at = timezone.now() + LIFETIME[TicketKind(ticket.kind)]
    if ticket.kind == TicketKind.NATIVE:
        kept = {"sealed_password": seal(secret)}
    else:
        kept = {"token_hash": fingerprint(secret)}
    issued = (
        ConsoleTicket.objects.alive()
        .filter(pk=ticket.pk, issued_at__isnull=True)
        .update(issued_at=timezone.now(), expires_at=expires_at, **kept)
    )
    if not issued:
        ticket.refresh_from_db()
        raise _spent(ticket)
    if ticket.kind == TicketKind.BROWSER:
        return Credentials(ticket.kind, expires_at, token=secret)
    return Credentials(
        ticket.kind,
        expires_at,
        address=settings.CONSOLE_NATIVE_ADDRESS,
        port=ticket.relay_port or 0,
        password=secret,
    )


def redeem(ticket_id: UUID) -> bool:
    """Use the ticket up; True for exactly one caller, and only in time."""
    live = ConsoleTicket.objects.alive().filter(pk=ticket_id, issued_at__isnull=False)
    return bool(live.update(used_at=timezone.now()))


def fingerprint(secret: str) -> str:
    """SHA-256 of a token or session key: enough, since both are long and random."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _screen_password(vm: Vm) -> str:
    # A VNC server has one password at a time. A second ticket must not lock out the first, so tickets that wait at the
    # same time share it; nobody outside the platform ever sees it. The VM's row is locked here.
    waiting = ConsoleTicket.objects.alive().filter(vm=vm).order_by("-created_at").first()
    return waiting.sealed_screen_password if waiting else seal(_password())


def _password() -> str:
    return "".join(secrets.choice(PASSWORD_ALPHABET) for _ in range(PASSWORD_LENGTH))


def _spent(ticket: ConsoleTicket) -> TicketSpent:
    again = _("Open the console again.")
    if ticket.state == TicketState.OPENING:
        return TicketSpent(
            _("The console is still opening."),
            code="console.not_ready",
            hint=_("Check again in a moment."),
        )
    if ticket.state == TicketState.FAILED:
        error = ticket.operation.error if ticket.operation else {}
        return TicketSpent(
            rendered_message(error, "message"),
            code="console.failed",
            hint=rendered_error(error)["hint"],
            details={"cause": rendered_error(error)},
        )
    if ticket.state == TicketState.EXPIRED:
        return TicketSpent(_("The ticket expired before it was used."), code="console.expired", hint=again)
    return TicketSpent(_("The credentials were already issued."), code="console.already_issued", hint=again)
