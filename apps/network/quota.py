"""The quotas of networks."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.network.models import Eip, Eni, SecurityGroup, Subnet, Vpc
from apps.quotas.metrics import Metric, declare, rows_of

declare(Metric("vpc", _("VPCs"), 10, rows_of(Vpc), order=50, list="vpc", on_overview=True))
declare(Metric("subnet", _("Subnets"), 50, rows_of(Subnet), order=51, list="subnet"))
declare(
    Metric(
        "security_group", _("Security groups"), 50, rows_of(SecurityGroup), order=52, list="security_group"
    )
)
declare(Metric("eip", _("EIPs"), 20, rows_of(Eip), order=53, list="eip", on_overview=True))
declare(Metric("eni", _("Elastic NICs"), 20, rows_of(Eni), order=54, list="eni", on_overview=True))
