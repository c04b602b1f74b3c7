"""What disks add to other apps' pages."""

from __future__ import annotations

from apps.portal.slots import TILES, TileSlot

TILES.fill(TileSlot("disk", portal=2, admin=3))
