"""What networks add to the apps below."""

from __future__ import annotations

from apps.accounts.account_hooks import new_accounts
from apps.network.pages.default_network import MAKE_DEFAULT, default_network_notice
from apps.network.services.default_network import create_default_network
from apps.portal.slots import ACTIONS, NOTICES, TILES, ActionSlot, NoticeSlot, TileSlot

TILES.fill(TileSlot("vpc", portal=4, admin=4), TileSlot("security_group", portal=5))
ACTIONS.fill(ActionSlot("project", MAKE_DEFAULT, after="edit"))
NOTICES.fill(NoticeSlot(default_network_notice, kind="project"))
new_accounts.fill(create_default_network)
