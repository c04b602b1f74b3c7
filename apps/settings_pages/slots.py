"""What settings add to the menu."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.portal.slots import MENU, MenuSlot, Section

MENU.fill(
    MenuSlot("settings", _("Settings"), "settings", admin=(Section.OPERATION, 70)),
)
