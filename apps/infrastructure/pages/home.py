"""The admin's overview: what there is, what is full, what is out of reach, what failed."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from apps.infrastructure import selectors
from apps.infrastructure.models import ComputeCluster, Host, StorageCluster
from apps.infrastructure.pages.figures import bytes_bar, memory_bar, vcpu_bar
from apps.lifecycle.models import OperationStatus
from apps.lifecycle.words import state_word
from apps.portal.operation_pages import OPERATION, operation_word
from apps.portal.page import Page
from apps.portal.tiles import tiles

KINDS = ("tenant", "vm", "disk", "vpc", "image", "host")
LATEST = 8


class AdminHome(Page):
    template_name = "infrastructure/home.html"
    title = _("Overview")

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show it."""
        hosts = selectors.visible_hosts(self.actor).order_by("name")
        troubled = [host for host in hosts if state_word(host).tone != "ok"]
        operations = OPERATION.rows(self.actor).order_by("-created_at")
        failed = operations.filter(status=OperationStatus.FAILED)
        return self.show(
            {
                "tiles": tiles(self.actor, self.area, KINDS),
                "is_new": not Host.objects.exists(),
                "clusters": self._clusters(),
                "pools": self._pools(),
                "troubled": [(host, state_word(host)) for host in troubled],
                "operations": [(operation, operation_word(operation)) for operation in failed[:LATEST]],
            }
        )

    def _clusters(self) -> list[dict[str, object]]:
        rows = selectors.with_load(ComputeCluster.objects.select_related("region"))
        return [{"row": row, "vcpu": vcpu_bar(row), "memory": memory_bar(row)} for row in rows]

    def _pools(self) -> list[dict[str, object]]:
        rows = StorageCluster.objects.select_related("region")
        return [{"row": row, "used": bytes_bar(row.used_bytes, row.capacity_bytes)} for row in rows]
