"""What VMs, images and instance types add to the pages and the work of the apps below."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.accounts.moves import Moving, moving
from apps.compute.observation import report_reachability, take_reports
from apps.compute.pages.on_hosts import cluster_types, cluster_vms, host_vms
from apps.compute.services.instance_type import create_default_types
from apps.compute.usage import vm_samples
from apps.infrastructure import reports, services, usage
from apps.portal.detail import Tab
from apps.portal.slots import MENU, TABS, TILES, MenuSlot, Section, TabSlot, TileSlot
from apps.storage.models import Disk

TABS.fill(
    TabSlot("host", Tab("vms", _("Virtual machines"), "compute/host_vms.html", host_vms), after=""),
    TabSlot(
        "compute_cluster",
        Tab("vms", _("Virtual machines"), "compute/cluster_vms.html", cluster_vms),
        after="hosts",
    ),
    TabSlot(
        "compute_cluster",
        Tab("types", _("Instance types"), "compute/cluster_types.html", cluster_types),
        after="vms",
    ),
)
TILES.fill(
    TileSlot("vm", portal=1, admin=2), TileSlot("image", portal=3, admin=5), TileSlot("key_pair", portal=6)
)
MENU.fill(
    MenuSlot(
        "vm.list",
        _("Virtual machines"),
        "device-desktop",
        portal=(Section.COMPUTE, 10),
        admin=(Section.RESOURCES, 10),
    ),
    MenuSlot("image.list", _("Images"), "disc", portal=(Section.COMPUTE, 20)),
    MenuSlot("image.list", _("Images"), "photo", admin=(Section.RESOURCES, 60)),
    MenuSlot("key_pair.list", _("SSH keys"), "key", portal=(Section.COMPUTE, 30)),
    MenuSlot("instance_type.list", _("Instance types"), "cpu", admin=(Section.RESOURCES, 70)),
)

reports.listeners.fill(take_reports)
reports.reach_listeners.fill(report_reachability)
usage.samplers.fill(vm_samples)
services.cluster_defaults.fill(create_default_types)
moving.fill(Moving("vm", belongings=lambda vm: Disk.objects.filter(vm=vm.pk, role=Disk.Role.SYSTEM)))
