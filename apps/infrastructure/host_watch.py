"""Watching over hosts by two channels: what their agents send, and the heartbeats they renew on shared storage.

| agent heard | storage heartbeat | |
| --- | --- | --- |
| yes | any | alive |
| no | fresh, as another host reads it | network fault: the host runs, nothing is done |
| no | old, as every other host reads it | suspected |
| no | nobody can say | unknown: nothing is done |

A suspected host is switched off by its management controller, if it has one, or shut out of its storage, if all its
VMs' disks are on Ceph; an administrator can say that it is off. One in maintenance that no VM is on may be silent: it
is rebooted or updated, nothing is done.
Nothing else makes it certain (`Host.failure`), and only then are its VMs started elsewhere. Where most hosts of a
cluster are silent at once the fault is more likely here, or in the network: nothing is switched off.
"""

from __future__ import annotations

import logging
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from uuid import UUID

from django.db.models.functions import Now
from django.utils.translation import gettext_noop as _

from apps.infrastructure import backends
from apps.infrastructure.failed_hosts import failed_listeners, most_are_silent
from apps.infrastructure.maintenance import is_spared
from apps.infrastructure.models import Failure, Host, Liveness
from apps.infrastructure.report_inbox import LastHeard
from apps.infrastructure.services.failure import fence_host, readmit_host
from apps.infrastructure.storage_fencing import storage_fencing
from apps.infrastructure.verbs import HOST_FENCE, HOST_READMIT
from apps.lifecycle import push
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.clock import database_now
from apps.lifecycle.errors import Refused
from apps.lifecycle.models import Event, Operation, OperationStatus, State
from apps.lifecycle.verbs import Verb

log = logging.getLogger(__name__)

#: An agent that also reports heartbeats comes every second, any other every five.
SILENT_SECONDS, SELDOM_SILENT_SECONDS = 6.0, 12.0
#: A heartbeat on the storage that did not change for so long is old.
OLD_SECONDS = 6.0
#: Each host reads the heartbeats of so many others.
PEERS_EACH = 5
#: What failed is tried again after this.
AGAIN = timedelta(seconds=30)
#: So long a host is given to boot after another one of its cluster has.
BOOTING = timedelta(minutes=5)
_SEEN = {
    Liveness.ALIVE: ("host.alive", _("The host’s agent is heard again.")),
    Liveness.NETWORK_FAULT: (
        "host.network_fault",
        _(
            "The host’s agent is not heard, but its storage heartbeat is fresh: a network fault. The VMs keep running."
        ),
    ),
    Liveness.SUSPECTED: (
        "host.suspected",
        _("Neither the host’s agent nor its storage heartbeat is heard: it is suspected dead."),
    ),
    Liveness.UNKNOWN: (
        "host.unknown",
        _("The host’s agent is not heard, and no other host can read its storage heartbeat."),
    ),
}


@dataclass(frozen=True)
class Sight:
    """A host, when it was heard, and what follows from that."""

    host: Host
    heard: bool
    liveness: Liveness
    spared: bool = False


def watch_hosts() -> None:
    """Judge all hosts, and do what follows."""
    hosts = list(
        Host.objects.filter(state=State.READY)
        .select_related("cluster", "controller")
        .order_by("cluster", "name")
    )
    for _cluster, members in groupby(hosts, lambda host: host.cluster_id):
        found = list(members)
        _act(judge(found, _spared(found)))


def _spared(members: Sequence[Host]) -> set[UUID]:
    """Return the hosts in maintenance with nothing on them; asked only where one is in maintenance."""
    kept = [host.pk for host in members if host.in_maintenance]
    return set(Host.objects.filter(is_spared(), pk__in=kept).values_list("pk", flat=True)) if kept else set()


def peers_of(name: str, names: Sequence[str]) -> list[str]:
    """Return the hosts of a cluster whose heartbeats one of them reads: those after it, in a ring by name."""
    ring = sorted(names)
    at = ring.index(name)
    return [other for other in ring[at + 1 :] + ring[:at]][:PEERS_EACH]


def is_silent(heard: LastHeard) -> bool:
    """Whether a host's agent has missed its reports."""
    return heard.seconds > (SILENT_SECONDS if heard.often else SELDOM_SILENT_SECONDS)


def may_be_fenced(host: Host) -> bool:
    """Whether the platform may fence a host by itself once it is suspected. Read with cluster and controller."""
    return host.cluster.failover and (hasattr(host, "controller") or not storage_fencing(host).obstacle)


def may_be_booting(host: Host) -> bool:
    """Whether another host of the cluster has just booted, and this one has been silent since before that.

    Power may have failed for both: switched off while it boots, it would stay off.
    """
    booted = Event.objects.filter(
        code="host.rebooted",
        at__gt=Now() - BOOTING,
        resource__in=Host.objects.filter(cluster=host.cluster_id).exclude(pk=host.pk).values("pk"),
    )
    return booted.filter(at__gt=host.last_report_at).exists() if host.last_report_at else False


def judge(members: Sequence[Host], spared: Container[UUID] = ()) -> list[Sight]:
    """Return what the heartbeats say of the hosts of one cluster."""
    heard = {
        name: when
        for driver, of_driver in _by_driver(members)
        for name, when in backends.HOST_DRIVERS[driver].heard(of_driver).items()
    }
    silent = [host.name for host in members if is_silent(heard[host.name])]
    beats = _read_by_peers(members, silent, heard) if silent else {}
    return [
        Sight(
            host,
            host.name not in silent,
            _liveness(host.name, silent, beats.get(host.name, ())),
            host.pk in spared,
        )
        for host in members
    ]


def _by_driver(members: Sequence[Host]) -> list[tuple[str, list[Host]]]:
    ordered = sorted(members, key=lambda host: host.driver)
    return [(driver, list(found)) for driver, found in groupby(ordered, lambda host: host.driver)]


def _read_by_peers(
    members: Sequence[Host], silent: Sequence[str], heard: dict[str, LastHeard]
) -> dict[str, list[float]]:
    """Return of silent hosts how old their storage heartbeats are, as each host that is heard reads them."""
    names = [host.name for host in members]
    readers = [
        host for host in members if host.name not in silent and set(peers_of(host.name, names)) & set(silent)
    ]
    found: dict[str, list[float]] = {}
    for driver, of_driver in _by_driver(readers):
        for reader, report in backends.HOST_DRIVERS[driver].peers(of_driver).items():
            for beat in report.peers:
                found.setdefault(beat.host, []).append(beat.age + heard[reader].seconds)
    return found


def _liveness(name: str, silent: Sequence[str], ages: Sequence[float]) -> Liveness:
    if name not in silent:
        return Liveness.ALIVE
    if not ages:
        return Liveness.UNKNOWN
    return Liveness.NETWORK_FAULT if min(ages) < OLD_SECONDS else Liveness.SUSPECTED


def _act(sights: Sequence[Sight]) -> None:
    standing = [sight.liveness for sight in sights if sight.host.failure != Failure.OFF and not sight.spared]
    held = most_are_silent(standing)
    for sight in sights:
        before = sight.host.liveness
        if before != sight.liveness:
            _note(sight)
        host = sight.host
        if sight.heard:
            if host.failure or host.shut_out:
                _request(readmit_host, host, HOST_READMIT)
        elif host.failure == Failure.OFF:
            for listen in failed_listeners:
                listen(host)
        elif sight.spared or held or not sight.liveness == before == Liveness.SUSPECTED:
            continue
        elif may_be_fenced(host) and not may_be_booting(host):
            _request(fence_host, host, HOST_FENCE, suspected=True)  # seen so in two rounds


def _note(sight: Sight) -> None:
    same = Host.objects.filter(pk=sight.host.pk, liveness=sight.host.liveness)
    if not same.update(liveness=sight.liveness, liveness_at=Now()):
        return  # another worker's round has noted it
    sight.host.liveness = sight.liveness
    code, message = _SEEN[sight.liveness]
    Event.objects.create(resource=sight.host, code=code, message=message)
    push.resource_changed(sight.host)


def _request(service: object, host: Host, verb: Verb, **values: object) -> None:
    """Request an operation unless one is open, or one like it has failed a moment ago."""
    open_ = Operation.objects.open().filter(resource=host.pk, exclusive=True)
    failed = Operation.objects.filter(
        target_id=host.pk,
        verb=verb.name,
        status=OperationStatus.FAILED,
        finished_at__gt=database_now() - AGAIN,
    )
    if open_.exists() or failed.exists():
        return
    try:
        service(SYSTEM, host, **values)  # type: ignore[operator]
    except Refused as refusal:
        log.info("%s of host %s refused: %s", verb.name, host.name, refusal.message)
