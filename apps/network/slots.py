"""What networks add to the apps below."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.accounts.account_hooks import new_accounts
from apps.network.services.default_network import create_default_network
from apps.network.verbs import VPC_CREATE
from apps.portal.home import FIRST_STEPS, FirstStepSlot
from apps.portal.slots import TILES, TileSlot

TILES.fill(TileSlot("vpc", portal=4, admin=4), TileSlot("security_group", portal=5))
FIRST_STEPS.fill(FirstStepSlot("vpc", 1, VPC_CREATE, _("A private network for your VMs.")))
new_accounts.fill(create_default_network)
