"""Columns of the list of storage clusters."""

from __future__ import annotations

from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.infrastructure.pages.figures import gib_bar
from apps.infrastructure.pool_states import POOL_STATE, label_of, state_of
from apps.infrastructure.space import space_limit
from apps.portal import html
from apps.portal.columns import Column
from apps.portal.lists import ListPage


def _provisioned(row: Any, page: ListPage) -> SafeString:
    return gib_bar(row.provisioned_gib, space_limit(row))


HEALTH = Column(
    "health",
    _("Health"),
    lambda row, page: html.pill(label_of(state_of(row))),
    sort=POOL_STATE,
    width="state",
    brief=True,
    text=lambda row, page: label_of(state_of(row)).word,
)
PROVISIONED = Column(
    "provisioned",
    _("Allocated"),
    _provisioned,
    sort="provisioned_gib",
    width="bar",
    text=lambda row, page: row.provisioned_gib,
)
