"""The physical side: regions, compute clusters, storage clusters, hosts."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.drivers.specs import PoolSpec
from apps.lifecycle.models import Kind, Loaded
from apps.lifecycle.models.status import Status
from apps.lifecycle.shown_states import ShownState
from apps.lifecycle.state_labels import StateLabel
from apps.lifecycle.times import written

#: An agent reports every five seconds; a host silent for this long is unreachable.
SILENCE = timedelta(seconds=20)


class Region(Loaded):
    """One physical data centre with one network fabric. Resources never change their region."""

    name = models.SlugField(max_length=32, unique=True)
    label = models.CharField(max_length=63)
    # "ovn" (address of its northbound database) or "memory" (simulated, for tests and benchmarks).
    fabric_driver = models.CharField(max_length=16, default="ovn")
    fabric_address = models.CharField(max_length=255, blank=True, default="")
    dns_servers = models.JSONField(default=list, blank=True)
    # Whether tenants may create anything in it; an administrator opens it once it is ready.
    open_to_tenants = models.BooleanField(default=False)
    # Opened, and not every account has its default network there yet.
    default_networks_due = models.BooleanField(default=False)
    # When its network database last answered, by PostgreSQL's clock.
    fabric_seen_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.label


class Cluster(Loaded):
    """What compute and storage clusters share: open to all tenants, or to the chosen ones only (CL-4)."""

    region = models.ForeignKey(Region, models.PROTECT, related_name="%(class)ss")
    name = models.CharField(max_length=63)
    alias = models.CharField(max_length=63, blank=True, default="")
    open_to_all = models.BooleanField(default=True)
    tenants = models.ManyToManyField("tenancy.Tenant", blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        abstract = True
        ordering = ["region", "name"]

    def __str__(self) -> str:
        return self.alias or self.name


class ComputeCluster(Cluster):
    """Hosts of one architecture between which VMs can move. VMs are spread over its healthy hosts."""

    class Architecture(models.TextChoices):
        X86 = "x86_64", "x86"
        ARM = "aarch64", "ARM"

    architecture = models.CharField(max_length=16, choices=Architecture, default=Architecture.X86)
    gpu = models.BooleanField(default=False)
    # vCPUs given out per physical thread; memory is never given out twice.
    cpu_overcommit = models.DecimalField(max_digits=4, decimal_places=1, default=4)

    class Meta(Cluster.Meta):
        constraints = [
            models.UniqueConstraint(fields=["region", "name"], name="one_compute_cluster_per_name")
        ]


class StorageCluster(Cluster):
    """A pool that every host of the region reaches. `driver` "file": a directory mounted on all hosts."""

    class Media(models.TextChoices):
        SSD = "ssd", "SSD"
        SATA = "sata", "SATA"
        NVME = "nvme", "NVMe"

    media = models.CharField(max_length=8, choices=Media, default=Media.SSD)
    driver = models.CharField(max_length=16, default="file")
    path = models.CharField(max_length=255)
    max_disk_gib = models.PositiveIntegerField(default=32_000)
    capacity_bytes = models.BigIntegerField(default=0)
    used_bytes = models.BigIntegerField(default=0)
    observed_at = models.DateTimeField(null=True)

    class Meta(Cluster.Meta):
        constraints = [
            models.UniqueConstraint(fields=["region", "name"], name="one_storage_cluster_per_name")
        ]

    def spec(self) -> PoolSpec:
        """Return what volume drivers need to know of the pool."""
        return PoolSpec(id=str(self.pk), driver=self.driver, path=self.path)


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
