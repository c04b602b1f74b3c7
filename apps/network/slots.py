"""What networks add to the apps below."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.accounts.account_hooks import new_accounts
from apps.accounts.moves import Moving, moving
from apps.network.models import Subnet
from apps.network.services.default_network import create_default_network
from apps.portal.slots import TILES, TileSlot

TILES.fill(TileSlot("vpc", portal=4, admin=4), TileSlot("security_group", portal=5))
new_accounts.fill(create_default_network)
moving.fill(
    Moving("vpc", belongings=lambda vpc: Subnet.objects.filter(vpc=vpc.pk)),
    Moving("subnet", moves_with=_("A subnet is in the project of its VPC. Move the VPC.")),
)
