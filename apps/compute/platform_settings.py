"""What administrators set about VMs."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.platform_settings.catalogue import VMS, declare
from apps.platform_settings.kinds import Flag, Number

MIGRATION_MINUTES = declare(
    Number(
        name="migration_minutes",
        group=VMS,
        label=_("Migration time limit"),
        help=_("A live migration that takes longer is cancelled. The VM stays on its host."),
        unit=_("minutes"),
        default=10,
        least=1,
        most=240,
    )
)
MIGRATION_CONVERGE = declare(
    Flag(
        name="migration_converge",
        group=VMS,
        label=_("Slow guests down during migration"),
        help=_("Slows the vCPUs of a VM that writes memory faster than it is copied (auto-converge)."),
        default=True,
    )
)
MIGRATION_DOWNTIME_MS = declare(
    Number(
        name="migration_downtime_ms",
        group=VMS,
        label=_("Migration downtime limit"),
        help=_("The guest is paused for at most about this long at the end of a live migration."),
        unit=_("milliseconds"),
        default=500,
        least=50,
        most=10_000,
    )
)
MIGRATION_MIB_PER_SECOND = declare(
    Number(
        name="migration_mib_per_second",
        group=VMS,
        label=_("Migration bandwidth limit"),
        help=_("Of each live migration. 0: no limit."),
        unit=_("MiB/s"),
        default=0,
        least=0,
        most=100_000,
    )
)
DRAIN_AT_ONCE = declare(
    Number(
        name="drain_at_once",
        group=VMS,
        label=_("VMs moved at once when a host is drained"),
        help=_("More finish sooner only if the network between the hosts is not the limit."),
        default=2,
        least=1,
        most=16,
    )
)
