"""The navigation of both portals. An entry whose page does not exist in an area is left out there."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from apps.portal.kinds import Text
from apps.portal.slots import BADGES


@dataclass(frozen=True)
class Entry:
    """name: URL name inside the area."""

    label: Text
    icon: str
    name: str


@dataclass(frozen=True)
class Group:
    label: Text
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Link:
    label: Text
    icon: str
    url: str
    here: bool
    badge: int = 0


TENANT = (
    Group("", (Entry(_("Overview"), "layout-dashboard", "home"),)),
    Group(
        _("Compute"),
        (
            Entry(_("Virtual machines"), "device-desktop", "vm.list"),
            Entry(_("Images"), "disc", "image.list"),
            Entry(_("SSH keys"), "key", "key_pair.list"),
            Entry(_("Disks"), "database", "disk.list"),
        ),
    ),
    Group(
        _("Network"),
        (
            Entry(_("VPCs"), "network", "vpc.list"),
            Entry(_("Subnets"), "hierarchy-2", "subnet.list"),
            Entry(_("Security groups"), "shield", "security_group.list"),
        ),
    ),
    Group(
        _("Account"),
        (
            Entry(_("Tasks"), "list-check", "operation.list"),
            Entry(_("Operation log"), "history", "audit.list"),
            Entry(_("Quotas"), "gauge", "quota.list"),
            Entry(_("Members"), "users", "member.list"),
            Entry(_("Projects"), "package", "project.list"),
            Entry(_("API keys"), "api", "api_key.list"),
        ),
    ),
)

ADMIN = (
    Group("", (Entry(_("Overview"), "layout-dashboard", "home"),)),
    Group(
        _("Platform"),
        (
            Entry(_("Regions"), "map-pin", "region.list"),
            Entry(_("Compute clusters"), "stack-2", "compute_cluster.list"),
            Entry(_("Hosts"), "server", "host.list"),
            Entry(_("Storage clusters"), "building-warehouse", "storage_cluster.list"),
            Entry(_("VPC blocks"), "adjustments", "vpc_range.list"),
        ),
    ),
    Group(
        _("Resources"),
        (
            Entry(_("Virtual machines"), "device-desktop", "vm.list"),
            Entry(_("Disks"), "database", "disk.list"),
            Entry(_("VPCs"), "network", "vpc.list"),
            Entry(_("Subnets"), "hierarchy-2", "subnet.list"),
            Entry(_("Security groups"), "shield", "security_group.list"),
            Entry(_("Images"), "disc", "image.list"),
            Entry(_("Instance types"), "cpu", "instance_type.list"),
        ),
    ),
    Group(
        _("Operation"),
        (
            Entry(_("Tasks"), "list-check", "operation.list"),
            Entry(_("Inconsistencies"), "alert-triangle", "finding.list"),
            Entry(_("Operation log"), "history", "audit.list"),
            Entry(_("Tenants"), "building", "tenant.list"),
            Entry(_("Administrators"), "users", "admin_user.list"),
            Entry(_("API keys"), "api", "api_key.list"),
            Entry(_("Settings"), "settings", "settings"),
        ),
    ),
)


def links(area: str, path: str) -> list[tuple[Text, list[Link]]]:
    """Return the groups with the entries that exist in the area, the one `path` is in marked."""
    groups = ADMIN if area == "admin" else TENANT
    found = [
        (group.label, [link for e in group.entries if (link := _link(e, area, path))]) for group in groups
    ]
    return [(label, entries) for label, entries in found if entries]


def _link(entry: Entry, area: str, path: str) -> Link | None:
    try:
        url = reverse(f"{area}:{entry.name}")
    except NoReverseMatch:
        return None
    here = path == url if entry.name == "home" else path.startswith(url)
    badge = sum(slot.count() for slot in BADGES if slot.entry == f"{area}:{entry.name}")
    return Link(entry.label, entry.icon, url, here, badge)


def kinds(area: str, names: tuple[str, ...]) -> list[tuple[str, Link]]:
    """Return the list pages of these kinds, as far as the area has them."""
    entries = {
        entry.name: entry for group in (ADMIN if area == "admin" else TENANT) for entry in group.entries
    }
    wanted = [(kind, entries[f"{kind}.list"]) for kind in names if f"{kind}.list" in entries]
    return [(kind, link) for kind, entry in wanted if (link := _link(entry, area, "")) is not None]
