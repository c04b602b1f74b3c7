"""A VM's overview: what it does, how to reach it, what it is."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from apps.compute.models import Image, Vm
from apps.portal.charts import small_charts
from apps.portal.detail import DetailPage

#: Whom first-boot data gives the password and the keys to.
GUEST_USER = "root"


def overview(page: DetailPage, row: Vm) -> dict[str, Any]:
    """Return charts, addresses and properties."""
    windows = row.image is not None and row.image.os_family == Image.Family.WINDOWS
    nics = row.shown_nics
    public = next((eip.address for eip in row.shown_eips if eip.address), "")
    return {
        "groups": page.properties(row),
        "nics": [nic for nic in nics if nic.subnet],
        "eips": row.shown_eips,
        "ssh": f"ssh {GUEST_USER}@{public or nics[0].ip}" if nics and not windows else "",
        "public": public,
        "network_url": page.of.url(page.area, "tab.network", row),
        **small_charts(page, row, "api:vms-metrics", why_nothing_new(row)),
    }


def why_nothing_new(row: Vm) -> str:
    """Say why nothing is measured of a VM now, "" when it is."""
    if row.host is None or not row.is_on:
        return _("The VM is stopped. Metrics start when it runs.")
    if not row.host.in_reach:
        return _("The host is unreachable. Its current state is unknown.")
    return ""
