"""What a report says of the host itself, copied to its row: what is believed of it, and whether it fits its cluster."""

from __future__ import annotations

import logging
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext_noop as _

from apps.drivers.errors import DriverError
from apps.drivers.reports import HostReport
from apps.drivers.specs import HostObservation
from apps.infrastructure.models import Host
from apps.lifecycle import push
from apps.lifecycle.models import Event, Resource, State
from apps.lifecycle.stored_messages import StoredMessage, stored_error

log = logging.getLogger(__name__)

#: Memory a host keeps for itself: a twentieth, and at least this much.
LEAST_RESERVE_MIB = 1024
#: A kernel keeps somewhat more or less of the memory for itself than the one before: a part of so many.
KERNELS_DIFFER = 50
#: What the column holds.
MOST_VCPUS = 2**31 - 1

INVENTORY = (
    "architecture",
    "cpu_model",
    "virtualisation",
    "hypervisor_version",
    "agent_version",
    "boot_id",
    "vcpus",
    "memory_mib",
    "vcpu_capacity",
    "memory_capacity_mib",
    "enrolled_vcpus",
    "enrolled_memory_mib",
    "claims_more",
)


def take(host: Host, report: HostReport, now: datetime) -> bool:
    """Copy a report to the host's columns (not saved); return whether its inventory changed."""
    before = [getattr(host, name) for name in INVENTORY]
    _copy_inventory(host, report.observation)
    host.agent_version, host.boot_id = report.agent_version, report.boot_id
    host.last_report_at, host.report_sent_at = now, report.sent_at
    host.load_percent = min(100.0, max(0.0, report.observation.load_percent))  # 0 for what is no number
    host.memory_used_mib = min(report.observation.memory_used_mib, host.memory_mib)
    return before != [getattr(host, name) for name in INVENTORY]


def _copy_inventory(host: Host, seen: HostObservation) -> None:
    host.architecture, host.cpu_model = seen.architecture, seen.cpu_model
    host.virtualisation, host.hypervisor_version = seen.virtualisation, seen.hypervisor_version
    host.vcpus, host.memory_mib = _believed(host, seen)
    host.vcpu_capacity = min(int(host.vcpus * host.cluster.cpu_overcommit), MOST_VCPUS)
    host.memory_capacity_mib = max(host.memory_mib - max(LEAST_RESERVE_MIB, host.memory_mib // 20), 0)


def _believed(host: Host, seen: HostObservation) -> tuple[int, int]:
    """Return vCPUs and memory in MiB: what it says, but no more than it was enrolled with.

    A host that lies would draw the VMs of others to itself.
    """
    if not host.is_enrolled:
        return seen.vcpus, seen.memory_mib
    host.enrolled_vcpus = host.enrolled_vcpus or seen.vcpus
    host.enrolled_memory_mib = host.enrolled_memory_mib or seen.memory_mib
    most_memory = host.enrolled_memory_mib + host.enrolled_memory_mib // KERNELS_DIFFER
    more = seen.vcpus > host.enrolled_vcpus or seen.memory_mib > most_memory
    if more and not host.claims_more:
        claim = (host.name, seen.vcpus, seen.memory_mib, host.enrolled_vcpus, host.enrolled_memory_mib)
        log.warning("host %s claims %s vCPUs and %s MiB, and was enrolled with %s and %s", *claim)
        Event.objects.create(
            resource=host,
            code="host.claims_more",
            message=_(
                "The host reports more CPUs or memory than when it was enrolled. Renew the enrolment "
                "to use them."
            ),
        )
    host.claims_more = more
    memory = seen.memory_mib if seen.memory_mib <= most_memory else host.enrolled_memory_mib
    return min(seen.vcpus, host.enrolled_vcpus), memory


def judge(host: Host) -> None:
    """Take a host in at its first report, or refuse it when its CPUs are not its cluster's (CL-1)."""
    fits = host.architecture == host.cluster.architecture
    state = State.READY if fits else State.ERROR
    if host.state == state:
        return
    host.state = state
    host.error = {} if fits else _misfit(host)
    Resource.objects.filter(pk=host.pk).update(state=host.state, error=host.error, updated_at=timezone.now())
    Event.objects.create(
        resource=host,
        code="host.taken_in" if fits else "host.refused",
        message=_("The host’s agent has reported.")
        if fits
        else _("The host’s CPUs differ from those of its cluster."),
    )
    push.resource_changed(host)


def _misfit(host: Host) -> StoredMessage:
    return stored_error(
        DriverError(
            _("The host has %(its)s CPUs, cluster %(cluster)s has %(wanted)s."),
            values={"its": host.architecture, "cluster": host.cluster, "wanted": host.cluster.architecture},
            code="host.architecture",
            hint=_("Remove the host and enrol it in a cluster with the same CPUs."),
        )
    )
