"""What administrators set about networks."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.drivers.specs import CONNECTION_LIMIT
from apps.platform_settings.catalogue import NETWORKS, declare
from apps.platform_settings.kinds import Number

NIC_CONNECTIONS = declare(
    Number(
        name="nic_connections",
        group=NETWORKS,
        label=_("Connections per NIC"),
        help=_("Maximum number of tracked connections. At the limit, a NIC cannot open or accept new ones."),
        default=CONNECTION_LIMIT,
        least=1024,
        most=1_000_000,
    )
)

ADDRESS_QUARANTINE_MINUTES = declare(
    Number(
        name="address_quarantine_minutes",
        group=NETWORKS,
        label=_("Quarantine of released addresses"),
        help=_("A released external address becomes available after this time. 0: immediately."),
        default=10,
        least=0,
        most=10_080,
        unit=_("minutes"),
    )
)
