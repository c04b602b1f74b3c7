"""The administrator's overview: load, what needs attention, the fullest cluster as a heat map, what failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.infrastructure.control_plane import control_plane_fault
from apps.infrastructure.load import Load, load_of, loads_by
from apps.infrastructure.models import ComputeCluster, Host, StorageCluster
from apps.infrastructure.pages.attention import attention_items
from apps.infrastructure.pages.figures import bytes_bar, load_figures, memory_bar, pool_figures, vcpu_bar
from apps.infrastructure.pages.heat_cells import heat_context
from apps.infrastructure.pages.trends import cpu_trend
from apps.lifecycle.models import OperationStatus
from apps.portal.operation_pages import OPERATION, operation_word
from apps.portal.page import Page
from apps.portal.tiles import tiles

LATEST = 8
#: More clusters than this stand in their list only.
MOST_CLUSTERS = 12


class AdminHome(Page):
    template_name = "infrastructure/home.html"
    title = gettext_lazy("Overview")

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show it."""
        loads = loads_by(Host.objects.all(), "cluster_id")
        clusters = self._clusters(loads)
        pools = list(StorageCluster.objects.select_related("region")[:MOST_CLUSTERS])
        failed = OPERATION.rows(self.actor).filter(status=OperationStatus.FAILED).order_by("-created_at")
        return self.show(
            {
                "tiles": tiles(self.actor, self.area),
                "is_new": not loads,
                "figures": [*load_figures(load_of(Host.objects.all())), *pool_figures(pools)]
                if loads
                else [],
                "trend": cpu_trend(Host.objects.all()) if loads else "",
                "trouble": control_plane_fault(),
                "looks": attention_items(),
                "clusters": clusters,
                "pools": [
                    {"row": row, "used": bytes_bar(row.used_bytes, row.capacity_bytes)} for row in pools
                ],
                "operations": [(operation, operation_word(operation)) for operation in failed[:LATEST]],
                **self._heat(clusters),
            }
        )

    def _clusters(self, loads: dict[Any, Load]) -> list[dict[str, Any]]:
        """The fullest first."""
        rows = [(row, loads.get(row.pk, Load())) for row in ComputeCluster.objects.select_related("region")]
        rows.sort(key=lambda pair: -max(pair[1].memory_share, pair[1].vcpu_share))
        return [
            {"row": row, "load": load, "vcpu": vcpu_bar(load), "memory": memory_bar(load)}
            for row, load in rows[:MOST_CLUSTERS]
        ]

    def _heat(self, clusters: Sequence[dict[str, Any]]) -> dict[str, Any]:
        if not clusters or not clusters[0]["load"].hosts:
            return {}
        fullest = clusters[0]["row"]
        title = _("Fullest cluster: %(name)s") % {"name": fullest}
        url = reverse("admin:compute_cluster.tab.hosts", args=[fullest.pk])
        return {
            **heat_context(self, Host.objects.filter(cluster=fullest)),
            "heat_title": title,
            "heat_more": url,
        }
