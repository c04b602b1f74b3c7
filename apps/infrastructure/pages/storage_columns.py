"""Columns of the list of storage clusters."""

from __future__ import annotations

from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.infrastructure.connection import connection_of
from apps.infrastructure.pages.figures import size
from apps.infrastructure.pages.storage_tabs import connection_state, health_state
from apps.infrastructure.pool_health import health_of
from apps.infrastructure.space import space_limit
from apps.lifecycle.state_labels import StateLabel
from apps.portal import html
from apps.portal.columns import Column
from apps.portal.lists import ListPage


def _state(row: Any) -> StateLabel:
    """Return the connection's state when it is not connected, else the health that the pool reports."""
    state, health = connection_state(connection_of(row)), health_of(row)
    return health_state(health) if health and state.tone == "ok" else state


def _provisioned(row: Any, page: ListPage) -> SafeString:
    limit = space_limit(row)
    return html.gauge(row.provisioned_gib, limit, f"{size(row.provisioned_gib)} / {size(limit)}")


HEALTH = Column(
    "health",
    _("Health"),
    lambda row, page: html.pill(_state(row)),
    width="state",
    text=lambda row, page: _state(row).word,
)
PROVISIONED = Column(
    "provisioned",
    _("Allocated"),
    _provisioned,
    sort="provisioned_gib",
    width="bar",
    text=lambda row, page: row.provisioned_gib,
)
