"""The rolling maintenance of a cluster: which hosts are done, which is next, and what it waits for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.compute.drain_plan import vms_of
from apps.compute.drain_progress import last_drain
from apps.compute.services.rolling_maintenance import ensure_room, hosts_after
from apps.infrastructure.models import Host, RollingMaintenance
from apps.infrastructure.pages.cluster_tabs import MOST
from apps.lifecycle.errors import Refused
from apps.lifecycle.selectors import with_open_operations
from apps.portal.detail import DetailPage

ACTIONS = ("start_rolling", "roll_on", "end_rolling")


def rolling_says(cluster: Any) -> list[str]:
    """Say what rolling maintenance does, before it is started."""
    count = hosts_after(cluster, "").count()
    text = ngettext("%(n)s host, one after the other:", "%(n)s hosts, one after the other:", count)
    return [
        text % {"n": count},
        _("The host is drained. You update or reboot it, then continue."),
        _("It is put back, and the next host is drained."),
        _("It stops at a host that cannot be emptied."),
    ]


def cluster_maintenance(page: DetailPage, row: Any) -> dict[str, Any]:
    """Return what the tab shows."""
    offers = page.of.offers(page.rights, row, page.area, only=ACTIONS)
    rows = RollingMaintenance.objects.filter(cluster=row, ended_at=None)
    rolling = rows.select_related("host__cluster").first()
    hosts = with_open_operations(Host.objects.filter(cluster=row).select_related("cluster").order_by("name"))
    shown = list(hosts[: MOST + 1])
    return {
        "acts": {offer.do.verb.action: offer for offer in offers},
        "rolling": rolling,
        "lines": [{"row": host, "place": _place(host, rolling)} for host in shown[:MOST]],
        "is_cut": len(shown) > MOST,
        "says": _waits_for(rolling) if rolling else _may_start(row),
    }


def _place(host: Host, rolling: RollingMaintenance | None) -> str:
    """Return what becomes of a host, by its name: the order in which it goes."""
    if rolling is None or host.failure:
        return "–" if rolling is None else _("left out: it has failed")
    if host.name < rolling.host_name:
        return _("done")
    return _("now") if host.name == rolling.host_name else _("waits")


def _may_start(cluster: Any) -> Sequence[tuple[str, str]]:
    first = hosts_after(cluster, "").select_related("cluster").first()
    if first is None:
        return [("warn", _("The cluster has no hosts."))]
    try:
        ensure_room(cluster, first)
    except Refused as refusal:
        return [("error", refusal.message), ("warn", refusal.hint)]
    return [("ok", _("The other hosts have room for any one host’s VMs."))]


def _waits_for(rolling: RollingMaintenance) -> Sequence[tuple[str, str]]:
    host = rolling.host
    if host is None:
        return [
            (
                "warn",
                _("Host %(host)s was removed. Continue with the next host.") % {"host": rolling.host_name},
            )
        ]
    named = {"host": host.name}
    drain = last_drain(host)
    if drain is not None and drain.is_open:
        return [("ok", _("Host %(host)s is being drained.") % named)]
    if not host.in_maintenance:
        text = _("Host %(host)s is not in maintenance: it could not be drained, or was put back.") % named
        return [("warn", text), ("warn", _("Drain it on its page, or continue with the next host."))]
    if vms_of(host).exists():
        text = _("Stopped: host %(host)s cannot be emptied.") % named
        return [
            ("error", text),
            ("warn", _("See its Maintenance tab for each VM’s reason, then drain it again.")),
        ]
    if not host.in_reach:
        return [
            ("warn", _("Host %(host)s is empty and unreachable. Continue when it reports again.") % named)
        ]
    return [("ok", _("Host %(host)s is empty. Update or reboot it, then continue.") % named)]
