"""The overload rules of a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.acts import allows
from apps.balancing.models import BalancingPolicy
from apps.balancing.verbs import SET_RULES
from apps.infrastructure.models import ComputeCluster
from apps.infrastructure.services.columns import only
from apps.lifecycle.errors import Invalid
from apps.lifecycle.requests import Allowed

#: The least and the most of each number.
BOUNDS = {
    "cpu_percent": (20, 99),
    "memory_percent": (20, 99),
    "minutes": (2, 60),
    "margin": (1, 50),
    "moves_per_hour": (1, 60),
    "pause_minutes": (5, 1440),
}
FIELDS = ("enabled", *BOUNDS)


def rules_of(cluster: ComputeCluster) -> BalancingPolicy:
    """Return the rules of a cluster, the defaults where none were set."""
    return BalancingPolicy.objects.filter(cluster=cluster).first() or BalancingPolicy(cluster=cluster)


@allows(SET_RULES)
def set_rules(allowed: Allowed, cluster: ComputeCluster, /, **changes: Any) -> None:
    """Change what is given. Raises Invalid at the field."""
    given = only(changes, set(FIELDS))
    BalancingPolicy.objects.get_or_create(cluster=cluster)
    rules = BalancingPolicy.objects.select_for_update().get(cluster=cluster)
    _check({name: given.get(name, getattr(rules, name)) for name in BOUNDS})
    BalancingPolicy.objects.filter(pk=rules.pk).update(**given)
    allowed.record(name=cluster.name, args=given)


def _check(values: Mapping[str, int]) -> None:
    wrong: dict[str, list[str]] = {}
    for name, (least, most) in BOUNDS.items():
        if not least <= values[name] <= most:
            wrong[name] = [_("%(least)s to %(most)s.") % {"least": least, "most": most}]
    lowest = min(values["cpu_percent"], values["memory_percent"])
    if not wrong and values["margin"] >= lowest:
        wrong["margin"] = [_("Less than both thresholds.")]
    if wrong:
        raise Invalid(wrong)
