"""Virtual machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop, pgettext_lazy

from apps.compute.models.image import Image
from apps.compute.models.instance_type import InstanceType
from apps.compute.models.numbers import NEXT_GUEST_UID
from apps.drivers.guest_network import WORDS
from apps.drivers.specs import RESUMABLE, GuestNetworkReason
from apps.drivers.specs import Firmware as DriverFirmware
from apps.drivers.specs import PauseReason as DriverPause
from apps.drivers.specs import Power as DriverPower
from apps.infrastructure.models import ComputeCluster, Host
from apps.infrastructure.need import Need
from apps.lifecycle.models import Kind
from apps.lifecycle.models.status import Status
from apps.lifecycle.shown_states import ShownState
from apps.lifecycle.state_labels import StateLabel
from apps.lifecycle.stored_messages import rendered_message
from apps.lifecycle.times import written

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

    from apps.network.models import Eip, Nic
    from apps.storage.models import Disk


#: Nothing has been reported since an address was bound.
NOT_REPORTED = gettext_noop("The host has not reported on the guest yet. Reload in a few seconds.")
HOST_SILENT = gettext_noop(
    "The VM’s host is unreachable. The guest is configured when the host responds again."
)


class Power(models.TextChoices):
    ON = DriverPower.ON.value, gettext_lazy("On")
    OFF = DriverPower.OFF.value, gettext_lazy("Off")


class HaPriority(models.IntegerChoices):
    """In which order VMs of a dead host are started elsewhere, the highest first; of NONE they are not."""

    NONE = 0, pgettext_lazy("HA priority", "None")
    LOW = 1, pgettext_lazy("HA priority", "Low")
    NORMAL = 2, pgettext_lazy("HA priority", "Normal")
    HIGH = 3, pgettext_lazy("HA priority", "High")

    @property
    def word(self) -> str:
        """The name that the API has for it."""
        return self.name.lower()


class PauseReason(models.TextChoices):
    """Why a host has paused a VM; none is the empty text."""

    NO_SPACE = DriverPause.NO_SPACE.value, gettext_lazy("The storage pool is full")
    IO_ERROR = DriverPause.IO_ERROR.value, gettext_lazy("Disk I/O error")
    WATCHDOG = DriverPause.WATCHDOG.value, gettext_lazy("Watchdog timer expired")
    MIGRATION = DriverPause.MIGRATION.value, gettext_lazy("Being migrated")
    OTHER = DriverPause.OTHER.value, gettext_lazy("Paused on the host")


class Firmware(models.TextChoices):
    """What a VM starts with: as its image said when it was created, since an installed system boots by one only."""

    BIOS = DriverFirmware.BIOS.value, "BIOS"
    UEFI = DriverFirmware.UEFI.value, "UEFI"
    SECURE_BOOT = DriverFirmware.SECURE_BOOT.value, gettext_lazy("UEFI with Secure Boot")


class Vm(Kind):
    """A VM on one host of one compute cluster.

    `power` is what its owner wants, `power_seen` what the host said at `power_seen_at`. `boot` counts wanted
    power-ons: a restart is done when the VM runs with the number asked for, however often it is tried. The size is
    copied from the instance type, which may go. `pause_reason` says why a VM seen on does not run. `guest_uid` is the
    user and group its QEMU runs as.
    """

    cluster = models.ForeignKey(ComputeCluster, models.PROTECT, related_name="vms")
    host = models.ForeignKey(Host, models.PROTECT, null=True, blank=True, related_name="vms")
    # Where it is on its way to, until it is settled where it runs; its room is reserved on both hosts.
    next_host = models.ForeignKey(
        Host,
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        db_index=False,
        related_name="arriving_vms",
    )
    instance_type = models.ForeignKey(InstanceType, models.SET_NULL, null=True, blank=True, related_name="+")
    image = models.ForeignKey(Image, models.SET_NULL, null=True, blank=True, related_name="+")
    vcpu = models.PositiveSmallIntegerField()
    memory_mib = models.PositiveIntegerField()

    # The size it gets at its next start, or that a task is about to give it; its room is reserved, on `resize_host` if
    # it moves there. resize_unsettled: a running VM may have part of it already.
    resize_type = models.ForeignKey(InstanceType, models.SET_NULL, null=True, blank=True, related_name="+")
    resize_vcpu = models.PositiveSmallIntegerField(null=True, blank=True, editable=False)
    resize_memory_mib = models.PositiveIntegerField(null=True, blank=True, editable=False)
    resize_host = models.ForeignKey(
        Host, models.PROTECT, null=True, blank=True, related_name="+", editable=False
    )
    resize_unsettled = models.BooleanField(default=False, db_default=False, editable=False)
    # Up to what it can grow since it was started last; 0: not at all.
    hot_vcpu = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    hot_memory_mib = models.PositiveIntegerField(default=0, db_default=0, editable=False)

    power = models.CharField(max_length=3, choices=Power, default=Power.ON)
    power_seen = models.CharField(max_length=3, choices=Power, default=Power.OFF)
    power_seen_at = models.DateTimeField(default=timezone.now)
    boot = models.PositiveIntegerField(default=1)
    ha_priority = models.PositiveSmallIntegerField(
        choices=HaPriority, default=HaPriority.NORMAL, db_default=HaPriority.NORMAL
    )

    pause_reason = models.CharField(max_length=16, choices=PauseReason, blank=True, default="")
    firmware = models.CharField(
        max_length=12, choices=Firmware, default=Firmware.BIOS, db_default=Firmware.BIOS, editable=False
    )
    guest_uid = models.PositiveIntegerField(db_default=NEXT_GUEST_UID, unique=True, editable=False)

    # Whether the guest has what its agent is to configure, as its host last said, and why it has not.
    guest_configured = models.BooleanField(default=False, db_default=False, editable=False)
    guest_network_reason = models.CharField(
        max_length=16, blank=True, default="", db_default="", editable=False
    )
    # Its addresses changed while its host did not answer: the host is told once it does.
    guest_behind = models.BooleanField(default=False, db_default=False, editable=False)

    # First-boot data. The crypt(3) hash of the password is kept sealed, the password nowhere. Hash and user data are
    # erased here and on the host once the guest has read them, at `first_boot_done_at`.
    hostname = models.CharField(max_length=63)
    sealed_password_hash = models.TextField(blank=True, default="", editable=False)
    ssh_keys = models.JSONField(default=list, blank=True)
    sealed_user_data = models.TextField(blank=True, default="", editable=False)
    # What stays to be compared with: of the user data as the guest got it, and of the SSH keys as they were then.
    user_data_sha256 = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    key_pairs = models.JSONField(
        default=list, db_default=models.Value([], models.JSONField()), blank=True, editable=False
    )
    # On its way into the guest while an operation brings it there: a crypt(3) hash, for Windows the password; sealed.
    sealed_new_password = models.TextField(blank=True, default="", db_default="", editable=False)
    first_boot_done_at = models.DateTimeField(null=True, blank=True, editable=False)

    if TYPE_CHECKING:
        disks: RelatedManager[Disk]
        # Set by `selectors.visible_vms`.
        shown_nics: list[Nic]
        shown_disks: list[Disk]
        shown_eips: list[Eip]

    class Meta:
        verbose_name = gettext_lazy("virtual machine")
        verbose_name_plural = gettext_lazy("virtual machines")
        indexes = [
            models.Index(fields=["host"], name="vm_host"),
            models.Index(fields=["host"], condition=models.Q(guest_behind=True), name="vm_guest_behind"),
            models.Index(
                fields=["next_host"], condition=models.Q(next_host__isnull=False), name="vm_next_host"
            ),
            # Those whose first-boot data is still to be removed.
            models.Index(
                fields=["power_seen_at"],
                condition=models.Q(first_boot_done_at__isnull=True)
                & ~models.Q(sealed_password_hash="", sealed_user_data=""),
                name="vm_first_boot",
            ),
        ]

    @property
    def system_disk(self) -> Disk | None:
        """Return the disk it boots from, which is created and deleted with it. Reads `disks`: prefetch them."""
        return next((disk for disk in self.disks.all() if disk.is_system), None)

    @property
    def data_disks(self) -> list[Disk]:
        """Return the disks attached to it, which outlive it, by slot. Reads `disks`: prefetch them."""
        data = [disk for disk in self.disks.all() if not disk.is_system]
        return sorted(data, key=lambda disk: disk.slot or 0)

    @property
    def bound_eips(self) -> list[Eip]:
        """Return its EIPs, the one bound first first. Reads `eips`: prefetch them with segment and address."""
        return sorted(self.eips.all(), key=lambda eip: (eip.bound_at or eip.created_at, str(eip.pk)))

    @property
    def why_not_configured(self) -> str:
        """Return why the guest does not have the addresses delivered in it, "" when it has. Reads `shown_eips`."""
        if not any(eip.delivery == "guest" for eip in self.shown_eips):
            return ""
        if not self.is_on:
            return WORDS[GuestNetworkReason.OFF]
        if self.guest_behind:
            return HOST_SILENT
        if self.guest_configured:
            return ""
        return WORDS.get(GuestNetworkReason(self.guest_network_reason), "") or NOT_REPORTED

    @property
    def shown_ips(self) -> list[str]:
        """Return its addresses, its IPv4 address first and its long one last. Reads what `visible_vms` has set."""
        own = [str(nic.ip) for nic in self.shown_nics if nic.ip]
        eips = [eip.address for eip in self.shown_eips if eip.address]
        return [*own, *eips, *(str(nic.ip6) for nic in self.shown_nics if nic.ip6)]

    @property
    def need(self) -> Need:
        """Return the room it takes on its host, and of its quota: that of the larger size while it is resized."""
        return self.size.larger(self.resize) if self.resize is not None else self.size

    @property
    def size(self) -> Need:
        """Return the size it has now."""
        return Need(self.vcpu, self.memory_mib)

    @property
    def resize(self) -> Need | None:
        """Return the size it gets at its next start, None when it keeps its own."""
        if self.resize_vcpu is None or self.resize_memory_mib is None:
            return None
        return Need(self.resize_vcpu, self.resize_memory_mib)

    @property
    def memory_gib(self) -> int:
        """Memory in GiB, as sold."""
        return self.memory_mib // 1024

    @property
    def is_on(self) -> bool:
        """Whether its host last saw it running."""
        return self.power_seen == Power.ON

    @property
    def is_resumable(self) -> bool:
        """Whether the platform resumes it once the cause of its pause is gone."""
        return self.pause_reason in RESUMABLE

    def ready_word(self) -> StateLabel:
        """Return the state to show for a VM that exists. Needs `host` for what is known of it."""
        word, tone, code = (_("Running"), "ok", "running") if self.is_on else (_("Stopped"), "off", "stopped")
        reason = rendered_message(self.error, "message")
        if self.is_on and self.pause_reason:
            word, tone, code = _("Paused"), "warn", "paused"
            reason = str(PauseReason(self.pause_reason).label)
        if self.host is not None and not self.host.in_reach:
            reason = _("The host is unreachable. Last known state as of %(time)s.") % {
                "time": written(self.host.last_report_at)
            }
            return StateLabel(word, "warn", reason=reason, code=code)
        return StateLabel(word, tone, reason=reason, code=code)

    @classmethod
    def ready_states(cls) -> list[ShownState]:
        """Return the words of `ready_word` with the condition of each."""
        on, paused = models.Q(power_seen=Power.ON), ~models.Q(pause_reason="")
        return [
            ShownState(Status.RUNNING, gettext_lazy("Running"), on & ~paused),
            ShownState(Status.STOPPED, gettext_lazy("Stopped"), ~on),
            ShownState(Status.PAUSED, gettext_lazy("Paused"), on & paused),
        ]
