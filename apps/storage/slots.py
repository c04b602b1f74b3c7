"""What disks and snapshots add to other apps' pages."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.accounts.moves import Moving, moving
from apps.portal.slots import MENU, TILES, MenuSlot, Section, TileSlot
from apps.storage.models import Snapshot

TILES.fill(TileSlot("disk", portal=2, admin=3))
MENU.fill(
    MenuSlot(
        "disk.list", _("Disks"), "database", portal=(Section.COMPUTE, 40), admin=(Section.RESOURCES, 20)
    ),
    MenuSlot(
        "snapshot.list", _("Snapshots"), "camera", portal=(Section.COMPUTE, 50), admin=(Section.RESOURCES, 25)
    ),
)
moving.fill(
    Moving("disk", belongings=lambda disk: Snapshot.objects.filter(disk=disk.pk)),
    Moving("snapshot", moves_with=_("A snapshot belongs to the project of its disk. Move the disk instead.")),
)
