"""What VMs, images and instance types add to the pages and the work of the apps below."""

from __future__ import annotations

from functools import partial

from django.utils.translation import gettext_lazy as _

from apps.accounts.moves import Moving, moving
from apps.compute.disk_forms import AttachForm, attaching
from apps.compute.disk_usage import disk_samples
from apps.compute.drain_texts import drain_says
from apps.compute.eip_carrier import VM_CARRIER
from apps.compute.eni_forms import BindEniForm, binding
from apps.compute.observation import report_reachability, take_reports
from apps.compute.pages.cluster_maintenance import cluster_maintenance, rolling_says
from apps.compute.pages.host_maintenance import host_maintenance
from apps.compute.pages.on_home import home_vms
from apps.compute.pages.on_hosts import cluster_card, cluster_types, cluster_vms, host_card, host_vms
from apps.compute.pages.on_storage import paused_items, paused_notice, storage_vms
from apps.compute.pages.vm_resize import resize_notice
from apps.compute.reachability import guest_steps, power_steps
from apps.compute.recovery import disks_there, moved_from, recover_vms
from apps.compute.selectors import visible_images, with_system_disk
from apps.compute.services.instance_type import create_default_types
from apps.compute.usage import vm_samples
from apps.compute.verbs import KEY_PAIR_CREATE, VM_CREATE
from apps.infrastructure import failed_hosts, reports, usage
from apps.infrastructure.pages import attention
from apps.infrastructure.services.clusters import cluster_defaults
from apps.infrastructure.verbs import (
    CLUSTER_END_ROLLING,
    CLUSTER_ROLL_ON,
    CLUSTER_START_ROLLING,
    HOST_DRAIN,
)
from apps.network.carriers import CARRIERS
from apps.network.reachability.steps import STEPS, End, StepSlot
from apps.network.verbs.eni import ENI_BIND
from apps.portal.detail import Tab
from apps.portal.home import FIRST_STEPS, HOME_CARDS, FirstStepSlot, HomeCardSlot
from apps.portal.kinds import Do
from apps.portal.slots import (
    ACTIONS,
    CARDS,
    MENU,
    NOTICES,
    RELATED,
    TABS,
    TILES,
    ActionSlot,
    CardSlot,
    MenuSlot,
    NoticeSlot,
    RelatedSlot,
    Section,
    TabSlot,
    TileSlot,
)
from apps.storage.verbs import DISK_ATTACH

ACTIONS.fill(
    ActionSlot("compute_cluster", Do(CLUSTER_START_ROLLING, says=rolling_says, bulk=False), after="permit"),
    ActionSlot("compute_cluster", Do(CLUSTER_ROLL_ON, bulk=False), after="start_rolling"),
    ActionSlot("compute_cluster", Do(CLUSTER_END_ROLLING, bulk=False), after="roll_on"),
    ActionSlot("host", Do(HOST_DRAIN, says=drain_says, bulk=False), after="close"),
    ActionSlot("disk", Do(DISK_ATTACH, form=AttachForm, says=attaching, bulk=True), after="retry"),
    ActionSlot("eni", Do(ENI_BIND, form=BindEniForm, says=binding, bulk=True, also=_("Move")), after="retry"),
)
TABS.fill(
    TabSlot("host", Tab("vms", _("Virtual machines"), "compute/host_vms.html", host_vms), after=""),
    TabSlot(
        "host",
        Tab("maintenance", _("Maintenance"), "compute/host_maintenance.html", host_maintenance),
        after="vms",
    ),
    TabSlot(
        "compute_cluster",
        Tab("vms", _("Virtual machines"), "compute/cluster_vms.html", cluster_vms),
        after="hosts",
    ),
    TabSlot(
        "compute_cluster",
        Tab("maintenance", _("Maintenance"), "compute/cluster_maintenance.html", cluster_maintenance),
        after="vms",
    ),
    TabSlot(
        "compute_cluster",
        Tab("types", _("Instance types"), "compute/cluster_types.html", cluster_types),
        after="vms",
    ),
)
CARDS.fill(
    CardSlot("host", "compute/host_busiest.html", host_card),
    CardSlot("compute_cluster", "compute/vm_counts.html", cluster_card),
)
NOTICES.fill(NoticeSlot(paused_notice, "storage_cluster"), NoticeSlot(resize_notice, "vm"))
RELATED.fill(RelatedSlot("storage_cluster", used_by=storage_vms))
HOME_CARDS.fill(HomeCardSlot("portal", "compute/home_vms.html", home_vms))
FIRST_STEPS.fill(
    FirstStepSlot("key_pair", 2, KEY_PAIR_CREATE, _("To log in to your VMs without a password.")),
    FirstStepSlot(
        "vm", 3, VM_CREATE, _("Enter a name and choose an image. The rest has defaults."), last=True
    ),
)
TILES.fill(
    TileSlot("vm", portal=1, admin=2),
    TileSlot("image", portal=3, admin=5, rows=visible_images),
    TileSlot("key_pair", portal=6),
    TileSlot("vm_template", portal=7),
)
MENU.fill(
    MenuSlot(
        "vm.list",
        _("Virtual machines"),
        "device-desktop",
        portal=(Section.COMPUTE, 10),
        admin=(Section.RESOURCES, 10),
    ),
    MenuSlot("image.list", _("Images"), "disc", portal=(Section.COMPUTE, 20), admin=(Section.RESOURCES, 60)),
    MenuSlot("vm_template.list", _("VM templates"), "template", portal=(Section.COMPUTE, 15)),
    MenuSlot("key_pair.list", _("SSH keys"), "key", portal=(Section.COMPUTE, 30)),
    MenuSlot("image.catalogue", _("Image catalog"), "cloud", admin=(Section.RESOURCES, 65)),
    MenuSlot("instance_type.list", _("Instance types"), "cpu", admin=(Section.RESOURCES, 70)),
)

attention.more.fill(paused_items)
STEPS.fill(
    StepSlot(10, partial(power_steps, end=End.FROM)),
    StepSlot(90, partial(power_steps, end=End.TO)),
    StepSlot(95, guest_steps),
)
reports.listeners.fill(take_reports)
reports.reach_listeners.fill(report_reachability)
failed_hosts.failed_listeners.fill(recover_vms)
failed_hosts.disk_askers.fill(disks_there)
failed_hosts.moved_askers.fill(moved_from)
usage.samplers.fill(vm_samples, disk_samples)
cluster_defaults.fill(create_default_types)
CARRIERS.fill(VM_CARRIER)
moving.fill(Moving("vm", belongings=with_system_disk))
