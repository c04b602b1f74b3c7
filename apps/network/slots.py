"""What networks add to the apps below."""

from __future__ import annotations

from apps.accounts.account_hooks import new_accounts
from apps.network.services.default_network import create_default_network
from apps.portal.slots import TILES, TileSlot

TILES.fill(TileSlot("vpc", portal=4, admin=4), TileSlot("security_group", portal=5))
new_accounts.fill(create_default_network)
