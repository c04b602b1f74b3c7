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


class Liveness(models.TextChoices):
    """What is concluded from a host's two heartbeats: its agent's, and the one it renews on shared storage."""

    ALIVE = "alive", gettext_lazy("Alive")
    #: The agent is not heard, but other hosts read a fresh heartbeat on the storage: it runs.
    NETWORK_FAULT = "network_fault", gettext_lazy("Network fault")
    #: Neither is heard.
    SUSPECTED = "suspected", gettext_lazy("Suspected dead")
    #: The agent is not heard, and no other host can say anything of its storage heartbeat.
    UNKNOWN = "unknown", gettext_lazy("Unknown")


class Failure(models.TextChoices):
    """Whether a host is certainly off, and how far its return has come; none is the empty text."""

    OFF = "off", gettext_lazy("Off")
    RETURNING = "returning", gettext_lazy("Returning")


class Certainty(models.TextChoices):
    """Who is certain that a host is off, or that nothing on it can write."""

    CONTROLLER = "controller", gettext_lazy("Management controller")
    #: It may still run, but none of its VMs can write any more.
    STORAGE = "storage", gettext_lazy("Storage")
    ADMIN = "admin", gettext_lazy("Administrator")


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
    # From the request to drain it until it is put back; it takes no VMs meanwhile.
    in_maintenance = models.BooleanField(default=False, db_default=False, editable=False)

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

    # What its heartbeats say (`host_watch.py`), since when, and which heartbeat plan it was given.
    liveness = models.CharField(
        max_length=16, choices=Liveness, default=Liveness.ALIVE, db_default=Liveness.ALIVE
    )
    liveness_at = models.DateTimeField(null=True)
    heartbeat_digest = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    # Set once it is certain that nothing runs on it any more, until it has been taken back.
    failure = models.CharField(max_length=16, choices=Failure, blank=True, default="", db_default="")
    failed_at = models.DateTimeField(null=True)
    failed_by = models.CharField(max_length=16, choices=Certainty, blank=True, default="", db_default="")
    # The storage clusters, by id, that refuse its clients, or may: written before they are told.
    shut_out = models.JSONField(default=list, db_default=models.Value([], models.JSONField()), editable=False)

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
        if self.failure == Failure.RETURNING:
            reason = _("VMs that were moved to other hosts are being removed from it.")
            return StateLabel(_("Returning"), "warn", reason=reason, code=Status.RETURNING)
        if self.failure:
            reason = _("It is certain that the host is off. Its VMs are started on other hosts.")
            if self.failed_by == Certainty.STORAGE:
                reason = _(
                    "Its storage refuses everything that it sends. Its VMs are started on other hosts."
                )
            return StateLabel(_("Off"), "error", reason=reason, code=Status.OFF)
        if self.in_maintenance:
            return self._maintenance_word()
        if not self.in_reach:
            at = self.last_report_at
            reason = _("No report since %(time)s.") % {"time": written(at)} if at is not None else ""
            if self.liveness == Liveness.NETWORK_FAULT:
                reason = _(
                    "Network fault: the agent is not heard, but the host renews its storage heartbeat."
                )
            return StateLabel(_("Unreachable"), "error", reason=reason, code=Status.UNREACHABLE)
        if not self.accepts_vms:
            reason, code = _("Scheduling is disabled on this host."), Status.SCHEDULING_DISABLED
            return StateLabel(_("Scheduling disabled"), "warn", reason=reason, code=code)
        return StateLabel(_("Available"), "ok", code="ready")

    def _maintenance_word(self) -> StateLabel:
        reason = _("The host is in maintenance and takes no VMs.")
        if not self.in_reach and self.last_report_at is not None:
            reason = _("In maintenance. No report since %(time)s.") % {"time": written(self.last_report_at)}
        return StateLabel(_("In maintenance"), "warn", reason=reason, code=Status.IN_MAINTENANCE)

    @classmethod
    def ready_states(cls) -> list[ShownState]:
        """Return the words of `ready_word` with the condition of each."""
        silent = models.Q(last_report_at__isnull=True) | models.Q(
            last_report_at__lte=timezone.now() - SILENCE
        )
        off, returning = models.Q(failure=Failure.OFF), models.Q(failure=Failure.RETURNING)
        works = models.Q(failure="")
        kept, fine = works & models.Q(in_maintenance=True), works & models.Q(in_maintenance=False)
        open_, closed = fine & models.Q(accepts_vms=True), fine & models.Q(accepts_vms=False)
        return [
            ShownState(Status.AVAILABLE, gettext_lazy("Available"), ~silent & open_),
            ShownState(Status.SCHEDULING_DISABLED, gettext_lazy("Scheduling disabled"), ~silent & closed),
            ShownState(Status.IN_MAINTENANCE, gettext_lazy("In maintenance"), kept),
            ShownState(Status.UNREACHABLE, gettext_lazy("Unreachable"), silent & fine),
            ShownState(Status.OFF, gettext_lazy("Off"), off),
            ShownState(Status.RETURNING, gettext_lazy("Returning"), returning),
        ]

    @classmethod
    def pending_states(cls) -> list[ShownState]:
        """Return the word of `pending_word`, which is shown of all hosts that have not reported yet."""
        return [ShownState(Status.ENROLLED, gettext_lazy("Enrolled"), models.Q())]


class HostController(models.Model):
    """A host's management controller (Redfish): with it the platform can switch the host off and see that it is.

    `authority` is the PEM text of the certificate authority that its TLS certificate must be of; "": the system's.
    """

    host = models.OneToOneField(Host, models.CASCADE, primary_key=True, related_name="controller")
    url = models.CharField(max_length=255)
    user = models.CharField(max_length=64)
    sealed_password = models.TextField(editable=False)
    authority = models.TextField(blank=True, default="")
    # What it answered last, when it was asked, and what was wrong then ({}: nothing).
    power = models.CharField(max_length=16, blank=True, default="")
    checked_at = models.DateTimeField(null=True)
    check_error = models.JSONField(default=dict)


class Collection(models.Model):
    """When hosts' reports were last looked for: one row, written by the collector after each round."""

    at = models.DateTimeField()
