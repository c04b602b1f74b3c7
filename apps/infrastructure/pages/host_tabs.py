"""What the tabs of a host show, and what closing it means."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.infrastructure.load import fresh, load_of
from apps.infrastructure.models import Host
from apps.infrastructure.pages.figures import MIB_PER_GIB, load_figures, size, whole
from apps.infrastructure.pages.host_failure import if_it_dies
from apps.infrastructure.selectors import HOSTS_FOR_AVAILABILITY
from apps.portal.charts import small_charts
from apps.portal.detail import DetailPage

#: A clock that is further ahead than this is worth saying.
AHEAD = timedelta(seconds=2)


def overview(page: DetailPage, row: Host) -> dict[str, Any]:
    """Return load and capacity as figures beside the properties."""
    # Added up over one host: its figures read like a cluster's. Nothing is known of one that is unreachable.
    load = load_of(Host.objects.filter(pk=row.pk))
    return {
        "groups": page.properties(row),
        "figures": load_figures(load) if load.in_reach else [],
        **small_charts(page, row, "api:hosts-metrics", why_nothing_new(row)),
        "if_it_dies": if_it_dies(row),
        "plan": [] if row.accepts_vms or row.in_maintenance else closing_plan(row),
    }


def why_nothing_new(row: Host) -> str:
    """Say why nothing is measured of a host now, "" when it is."""
    if row.last_report_at is None:
        return _("The agent has not reported yet.")
    return "" if row.in_reach else _("The host is unreachable. No metrics are collected.")


def closing_plan(host: Any) -> list[str]:
    """Say what closing a host means: for its VMs, for the room that is left, for the cluster's availability."""
    count = host.vms.count()
    others = Host.objects.filter(fresh(), cluster=host.cluster_id, accepts_vms=True).exclude(pk=host.pk)
    left = load_of(others)
    memory = max(left.memory_capacity_mib - left.memory_reserved_mib, 0) / MIB_PER_GIB
    lines = [
        _("No new VM is placed on %(name)s.") % {"name": host.name},
        ngettext(
            "Its %(n)s VM keeps running on this host. To empty the host, drain it.",
            "Its %(n)s VMs keep running on this host. To empty the host, drain it.",
            count,
        )
        % {"n": count}
        if count
        else _("No VMs are on this host. It can be powered off."),
        _("Other hosts of the cluster have %(memory)s of memory and %(vcpu)s vCPUs free.")
        % {"memory": size(memory), "vcpu": whole(max(left.vcpu_capacity - left.vcpu_reserved, 0))},
    ]
    if left.in_reach < HOSTS_FOR_AVAILABILITY:
        lines.append(
            _(
                "Only %(n)s hosts have scheduling enabled. A cluster needs %(least)s to survive the "
                "loss of one host."
            )
            % {"n": left.in_reach, "least": HOSTS_FOR_AVAILABILITY}
        )
    return lines


def clock(host: Host) -> str:
    """Return what its reports say of its clock. One that is behind looks like silence and cannot be told from it."""
    if host.last_report_at is None or host.report_sent_at is None:
        return ""
    ahead = host.report_sent_at - host.last_report_at
    if ahead > AHEAD:
        return _("%(n)s s ahead of the platform’s clock") % {"n": whole(ahead.total_seconds())}
    return _("same as the platform’s clock") if host.in_reach else ""
