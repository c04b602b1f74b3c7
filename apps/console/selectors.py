"""Whose ticket it is, and whether its owner may still look."""

from __future__ import annotations

import hashlib
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.console.models import ConsoleTicket
from apps.console.verbs import VM_CONSOLE
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import NotFound
from apps.tenancy.access import may


def own_tickets(actor: Actor) -> QuerySet[ConsoleTicket]:
    """Return the actor's tickets. Nobody else's, whatever the role: a ticket is personal."""
    tickets = ConsoleTicket.objects.select_related("operation", "vm")
    return tickets.filter(user=actor.user, api_key=actor.api_key) if actor.user else tickets.none()


def own_ticket(actor: Actor, ticket_id: UUID, *, session_key: str = "") -> ConsoleTicket:
    """Return a ticket asked for by this user in this very session (or with this API key); NotFound otherwise."""
    session_hash = hashlib.sha256(session_key.encode()).hexdigest() if session_key else ""
    ticket = own_tickets(actor).filter(pk=ticket_id, session_hash=session_hash).first()
    if ticket is None:
        raise NotFound(_("There is no such ticket."))
    return ticket


def may_look(ticket: ConsoleTicket) -> bool:
    """Whether the ticket's user may operate its VM now; asked again and again while a session lasts."""
    user = ticket.user
    if not user.is_active or (user.tenant is not None and not user.tenant.enabled):
        return False
    key = ticket.api_key
    if key is not None and key.expires_at is not None and key.expires_at <= timezone.now():
        return False
    actor = Actor(user=user, tenant=user.tenant, api_key=key)
    return may(actor, VM_CONSOLE, ticket.vm.project_id, ticket.vm.tenant_id)
