"""Whether the network leads from one subnet to the other."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from apps.network.reachability.fabric import troubles
from apps.network.reachability.path import Path
from apps.network.reachability.steps import Result, Step


def vpc_steps(path: Path) -> Iterable[Step]:
    """Say whether both ends are in one VPC: nothing leads from one VPC to another."""
    if path.outside is not None:
        return []
    mine, theirs = path.source.its_subnet.vpc, path.target.its_subnet.vpc
    title = _("VPC")
    if path.is_one_vpc:
        trouble = next(troubles(path, mine, title), None)
        text = _("Both VMs are in VPC %(name)s.") % {"name": mine.name}
        return [trouble or Step("vpc.same", Result.OK, title, text, resource=mine)]
    names = {"mine": mine.name, "theirs": theirs.name}
    text = _("The VMs are in different VPCs: %(mine)s and %(theirs)s. VPCs are isolated from each other.")
    hint = _("Create one of the VMs in the other VM’s VPC.")
    return [Step("vpc.other", Result.BLOCKED, title, text % names, hint, resource=theirs)]


def route_steps(path: Path) -> Iterable[Step]:
    """Say how the subnets are connected; without a common VPC there is no route to look at."""
    if path.outside is not None or not path.is_one_vpc:
        return []
    mine, theirs = path.source.its_subnet, path.target.its_subnet
    title = _("Route")
    if path.version == 6 and not (mine.cidr6 and theirs.cidr6):
        return []  # said at the ports
    found = [
        step
        for subnet in {mine.pk: mine, theirs.pk: theirs}.values()
        for step in troubles(path, subnet, title)
    ]
    if found:
        return found
    if mine.pk == theirs.pk:
        names = {"name": mine.name, "cidr": mine.cidr6 if path.version == 6 else mine.cidr}
        text = _("Both VMs are in subnet %(name)s (%(cidr)s). No router is involved.") % names
        return [Step("route.local", Result.OK, title, text, resource=mine)]
    gateway, cidr = (mine.gateway6, theirs.cidr6) if path.version == 6 else (mine.gateway, theirs.cidr)
    names = {"mine": mine.name, "gateway": gateway, "theirs": theirs.name, "cidr": cidr}
    text = _(
        "The VPC’s router connects subnet %(mine)s (gateway %(gateway)s) and subnet %(theirs)s (%(cidr)s)."
    )
    return [Step("route.router", Result.OK, title, text % names, resource=theirs)]
