"""Applying a plan to a cluster, and cancelling that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.acts import allows
from apps.balancing.loads import HostLoad, VmLoad
from apps.balancing.models import Rebalancing
from apps.balancing.overload import limits_of
from apps.balancing.planning import MOST_MOVES, Objection, Plan, Wanted, objections, plan
from apps.balancing.services.rules import rules_of
from apps.balancing.snapshot import read_hosts, read_vms
from apps.balancing.verbs import REBALANCE, REBALANCE_CANCEL
from apps.infrastructure.models import ComputeCluster
from apps.lifecycle.batches import open_batch
from apps.lifecycle.errors import Invalid, NotNow, Refused
from apps.lifecycle.models import BatchOutcome
from apps.lifecycle.requests import Allowed

#: So many moves that do not hold any more are named.
NAMED = 3


def plan_of(cluster: ComputeCluster) -> Plan:
    """Return the plan for a cluster as it is now."""
    rules = rules_of(cluster)
    hosts = [row.load for row in read_hosts([cluster.pk])]
    return plan(hosts, read_vms(Q(cluster=cluster), {cluster.pk: rules}), limits_of(rules))


def open_rebalancing(cluster: ComputeCluster) -> Rebalancing | None:
    """Return the rebalancing of a cluster that has not finished."""
    return Rebalancing.objects.select_related("batch").filter(cluster=cluster, finished_at=None).first()


@allows(REBALANCE)
def rebalance(allowed: Allowed, cluster: ComputeCluster, moves: Sequence[Wanted]) -> Rebalancing:
    """Carry moves of a plan out as migrations, a few at a time.

    All of them are judged by what is there now. Raises Invalid, NotNow, and Refused `balancing.plan_changed`.
    """
    if not 1 <= len(moves) <= MOST_MOVES or len({move.vm for move in moves}) < len(moves):
        raise Invalid({"moves": [_("Select 1 to %(most)s different VMs.") % {"most": MOST_MOVES}]})
    if open_rebalancing(cluster) is not None:
        raise _running()
    hosts = {row.load.id: row.load for row in read_hosts([cluster.pk])}
    rules = rules_of(cluster)
    ids = Q(cluster=cluster, pk__in=[move.vm for move in moves])
    vms = {vm.id: vm for vm in read_vms(ids, {cluster.pk: rules})}
    wrong = objections(hosts, vms, moves, limits_of(rules))
    if wrong:
        raise _changed(wrong, hosts, vms)
    named = [(move.vm, vms[move.vm].name) for move in moves]
    batch, _is_new = open_batch(allowed.actor, "vm", REBALANCE, named, [vars(move) for move in moves])
    kept = {move.vm: _kept(move, hosts) for move in moves}
    try:
        with transaction.atomic():
            made = Rebalancing.objects.create(
                cluster=cluster, batch=batch, moves=kept, created_at=timezone.now()
            )
    except IntegrityError as error:
        raise _running() from error
    allowed.record(name=cluster.name, args={"moves": len(moves)})
    return made


@allows(REBALANCE_CANCEL)
def cancel_rebalancing(allowed: Allowed, rebalancing: Rebalancing) -> None:
    """Start no more moves. Migrations under way are carried out, VMs moved stay where they are. Raises NotNow."""
    now = timezone.now()
    mine = Rebalancing.objects.filter(pk=rebalancing.pk, finished_at=None, cancelled_at=None)
    if not mine.update(cancelled_at=now):
        raise NotNow(_("The rebalancing has already finished or was cancelled."))
    waiting = rebalancing.batch.items.filter(outcome=BatchOutcome.WAITING)
    waiting.update(
        outcome=BatchOutcome.REFUSED, code="balancing.cancelled", message=_("The rebalancing was cancelled.")
    )
    allowed.record(name=rebalancing.cluster.name)


def _kept(move: Wanted, hosts: dict[str, HostLoad]) -> dict[str, Any]:
    return {
        "from": move.source,
        "from_name": hosts[move.source].name,
        "to": move.target,
        "to_name": hosts[move.target].name,
    }


def _running() -> NotNow:
    return NotNow(
        _("A rebalancing of the cluster is running."), hint=_("Wait until it has finished, or cancel it.")
    )


def _changed(wrong: Sequence[Objection], hosts: dict[str, HostLoad], vms: dict[str, VmLoad]) -> Refused:
    first = " ".join(_objection(each, hosts, vms) for each in wrong[:NAMED])
    return Refused(
        _("The cluster has changed since the plan was made. %(first)s") % {"first": first},
        code="balancing.plan_changed",
        field="moves",
        hint=_("Load the plan again."),
        details={"moves": [{"vm": each.move.vm, "why": each.why} for each in wrong]},
    )


def _objection(found: Objection, hosts: dict[str, HostLoad], vms: dict[str, VmLoad]) -> str:
    vm, target = vms.get(found.move.vm), hosts.get(found.move.target)
    named = {
        "vm": vm.name if vm else found.move.vm,
        "target": target.name if target else found.move.target,
        "host": hosts[vm.host].name if vm and vm.host in hosts else "-",
        "why": _(vm.why_not) if vm and vm.why_not else "",
    }
    texts = {
        "vm_gone": _("VM %(vm)s is not in the cluster."),
        "vm_elsewhere": _("VM %(vm)s is on host %(host)s by now."),
        "vm_fixed": _("VM %(vm)s cannot be moved: %(why)s"),
        "host": _("Host %(target)s or the host of VM %(vm)s cannot take part now."),
        "room": _("Host %(target)s has no room for VM %(vm)s."),
        "hot": _("Host %(target)s would not stay below its threshold with VM %(vm)s."),
        "uneven": _("Moving VM %(vm)s to %(target)s would not make the cluster more even."),
    }
    return texts[found.why] % named
