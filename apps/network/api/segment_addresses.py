"""Addresses of external segments that are not free, in the API."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from apps.api.paging import CursorPages
from apps.api.representation import Out, ReferenceOut, moment
from apps.api.views import ObjectApi
from apps.lifecycle.actor import Actor
from apps.network import selectors
from apps.network.api.nics import OwnerOut
from apps.network.external_filters import SegmentAddressFilter
from apps.network.models import SegmentAddress


class SegmentAddressOut(Out):
    id = serializers.IntegerField()
    ip = serializers.CharField()
    segment = ReferenceOut()
    use = serializers.ChoiceField(choices=SegmentAddress.Use.choices)
    holder = OwnerOut(allow_null=True)
    tenant = ReferenceOut(allow_null=True)
    until = serializers.DateTimeField(allow_null=True, help_text="End of the quarantine.")
    mac = serializers.CharField(help_text="Of a conflict: MAC that answered. Otherwise empty.")

    @staticmethod
    def own(row: SegmentAddress) -> dict[str, Any]:
        """Return the address and who has it."""
        holder = row.holder
        tenant = holder.tenant if holder is not None else None
        return {
            "id": row.pk,
            "ip": str(row.ip),
            "segment": {"id": str(row.segment_id), "name": row.segment.name},
            "use": row.use,
            "holder": holder and {"id": str(holder.pk), "name": holder.name, "kind": holder.kind},
            "tenant": {"id": str(tenant.uid), "name": tenant.name} if tenant else None,
            "until": moment(row.until),
            "mac": row.mac,
        }


class ByAddress(CursorPages):
    ordering = ("ip",)


class SegmentAddressesApi(ObjectApi):
    """Addresses of external segments that are not free: in use, in quarantine or in conflict."""

    model = SegmentAddress
    out = SegmentAddressOut
    converter = "int"
    filterset_class = SegmentAddressFilter
    pagination_class = ByAddress

    def visible(self, actor: Actor) -> QuerySet[SegmentAddress]:
        """Return the addresses to an admin as such; nobody else may know of them all."""
        return selectors.visible_segment_addresses(actor)
