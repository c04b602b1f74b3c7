"""Maintenance of a cluster host by host: each is drained, waits for the administrator, and is put back."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.acts import allows
from apps.compute.drain_plan import Fate, plan_drain, vms_of
from apps.compute.drain_progress import last_drain
from apps.compute.services.drain import drain_host
from apps.infrastructure.models import ComputeCluster, Host, RollingMaintenance
from apps.infrastructure.services.hosts import put_host_back
from apps.infrastructure.survival import survival
from apps.infrastructure.verbs import CLUSTER_END_ROLLING, CLUSTER_ROLL_ON, CLUSTER_START_ROLLING
from apps.lifecycle import push
from apps.lifecycle.cancellation import cancel
from apps.lifecycle.errors import NoCapacity, NotNow, Refused
from apps.lifecycle.models import State
from apps.lifecycle.requests import Allowed


@allows(CLUSTER_START_ROLLING)
def start_rolling(allowed: Allowed, cluster: ComputeCluster) -> ComputeCluster:
    """Begin with the first host. Raises NotNow, NoCapacity when the cluster cannot take one host's VMs."""
    first = hosts_after(cluster, "").first()
    if first is None:
        raise NotNow(_("The cluster has no hosts."))
    ensure_room(cluster, first)
    given = {"host": first, "host_name": first.name}
    _rolling, is_new = RollingMaintenance.objects.get_or_create(
        cluster=cluster, ended_at=None, defaults=given
    )
    if not is_new:
        raise NotNow(_("A rolling maintenance is under way already."))
    drain_host(allowed.actor, first)
    allowed.record(name=cluster.name, args={"host": first.name})
    push.row_changed("compute_cluster", cluster.pk)
    return _again(cluster)


@allows(CLUSTER_ROLL_ON)
def roll_on(allowed: Allowed, cluster: ComputeCluster) -> ComputeCluster:
    """Put the present host back and drain the next one; after the last one it ends. Raises NotNow."""
    rolling = _open(cluster)
    host = rolling.host
    if host is not None and host.in_maintenance:
        _ensure_empty(host)
        put_host_back(allowed.actor, host)
    following = hosts_after(cluster, rolling.host_name).first()
    if following is None:
        _end(rolling)
    else:
        RollingMaintenance.objects.filter(pk=rolling.pk).update(host=following, host_name=following.name)
        _drain_if_possible(allowed, following)
    allowed.record(name=cluster.name, args={"host": following.name if following else ""})
    push.row_changed("compute_cluster", cluster.pk)
    return _again(cluster)


@allows(CLUSTER_END_ROLLING)
def end_rolling(allowed: Allowed, cluster: ComputeCluster) -> ComputeCluster:
    """End it. A drain under way is cancelled; a host in maintenance stays in it until it is put back."""
    rolling = _open(cluster)
    drain = last_drain(rolling.host) if rolling.host is not None else None
    if drain is not None and drain.is_open:
        cancel(allowed.actor, drain)
    _end(rolling)
    allowed.record(name=cluster.name)
    push.row_changed("compute_cluster", cluster.pk)
    return _again(cluster)


def hosts_after(cluster: ComputeCluster, name: str) -> QuerySet[Host]:
    """Return the cluster's hosts that come after one of this name; failed ones are no one's to maintain."""
    return Host.objects.filter(cluster=cluster, state=State.READY, failure="", name__gt=name).order_by("name")


def ensure_room(cluster: ComputeCluster, first: Host) -> None:
    """Raise NoCapacity unless the others have room for any one host's VMs, by sums, and for the first one's in fact."""
    if not survival(cluster, 1).survives:
        raise NoCapacity(
            _("The other hosts do not have room for one host’s VMs."),
            hint=_("Free capacity in the cluster, or add a host."),
        )
    plan = plan_drain(first)
    if staying := plan.having(Fate.STAYS):
        raise Refused(
            _("Host %(host)s cannot be emptied. %(vm)s: %(reason)s")
            % {"host": first.name, "vm": staying[0].vm.name, "reason": staying[0].reason},
            code="host.cannot_be_emptied",
            hint=_("See the Maintenance tab of the host for each VM."),
        )


def _again(cluster: ComputeCluster) -> ComputeCluster:
    """Return the cluster as it is now: what was read with it is of before."""
    return ComputeCluster.objects.select_related("region").get(pk=cluster.pk)


def _open(cluster: ComputeCluster) -> RollingMaintenance:
    rows = RollingMaintenance.objects.select_for_update(of=("self",)).select_related("host__cluster")
    found = rows.filter(cluster=cluster, ended_at=None).first()
    if found is None:
        raise NotNow(_("No rolling maintenance is under way."))
    return found


def _ensure_empty(host: Host) -> None:
    drain = last_drain(host)
    if drain is not None and drain.is_open:
        raise NotNow(_("Host %(host)s is still being drained.") % {"host": host.name})
    if vms_of(host).exists():
        raise NotNow(
            _("VMs are still on host %(host)s.") % {"host": host.name},
            hint=_(
                "See its Maintenance tab for the reasons and drain it again, or end the rolling maintenance."
            ),
        )


def _drain_if_possible(allowed: Allowed, host: Host) -> None:
    """Drain a host; one that is unreachable, say, is named on the cluster's page, and can be left out."""
    try:
        with transaction.atomic():
            drain_host(allowed.actor, host)
    except Refused as refusal:
        allowed.record(name=host.name, outcome=refusal.code)


def _end(rolling: RollingMaintenance) -> None:
    RollingMaintenance.objects.filter(pk=rolling.pk).update(ended_at=timezone.now())
