"""A VM's overview: what it does, how to reach it, what it is."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from apps.compute.models import Image, Vm
from apps.compute.vm_addresses import eip_addresses, own_ips
from apps.portal.charts import small_charts
from apps.portal.detail import DetailPage

#: So many EIPs are beside the charts.
EIPS_SHOWN = 3
#: Whom first-boot data gives the password and the keys to.
GUEST_USER = "root"


def overview(page: DetailPage, row: Vm) -> dict[str, Any]:
    """Return charts, addresses and properties."""
    windows = row.image is not None and row.image.os_family == Image.Family.WINDOWS
    nics = row.shown_nics
    eips = eip_addresses(row)
    return {
        "groups": page.properties(row),
        "nics": [nic for nic in nics if nic.subnet],
        "eips": eips[:EIPS_SHOWN],
        "more_eips": max(0, len(eips) - EIPS_SHOWN),
        "ssh": f"ssh {GUEST_USER}@{(eips or own_ips(row))[0]}"
        if (eips or own_ips(row)) and not windows
        else "",
        "public": bool(eips),
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
