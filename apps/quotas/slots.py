"""What quotas, and the list of tenants with what they use, add to the apps below."""

from __future__ import annotations

from apps.accounts.account_hooks import new_accounts
from apps.portal.slots import TILES, TileSlot
from apps.quotas.services import create_missing_quotas

TILES.fill(TileSlot("tenant", admin=1))
new_accounts.fill(create_missing_quotas)
