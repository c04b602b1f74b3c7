"""What the platform's infrastructure adds to other apps' pages."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.portal.slots import MENU, TILES, MenuSlot, Section, TileSlot

TILES.fill(TileSlot("host", admin=6))
MENU.fill(
    MenuSlot("region.list", _("Regions"), "map-pin", admin=(Section.PLATFORM, 10)),
    MenuSlot("compute_cluster.list", _("Compute clusters"), "stack-2", admin=(Section.PLATFORM, 20)),
    MenuSlot("host.list", _("Hosts"), "server", admin=(Section.PLATFORM, 30)),
    MenuSlot(
        "storage_cluster.list", _("Storage clusters"), "building-warehouse", admin=(Section.PLATFORM, 40)
    ),
)
