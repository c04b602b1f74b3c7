"""Reading all settings, with who changed them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.selectors import is_admin_as_such
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Forbidden
from apps.platform_settings.catalogue import all_settings
from apps.platform_settings.kinds import Setting
from apps.platform_settings.models import PlatformSetting


@dataclass(frozen=True)
class Shown:
    """A setting as it stands. changed_by is "" where the default holds."""

    setting: Setting[Any]
    value: Any
    changed_by: str = ""
    changed_at: datetime | None = None

    @property
    def default(self) -> str:
        """The default, for people."""
        return self.setting.shown(self.setting.default_value())


def visible_settings(actor: Actor) -> list[Shown]:
    """Return every setting, read afresh. Raises Forbidden for who is no administrator as such."""
    if not is_admin_as_such(actor):
        raise Forbidden(_("Only administrators can see the platform settings."))
    rows = {row.name: row for row in PlatformSetting.objects.all()}
    return [
        Shown(setting, setting.load(row.value), row.changed_by, row.changed_at)
        if (row := rows.get(setting.name))
        else Shown(setting, setting.default_value())
        for setting in all_settings()
    ]
