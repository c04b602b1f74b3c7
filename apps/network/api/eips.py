"""EIPs in the API."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from apps.api import limits
from apps.api.bodies import NewResource
from apps.api.declarations import Action, Create, Update
from apps.api.representation import ReferenceOut, ResourceOut, moment
from apps.api.views import ResourceApi
from apps.lifecycle.actor import Actor
from apps.network import selectors
from apps.network.api.nics import OwnerOut
from apps.network.external_filters import EipFilter
from apps.network.models import Eip
from apps.network.segment_plan import MOST_MBIT
from apps.network.services.eip import MOST_AT_ONCE
from apps.network.verbs.eip import (
    EIP_BIND,
    EIP_CREATE,
    EIP_DELETE,
    EIP_PICK_EGRESS,
    EIP_RENAME,
    EIP_RETRY,
    EIP_SET_BANDWIDTH,
    EIP_UNBIND,
)


class EipBody(NewResource):
    segment = serializers.UUIDField(help_text="External segment, which defines the region.")
    address = serializers.CharField(
        max_length=limits.ADDRESS,
        required=False,
        allow_blank=True,
        default="",
        help_text="By default any free address of the segment.",
    )
    mbit = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        max_value=MOST_MBIT,
        help_text="Mbit/s in each direction, at most the segment's ceiling.",
    )
    count = serializers.IntegerField(
        required=False,
        default=1,
        min_value=1,
        max_value=MOST_AT_ONCE,
        help_text=f"Up to {MOST_AT_ONCE} at once.",
    )


class BindBody(serializers.Serializer[Any]):
    carrier = serializers.UUIDField(help_text="Resource of the same tenant and region, such as a VM.")
    delivery = serializers.ChoiceField(
        choices=Eip.Delivery.choices,
        required=False,
        help_text="How the address is delivered to a VM. By default the VM’s image decides.",
    )


class UnbindBody(serializers.Serializer[Any]):
    carrier = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Resource that it is expected to be bound to. If it is not, nothing is changed.",
    )


class BandwidthBody(serializers.Serializer[Any]):
    mbit = serializers.IntegerField(
        min_value=1,
        max_value=MOST_MBIT,
        help_text="Mbit/s in each direction, at most the segment's ceiling.",
    )


class EipOut(ResourceOut):
    address = serializers.CharField(help_text="Empty if it could not be created.")
    version = serializers.IntegerField(help_text="4 or 6.")
    segment = ReferenceOut()
    default_route = serializers.BooleanField(help_text="Whether it comes with a default route.")
    mbit = serializers.IntegerField(help_text="Mbit/s in each direction.")
    carrier = OwnerOut(allow_null=True, help_text="What it is bound to.")
    bound_at = serializers.DateTimeField(allow_null=True)
    delivery = serializers.ChoiceField(choices=Eip.Delivery.choices)
    delivery_chosen = serializers.BooleanField(
        help_text="Whether it was requested. Otherwise the platform chose it by the VM's image."
    )
    is_egress = serializers.BooleanField(
        help_text="Picked as default egress. If none is picked, it is the first bound EIP with a default "
        "route."
    )

    @staticmethod
    def own(row: Eip) -> dict[str, Any]:
        """Return the EIP's values; what it refers to has been fetched with it."""
        carrier = row.carrier
        return {
            "address": row.address,
            "version": row.version,
            "segment": {"id": str(row.segment_id), "name": row.segment.name},
            "default_route": row.segment.has_default_route,
            "mbit": row.mbit,
            "carrier": carrier and {"id": str(carrier.pk), "name": carrier.name, "kind": carrier.kind},
            "bound_at": moment(row.bound_at),
            "delivery": row.delivery,
            "delivery_chosen": row.delivery_chosen,
            "is_egress": row.is_egress,
        }


class EipsApi(ResourceApi):
    """EIPs: addresses outside the platform that can be bound to a VM or a gateway, and moved."""

    model = Eip
    out = EipOut
    filterset_class = EipFilter
    create = Create(EIP_CREATE, EipBody, batch=True)
    update = Update(EIP_RENAME)
    delete = Action(EIP_DELETE)
    actions = (
        Action(EIP_BIND, BindBody),
        Action(EIP_UNBIND, UnbindBody),
        Action(EIP_SET_BANDWIDTH, BandwidthBody),
        Action(EIP_PICK_EGRESS),
        Action(EIP_RETRY),
    )

    def visible(self, actor: Actor) -> QuerySet[Eip]:
        """Return the EIPs the actor may see."""
        return selectors.visible_eips(actor)
