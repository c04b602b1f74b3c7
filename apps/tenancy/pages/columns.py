"""Columns that lists of accounts share."""

from __future__ import annotations

from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.lifecycle.state_labels import StateLabel
from apps.portal import html
from apps.portal.columns import Column
from apps.portal.lists import ListPage


def _username(row: Any, page: ListPage) -> SafeString:
    url = page.of.url(page.area, "one", row) if page.has_detail else ""
    return html.link(url, row.username, "row-name")


def user_word(user: User) -> StateLabel:
    """Return whether the account may be used."""
    return StateLabel(_("Active"), "ok") if user.is_active else StateLabel(_("Inactive"), "off")


def _last_log_in(row: Any, page: ListPage) -> object:
    return html.moment(row.last_login) if row.last_login else _("never")


USERNAME = Column("username", _("Username"), _username, sort="username", width="name", wide=False)
ACTIVE = Column(
    "active",
    _("State"),
    lambda row, page: html.pill(user_word(row)),
    sort="is_active",
    width="state",
    wide=False,
    filter="status",
    text=lambda row, page: user_word(row).word,
)
EMAIL = Column("email", _("Email"), lambda row, page: row.email, sort="email", width="name")
LAST_LOG_IN = Column(
    "last_log_in",
    _("Last login"),
    _last_log_in,
    sort="last_login",
    width="time",
    text=lambda row, page: row.last_login,
)
JOINED = Column(
    "joined",
    _("Created"),
    lambda row, page: html.moment(row.date_joined),
    sort="date_joined",
    width="time",
    text=lambda row, page: row.date_joined,
)
