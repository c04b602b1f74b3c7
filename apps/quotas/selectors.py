"""Reading quotas."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from apps.accounts.access import visible_projects
from apps.accounts.models import Tenant
from apps.accounts.selectors import is_admin_as_such, runs_tenant, visible_tenants
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import NotFound
from apps.quotas.metrics import Metric, metrics
from apps.quotas.models import Quota

#: The largest limit there can be: an administrator who sets it means none.
UNLIMITED = 2_147_483_647


@dataclass(frozen=True)
class Use:
    """What a tenant may use and uses of one metric. `used` may exceed `limit` when the limit was lowered."""

    metric: Metric
    limit: int
    used: int

    @property
    def over(self) -> bool:
        """Whether more is used than the limit allows."""
        return self.used > self.limit

    @property
    def unlimited(self) -> bool:
        """Whether the limit is meant as none."""
        return self.limit >= UNLIMITED

    @property
    def left(self) -> int:
        """What may still be taken."""
        return max(self.limit - self.used, 0)

    @property
    def percent(self) -> int:
        """Share used, 100 at most."""
        return min(round(100 * self.used / self.limit), 100) if self.limit else 100 * bool(self.used)


def uses_of(actor: Actor, tenant: Tenant) -> list[Use]:
    """Return limit and use of every metric, in the order of the table of metrics. Raises NotFound.

    None for members without a role in any project: what the whole account uses is more than they may see.
    """
    if not visible_tenants(actor).filter(pk=tenant.pk).exists():
        raise NotFound(_("Tenant not found."))
    if not (is_admin_as_such(actor) or runs_tenant(actor) or visible_projects(actor).exists()):
        return []
    rows = {row.metric: row for row in Quota.objects.filter(tenant=tenant)}
    return [
        Use(metric, rows[metric.name].limit, rows[metric.name].used)
        if metric.name in rows
        else Use(metric, metric.default, 0)
        for metric in metrics().values()
    ]
