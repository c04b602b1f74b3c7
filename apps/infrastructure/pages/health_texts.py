"""What Ceph's health checks mean and what to do about each, in words; of others Ceph's own text is shown."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from apps.drivers.specs import HealthCheck, Severity
from apps.portal.kinds import Text

#: By the code of the check: what it means, and the next step.
_TEXTS: dict[str, tuple[Text, Text]] = {
    "OSD_DOWN": (
        _("One or more OSDs are down. Their data is rebuilt on others."),
        _("Check the disks and hosts of the OSDs."),
    ),
    "OSD_HOST_DOWN": (_("All OSDs of a host are down."), _("Check the host’s power and network.")),
    "OSD_FULL": (
        _("An OSD is full. VMs cannot write to its pools until there is free space."),
        _("Add OSDs or delete data."),
    ),
    "OSD_BACKFILLFULL": (_("An OSD is too full to take rebuilt data."), _("Add OSDs or delete data.")),
    "OSD_NEARFULL": (_("An OSD is nearly full."), _("Add OSDs or delete data before one is full.")),
    "POOL_FULL": (
        _("A pool is full or has reached its quota. VMs cannot write to it until there is free space."),
        _("Add capacity, raise the quota or delete data."),
    ),
    "POOL_BACKFILLFULL": (_("A pool is too full to be rebuilt."), _("Add OSDs or delete data.")),
    "POOL_NEARFULL": (_("A pool is nearly full."), _("Add capacity before it is full.")),
    "POOL_NEAR_FULL": (_("A pool is close to its quota."), _("Raise the quota or delete data.")),
    "POOL_NO_REDUNDANCY": (
        _("A pool keeps one copy only. A failed disk loses data."),
        _("Set at least 3 replicas."),
    ),
    "TOO_FEW_OSDS": (_("There are fewer OSDs than replicas."), _("Add OSDs.")),
    "PG_AVAILABILITY": (
        _("Some data cannot be read or written now. VMs that use it wait."),
        _("Bring the OSDs that are down back as soon as possible."),
    ),
    "PG_DEGRADED": (
        _("Some data has fewer replicas than it should have."),
        _("Wait for the rebuild. If it makes no progress, add OSDs."),
    ),
    "PG_RECOVERY_FULL": (_("A rebuild has stopped: OSDs are full."), _("Add OSDs or delete data.")),
    "PG_BACKFILL_FULL": (_("A rebuild has stopped: OSDs are too full."), _("Add OSDs or delete data.")),
    "PG_DAMAGED": (
        _("Replicas of some data differ."),
        _("Run “ceph health detail”, then “ceph pg repair” for what it names."),
    ),
    "OSD_SCRUB_ERRORS": (
        _("A check of the disks has found damaged replicas."),
        _("Run “ceph health detail”, and check the disks."),
    ),
    "OBJECT_UNFOUND": (
        _("Data is missing on every OSD that is up. VMs that use it wait."),
        _("Bring the OSDs that are down back."),
    ),
    "OBJECT_MISPLACED": (_("Data is being moved to where it belongs."), _("No action is needed.")),
    "PG_NOT_SCRUBBED": (
        _("Some data has not been checked for a while."),
        _("No action is needed unless it stays so."),
    ),
    "PG_NOT_DEEP_SCRUBBED": (
        _("Some data has not been read through for a while."),
        _("No action is needed unless it stays so."),
    ),
    "SLOW_OPS": (_("Requests take longer than 30 s."), _("Check the OSDs’ disks and network.")),
    "BLUESTORE_SLOW_OP_ALERT": (
        _("A disk answers slowly."),
        _("Check the disk, and replace it if it fails."),
    ),
    "MON_DOWN": (
        _("A monitor is down. The cluster works while most of them are up."),
        _("Check the monitor’s host."),
    ),
    "MON_CLOCK_SKEW": (_("The monitors’ clocks differ."), _("Check time synchronisation (NTP).")),
    "MON_DISK_LOW": (_("A monitor’s disk is nearly full."), _("Free space on it.")),
    "MON_DISK_CRIT": (_("A monitor’s disk is full."), _("Free space on it now.")),
    "MGR_DOWN": (_("No manager is running. Figures and rebuild speed are old."), _("Start a manager.")),
    "OSDMAP_FLAGS": (
        _("Flags are set that stop rebuilds or other work."),
        _("Remove them with “ceph osd unset” after maintenance."),
    ),
    "RECENT_CRASH": (_("A daemon has crashed lately."), _("Run “ceph crash ls”.")),
    "DEVICE_HEALTH": (_("A disk is expected to fail soon."), _("Replace the disk.")),
    "POOL_APP_NOT_ENABLED": (
        _("A pool is not marked for use by RBD."),
        _("Run “ceph osd pool application enable POOL rbd”."),
    ),
    "AUTH_INSECURE_GLOBAL_ID_RECLAIM": (
        _("Clients log in by an insecure protocol."),
        _("Update the clients."),
    ),
    "AUTH_INSECURE_GLOBAL_ID_RECLAIM_ALLOWED": (
        _("Monitors allow an insecure log-in protocol."),
        _("Set auth_allow_insecure_global_id_reclaim to false."),
    ),
}
_OTHER_STEP = _("Run “ceph health detail” on the Ceph cluster.")


@dataclass(frozen=True)
class CheckText:
    """A check as shown. own: Ceph's own text, which has the figures."""

    tone: str
    code: str
    text: Text
    step: Text
    own: str


def check_text(check: HealthCheck) -> CheckText:
    """Return a check in words with the next step."""
    text, step = _TEXTS.get(check.code, (check.text, _OTHER_STEP))
    tone = "error" if check.severity is Severity.ERROR else "warn"
    return CheckText(tone, check.code, text, step, "" if text == check.text else check.text)
