"""What networks add to the apps below."""

from __future__ import annotations

from functools import partial

from django.utils.translation import gettext_lazy as _

from apps.accounts.account_hooks import new_accounts
from apps.accounts.moves import Moving, moving
from apps.infrastructure.pages import attention
from apps.network.models import Subnet
from apps.network.pages.default_network import MAKE_DEFAULT, default_network_notice
from apps.network.pages.eip_topology import eip_items
from apps.network.pages.segment_attention import segment_items
from apps.network.reachability.fabric import port_steps
from apps.network.reachability.filtering import group_steps
from apps.network.reachability.outside import egress_steps, eip_steps
from apps.network.reachability.routing import route_steps, vpc_steps
from apps.network.reachability.steps import STEPS, End, StepSlot
from apps.network.services.default_network import create_default_network
from apps.network.topology import TOPOLOGY, TopologySlot
from apps.network.verbs import VPC_CREATE
from apps.portal.home import FIRST_STEPS, FirstStepSlot
from apps.portal.slots import (
    ACTIONS,
    MENU,
    NOTICES,
    TILES,
    ActionSlot,
    MenuSlot,
    NoticeSlot,
    Section,
    TileSlot,
)

TILES.fill(
    TileSlot("vpc", portal=4, admin=4),
    TileSlot("security_group", portal=5),
    TileSlot("eip", portal=7, admin=7),
    TileSlot("eni", portal=8, admin=8),
)
MENU.fill(
    MenuSlot("vpc.list", _("VPCs"), "network", portal=(Section.NETWORK, 10), admin=(Section.RESOURCES, 30)),
    MenuSlot(
        "subnet.list",
        _("Subnets"),
        "hierarchy-2",
        portal=(Section.NETWORK, 20),
        admin=(Section.RESOURCES, 40),
    ),
    MenuSlot(
        "security_group.list",
        _("Security groups"),
        "shield",
        portal=(Section.NETWORK, 30),
        admin=(Section.RESOURCES, 50),
    ),
    MenuSlot("eip.list", _("EIPs"), "world", portal=(Section.NETWORK, 40), admin=(Section.RESOURCES, 55)),
    MenuSlot(
        "eni.list",
        _("Elastic NICs"),
        "topology-star-3",
        portal=(Section.NETWORK, 45),
        admin=(Section.RESOURCES, 56),
    ),
    MenuSlot("external_segment.list", _("External segments"), "world-www", admin=(Section.PLATFORM, 45)),
    MenuSlot("reachability", _("Connectivity check"), "route", portal=(Section.NETWORK, 90)),
    MenuSlot("vpc_range.list", _("VPC CIDR blocks"), "adjustments", admin=(Section.PLATFORM, 50)),
)
STEPS.fill(
    StepSlot(20, partial(port_steps, end=End.FROM)),
    StepSlot(30, partial(group_steps, end=End.FROM)),
    StepSlot(40, vpc_steps),
    StepSlot(45, egress_steps),
    StepSlot(50, route_steps),
    StepSlot(60, eip_steps),
    StepSlot(70, partial(group_steps, end=End.TO)),
    StepSlot(80, partial(port_steps, end=End.TO)),
)
ACTIONS.fill(ActionSlot("project", MAKE_DEFAULT, after="edit"))
NOTICES.fill(NoticeSlot(default_network_notice, kind="project"))
FIRST_STEPS.fill(FirstStepSlot("vpc", 1, VPC_CREATE, _("A private network for your VMs.")))
new_accounts.fill(create_default_network)
attention.more.fill(segment_items)
TOPOLOGY.fill(TopologySlot(eip_items, watch=("eip",)))
moving.fill(
    Moving("vpc", belongings=lambda vpc: Subnet.objects.filter(vpc=vpc.pk)),
    Moving("subnet", moves_with=_("A subnet belongs to the project of its VPC. Move the VPC instead.")),
)
