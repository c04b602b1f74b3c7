"""Whose ticket it is, and whether its owner may still look."""

from __future__ import annotations

import hashlib
from importlib import import_module
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.access import may
from apps.accounts.acting import acting_tenant_id
from apps.accounts.auth_backend import usable
from apps.accounts.models import Tenant
from apps.console.models import ConsoleTicket
from apps.console.verbs import VM_CONSOLE
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import NotFound


def own_tickets(actor: Actor) -> QuerySet[ConsoleTicket]:
    """Return the actor's tickets. Nobody else's, whatever the role: a ticket is personal."""
    tickets = ConsoleTicket.objects.select_related("operation", "vm")
    return tickets.filter(user=actor.user, api_key=actor.api_key) if actor.user else tickets.none()


def own_ticket(actor: Actor, ticket_id: UUID, *, session_key: str = "") -> ConsoleTicket:
    """Return a ticket asked for by this user in this very session (or with this API key); NotFound otherwise."""
    session_hash = hashlib.sha256(session_key.encode()).hexdigest() if session_key else ""
    ticket = own_tickets(actor).filter(pk=ticket_id, session_hash=session_hash).first()
    if ticket is None:
        raise NotFound(_("Ticket not found."))
    return ticket


def may_look(ticket: ConsoleTicket, session_key: str = "") -> bool:
    """Whether the ticket's user may operate its VM now; asked again and again while a session lasts.

    `session_key`: of the browser's session, "" for what has none. An administrator's must act as the VM's tenant.
    """
    user = ticket.user
    if not usable(user) or user.must_change_password:
        return False
    key = ticket.api_key
    if key is not None and key.expires_at is not None and key.expires_at <= timezone.now():
        return False
    tenant = _acted_as(ticket, session_key) if user.is_platform_admin else user.tenant
    actor = Actor(user=user, tenant=tenant, api_key=key)
    return may(actor, VM_CONSOLE, ticket.vm.project_id, ticket.vm.tenant_id, ticket.vm_id)


def _acted_as(ticket: ConsoleTicket, session_key: str) -> Tenant | None:
    """Return the VM's tenant while the session acts as it."""
    if not session_key:
        return None
    session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    acted_as = acting_tenant_id(session)
    if acted_as is None or acted_as != ticket.vm.tenant_id:
        return None
    return Tenant.objects.filter(pk=acted_as).first()
