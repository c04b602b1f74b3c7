"""What the administrator sees. Tenants see none of it."""

from __future__ import annotations

from django.db.models import QuerySet

from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Resource
from apps.reconciliation.models import Finding


def visible_findings(actor: Actor) -> QuerySet[Finding]:
    """Return confirmed findings of all states with what a list shows of them; only for an administrator as such."""
    raise NotImplementedError


def in_trouble(actor: Actor) -> QuerySet[Resource]:
    """Return resources no rule sees: in error, left by a failed operation, or with one open far past its deadline."""
    raise NotImplementedError
