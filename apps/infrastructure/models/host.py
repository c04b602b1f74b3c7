"""Hosts, and when their reports were last looked for."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.infrastructure.models.cluster import ComputeCluster
from apps.lifecycle.models import Kind
from apps.lifecycle.models.status import Status
from apps.lifecycle.shown_states import ShownState
from apps.lifecycle.state_labels import StateLabel
from apps.lifecycle.times import written

#: An agent reports every five seconds; a host silent for this long is unreachable.
SILENCE = timedelta(seconds=20)


class Host(Kind):
    """A server. Capacity and load are what its agent last reported; reserved columns are what placement promised.

    `name` is the one it was enrolled under: its queue, its Redis user and its OVN chassis bear it, so it never changes.
    `state` is PENDING until the agent reports for the first time. Reservations are guarded by placement's conditional
    UPDATE, not by a constraint: a host that reports less memory than before must still be able to report.
    """

    cluster = models.ForeignKey(ComputeCluster, models.PROTECT, related_name="hosts")
    # "agent": orders through the agent on the host; "memory": simulated in this process or in Redis.
    driver = models.CharField(max_length=16, default="agent")
    address = models.GenericIPAddressField(null=True, blank=True)
    sealed_key = models.TextField(blank=True, default="", editable=False)
    accepts_vms = models.BooleanField(gettext_lazy("scheduling enabled"), default=True)

    architecture = models.CharField(max_length=16, blank=True, default="")
    cpu_model = models.CharField(max_length=128, blank=True, default="")
    virtualisation = models.CharField(max_length=16, blank=True, default="")
    hypervisor_version = models.CharField(max_length=32, blank=True, default="")
    agent_version = models.CharField(max_length=32, blank=True, default="")
    boot_id = models.CharField(max_length=64, blank=True, default="")
    vcpus = models.PositiveIntegerField(default=0)
    memory_mib = models.PositiveIntegerField(default=0)
    # What it had at its first report after its enrolment; it may have less later, and more only once it is renewed.
    enrolled_vcpus = models.PositiveIntegerField(default=0)
    enrolled_memory_mib = models.PositiveIntegerField(default=0)
    claims_more = models.BooleanField(default=False)
    # cluster.cpu_overcommit × vcpus, and memory less what the host keeps for itself; written with every report.
    vcpu_capacity = models.PositiveIntegerField(default=0)
    memory_capacity_mib = models.PositiveIntegerField(default=0)
    vcpu_reserved = models.PositiveIntegerField(default=0)
    memory_reserved_mib = models.PositiveIntegerField(default=0)
    load_percent = models.FloatField(default=0)
    memory_used_mib = models.PositiveIntegerField(default=0)
    # When its last report was taken in, by PostgreSQL's clock; and when it was sent, by the host's own.
    last_report_at = models.DateTimeField(null=True)
    report_sent_at = models.DateTimeField(null=True)

    @property
    def is_enrolled(self) -> bool:
        """Whether it has a key and a login of its own; a simulated host has none."""
        return bool(self.sealed_key)

    @property
    def in_reach(self) -> bool:
        """Whether its agent has reported lately. Derived from the time of the report, so it cannot be stale."""
        return self.in_reach_at(timezone.now())

    def in_reach_at(self, now: datetime) -> bool:
        """Whether it is in reach, for whoever has PostgreSQL's time."""
        return self.last_report_at is not None and now - self.last_report_at < SILENCE

    def pending_word(self) -> StateLabel:
        """Return the state to show for a host nobody has heard of since it was enrolled."""
        reason = _("The host’s agent has not reported yet.")
        return StateLabel(_("Enrolled"), "warn", reason=reason, code="enrolled")

    def ready_word(self) -> StateLabel:
        """Return the state to show for a host that has been taken in."""
        if not self.in_reach:
            at = self.last_report_at
            reason = _("No report since %(time)s.") % {"time": written(at)} if at is not None else ""
            return StateLabel(_("Unreachable"), "error", reason=reason, code=Status.UNREACHABLE)
        if not self.accepts_vms:
            reason, code = _("Scheduling is disabled on this host."), Status.SCHEDULING_DISABLED
            return StateLabel(_("Scheduling disabled"), "warn", reason=reason, code=code)
        return StateLabel(_("Available"), "ok", code="ready")

    @classmethod
    def ready_states(cls) -> list[ShownState]:
        """Return the words of `ready_word` with the condition of each."""
        silent = models.Q(last_report_at__isnull=True) | models.Q(
            last_report_at__lte=timezone.now() - SILENCE
        )
        open_, closed = models.Q(accepts_vms=True), models.Q(accepts_vms=False)
        return [
            ShownState(Status.AVAILABLE, gettext_lazy("Available"), ~silent & open_),
            ShownState(Status.SCHEDULING_DISABLED, gettext_lazy("Scheduling disabled"), ~silent & closed),
            ShownState(Status.UNREACHABLE, gettext_lazy("Unreachable"), silent),
        ]

    @classmethod
    def pending_states(cls) -> list[ShownState]:
        """Return the word of `pending_word`, which is shown of all hosts that have not reported yet."""
        return [ShownState(Status.ENROLLED, gettext_lazy("Enrolled"), models.Q())]


class Collection(models.Model):
    """When hosts' reports were last looked for: one row, written by the collector after each round."""

    at = models.DateTimeField()
