"""What quotas, and the list of tenants with what they use, add to the apps below."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.accounts.account_hooks import new_accounts
from apps.portal.slots import MENU, TILES, MenuSlot, Section, TileSlot
from apps.quotas.services import create_missing_quotas

TILES.fill(TileSlot("tenant", admin=1))
MENU.fill(
    MenuSlot("quota.list", _("Quotas"), "gauge", portal=(Section.ACCOUNT, 30)),
    MenuSlot("tenant.list", _("Tenants"), "building", admin=(Section.OPERATION, 40)),
)
new_accounts.fill(create_missing_quotas)
