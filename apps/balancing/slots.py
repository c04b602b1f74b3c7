"""What balancing adds to the pages of compute clusters."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.balancing.forms import RulesForm
from apps.balancing.pages import balancing_tab
from apps.balancing.verbs import REBALANCE, SET_RULES
from apps.portal.detail import Tab
from apps.portal.kinds import Do
from apps.portal.slots import ACTIONS, TABS, ActionSlot, TabSlot

ACTIONS.fill(
    ActionSlot("compute_cluster", Do(SET_RULES, form=RulesForm), after="change"),
    ActionSlot("compute_cluster", Do(REBALANCE, opens="compute_cluster.rebalance"), after="set_balancing"),
)
TABS.fill(
    TabSlot(
        "compute_cluster",
        Tab("balancing", _("Balancing"), "balancing/cluster_balancing.html", balancing_tab, admin=True),
        after="vms",
    )
)
