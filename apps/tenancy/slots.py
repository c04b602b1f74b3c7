"""What accounts and the operation log add to the menus."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.portal.slots import FACTS, MENU, FactSlot, MenuSlot, Section
from apps.tenancy.pages.resource_facts import access_facts

MENU.fill(
    MenuSlot(
        "audit.list",
        _("Operation log"),
        "history",
        portal=(Section.ACCOUNT, 20),
        admin=(Section.OPERATION, 30),
    ),
    MenuSlot("member.list", _("Members"), "users", portal=(Section.ACCOUNT, 40)),
    MenuSlot("project.list", _("Projects"), "package", portal=(Section.ACCOUNT, 50)),
    MenuSlot("admin_user.list", _("Administrators"), "users", admin=(Section.OPERATION, 50)),
    MenuSlot("resource_role.list", _("Resource roles"), "user-check", portal=(Section.ACCOUNT, 55)),
    MenuSlot(
        "api_key.list", _("API keys"), "api", portal=(Section.ACCOUNT, 60), admin=(Section.OPERATION, 60)
    ),
)

FACTS.fill(FactSlot("", access_facts))
