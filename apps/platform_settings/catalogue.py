"""All settings there are, by name, in the order they stand on the page."""

from __future__ import annotations

from typing import Any, TypeVar

from django.utils.translation import gettext_lazy as _

from apps.platform_settings.kinds import Setting

S = TypeVar("S", bound=Setting[Any])

# Headings, in their order on the page.
ACCOUNTS = _("Login and sessions")
NOTICES = _("Notices")
QUOTAS = _("Quotas of new tenants")
CONSOLE = _("Consoles")
VMS = _("Virtual machines")
NETWORKS = _("Networks")
IMAGES = _("Images")
METRICS = _("Metrics")
GROUPS = (ACCOUNTS, NOTICES, QUOTAS, CONSOLE, VMS, NETWORKS, IMAGES, METRICS)

_table: dict[str, Setting[Any]] = {}


def declare(setting: S) -> S:
    """Add a setting to the table and return it."""
    if setting.name in _table:
        raise ValueError(f"setting {setting.name} is declared twice")
    _table[setting.name] = setting
    return setting


def named(name: str) -> Setting[Any] | None:
    """Return a setting by its name."""
    return _table.get(name)


def all_settings() -> list[Setting[Any]]:
    """Return the whole table, group by group."""
    return [setting for group in GROUPS for setting in _table.values() if setting.group is group]
