"""The paths of balancing, in the API and in the administration."""

from __future__ import annotations

from django.urls import path

from apps.api.routes import routes
from apps.balancing.api import DecisionApi, PlanApi, RebalancingApi, RulesApi
from apps.balancing.pages import CancelRebalancePage, RebalancePage

api_routes = [
    path("compute-clusters/<int:key>/balancing", RulesApi.as_view(), name="compute-clusters-balancing"),
    path(
        "compute-clusters/<int:key>/rebalancing-plan",
        PlanApi.as_view(),
        name="compute-clusters-rebalancing-plan",
    ),
    *routes("rebalancings", RebalancingApi),
    *routes("balancing-decisions", DecisionApi),
]
admin_patterns = [
    path(
        "compute-clusters/<int:key>/rebalance/",
        RebalancePage.as_view(admin=True),
        name="compute_cluster.rebalance",
    ),
    path(
        "compute-clusters/<int:key>/rebalance/cancel/",
        CancelRebalancePage.as_view(admin=True),
        name="compute_cluster.rebalance_cancel",
    ),
]
