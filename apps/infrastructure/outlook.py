"""What the hosts of a cluster have for a VM, and why those that cannot take it cannot."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.infrastructure.models import SILENCE, ComputeCluster
from apps.lifecycle.errors import NoCapacity
from apps.lifecycle.models import State
from apps.lifecycle.told import told

if TYPE_CHECKING:
    from apps.infrastructure.placement import Need


class _Judged(NamedTuple):
    """The columns of a host that decide whether a VM fits: whole rows of 1,000 hosts would take 30 ms."""

    pk: UUID
    name: str
    state: str
    error: dict[str, str]
    last_report_at: datetime | None
    accepts_vms: bool
    vcpu_capacity: int
    vcpu_reserved: int
    memory_capacity_mib: int
    memory_reserved_mib: int

    @property
    def vcpu_free(self) -> int:
        return self.vcpu_capacity - self.vcpu_reserved

    @property
    def memory_free(self) -> int:
        return self.memory_capacity_mib - self.memory_reserved_mib


class _Misfit(NamedTuple):
    host: _Judged
    text: str


class Reason(NamedTuple):
    """Why some hosts do not take a VM, in words with figures. `hosts`: id, name and own text; for admins only."""

    code: str
    text: str
    hosts: list[tuple[str, str, str]]


class Outlook(NamedTuple):
    """What a cluster's hosts have for a VM: how many there are, on how many it fits, how many such VMs fit at most."""

    total: int
    fitting: int
    room: int
    reasons: list[Reason]


def outlook(cluster: ComputeCluster, need: Need) -> Outlook:
    """Return how many hosts of the cluster have room for such a VM now, and why the others have none: one query."""
    fitting, room, groups = 0, 0, dict[str, list[_Misfit]]()
    for row in cluster.hosts.order_by("name").values_list(*_Judged._fields):
        host = _Judged(*row)
        code, text = _misfit(host, need)
        if code:
            groups.setdefault(code, []).append(_Misfit(host, text))
            continue
        fitting += 1
        room += min(host.vcpu_free // need.vcpu, host.memory_free // need.memory_mib)
    reasons = [_grouped(code, groups[code]) for code in _CODES if code in groups]
    return Outlook(
        total=fitting + sum(map(len, groups.values())), fitting=fitting, room=room, reasons=reasons
    )


def no_capacity(cluster: ComputeCluster, seen: Outlook, count: int) -> NoCapacity:
    """Return the refusal for what `outlook` saw. It names no host: tenants read it."""
    if not seen.total:
        message = _("Cluster %(name)s has no hosts.") % {"name": cluster}
    elif seen.fitting:
        message = _("Cluster %(name)s has no room for %(count)s such VMs at once.") % {
            "name": cluster,
            "count": count,
        }
    else:
        reasons = "; ".join(reason.text for reason in seen.reasons)
        message = _("No host of cluster %(name)s has room. %(reasons)s.") % {
            "name": cluster,
            "reasons": reasons,
        }
    return NoCapacity(
        message,
        field="instance_type",
        hint=_("Choose a smaller instance type or another cluster, or ask the administrator."),
        details={
            "hosts": seen.total,
            "fitting": seen.fitting,
            "room": seen.room,
            "reasons": [
                {"code": reason.code, "hosts": len(reason.hosts), "text": reason.text}
                for reason in seen.reasons
            ],
        },
    )


def _misfit(host: _Judged, need: Need) -> tuple[str, str]:
    """Return code and text of why the VM cannot go to this host; "" for both when it can."""
    if host.state != State.READY:
        return "not_ready", told(host.error, "message") or _("has not reported yet")
    if host.last_report_at is None or timezone.now() - host.last_report_at >= SILENCE:
        since = timezone.localtime(host.last_report_at) if host.last_report_at else None
        at = f"{since:%Y-%m-%d %H:%M:%S}" if since else "–"
        return "out_of_reach", _("out of reach since %(time)s") % {"time": at}
    if not host.accepts_vms:
        return "closed", _("does not accept new VMs")
    if host.memory_free < need.memory_mib:
        return "memory", _("needs %(need).4g GiB of memory, %(free).4g of %(all).4g GiB free") % {
            "need": need.memory_mib / 1024,
            "free": max(host.memory_free, 0) / 1024,
            "all": host.memory_capacity_mib / 1024,
        }
    if host.vcpu_free < need.vcpu:
        return "vcpu", _("needs %(need)s vCPUs, %(free)s of %(all)s free") % {
            "need": need.vcpu,
            "free": max(host.vcpu_free, 0),
            "all": host.vcpu_capacity,
        }
    return "", ""


#: In the order they are told: first what is short, which a smaller VM would mend.
_CODES = ("memory", "vcpu", "closed", "out_of_reach", "not_ready")


def _grouped(code: str, misfits: list[_Misfit]) -> Reason:
    """Say once what goes for several hosts, with the figures of the one that has most left."""
    hosts, n = [misfit.host for misfit in misfits], len(misfits)
    texts = {
        "memory": ngettext("%(n)s host lacks memory", "%(n)s hosts lack memory", n),
        "vcpu": ngettext("%(n)s host lacks vCPUs", "%(n)s hosts lack vCPUs", n),
        "closed": ngettext("%(n)s host is closed", "%(n)s hosts are closed", n),
        "out_of_reach": ngettext("%(n)s host is out of reach", "%(n)s hosts are out of reach", n),
        "not_ready": ngettext("%(n)s host is not ready", "%(n)s hosts are not ready", n),
    }
    text = texts[code] % {"n": n}
    if code == "memory":
        most = max(hosts, key=lambda host: host.memory_free)
        figures = {"free": max(most.memory_free, 0) / 1024, "all": most.memory_capacity_mib / 1024}
        free = (
            _("%(free).4g of %(all).4g GiB free") if n == 1 else _("at most %(free).4g of %(all).4g GiB free")
        )
        text = f"{text}: {free % figures}"
    elif code == "vcpu":
        most = max(hosts, key=lambda host: host.vcpu_free)
        counts = {"free": max(most.vcpu_free, 0), "all": most.vcpu_capacity}
        free = _("%(free)s of %(all)s free") if n == 1 else _("at most %(free)s of %(all)s free")
        text = f"{text}: {free % counts}"
    return Reason(code, text, [(str(misfit.host.pk), misfit.host.name, misfit.text) for misfit in misfits])
