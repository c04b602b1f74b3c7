"""What administrators do to balance clusters. The moves themselves are `vm.migrate`."""

from django.utils.translation import gettext_lazy as _

from apps.lifecycle.verbs import Verb, declare

SET_RULES = declare(
    Verb(
        "cluster.set_balancing",
        _("Set overload rules"),
        _("Setting overload rules"),
        permission="admin",
        on_resource=False,
        icon="chart-donut",
    )
)
REBALANCE = declare(
    Verb(
        "cluster.rebalance",
        _("Rebalance"),
        _("Rebalancing"),
        permission="admin",
        on_resource=False,
        icon="arrows-sort",
    )
)
REBALANCE_CANCEL = declare(
    Verb(
        "rebalancing.cancel",
        _("Cancel rebalancing"),
        _("Cancelling"),
        permission="admin",
        on_resource=False,
    )
)
