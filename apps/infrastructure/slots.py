"""What the platform's infrastructure adds to other apps' pages."""

from __future__ import annotations

from apps.portal.slots import TILES, TileSlot

TILES.fill(TileSlot("host", admin=6))
