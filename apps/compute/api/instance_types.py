"""/api/v1/instance-types"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from apps.api.bodies import LineField, NumberId
from apps.api.declarations import Action, Create
from apps.api.paging import CursorPages
from apps.api.representation import Out, ReferenceOut
from apps.api.views import ObjectApi
from apps.compute import selectors
from apps.compute.filters import InstanceTypeFilter
from apps.compute.models import InstanceType
from apps.compute.models.instance_type import MOST_MEMORY_GIB, MOST_VCPU
from apps.compute.services.instance_type import create_instance_type
from apps.compute.verbs import INSTANCE_TYPE_CREATE, INSTANCE_TYPE_DELETE
from apps.infrastructure.models import ComputeCluster
from apps.infrastructure.selectors import get_cluster
from apps.lifecycle.actor import Actor


class InstanceTypeBody(serializers.Serializer[Any]):
    cluster = NumberId(help_text="Compute cluster.")
    vcpu = serializers.IntegerField(
        min_value=1, max_value=MOST_VCPU, help_text="1 or an even number up to 240."
    )
    memory_gib = serializers.IntegerField(
        min_value=1, max_value=MOST_MEMORY_GIB, help_text="1 or an even number up to 1024."
    )
    name = LineField(max_length=63, required=False, allow_blank=True, default="")


class InstanceTypeOut(Out):
    id = serializers.CharField()
    name = serializers.CharField()
    vcpu = serializers.IntegerField()
    memory_gib = serializers.IntegerField()
    cluster = ReferenceOut()
    region = ReferenceOut()

    @staticmethod
    def own(row: InstanceType) -> dict[str, Any]:
        """Return the type's values."""
        cluster = row.cluster
        return {
            "id": str(row.pk),
            "name": row.name,
            "vcpu": row.vcpu,
            "memory_gib": row.memory_gib,
            "cluster": {"id": str(cluster.pk), "name": str(cluster)},
            "region": {"id": cluster.region.name, "name": cluster.region.label},
        }


class SmallestFirst(CursorPages):
    page_size = 100
    ordering = ("vcpu", "memory_gib")


def create_from_api(actor: Actor, *, cluster: int, **rest: Any) -> InstanceType:
    """Offer a size on the compute cluster of this id."""
    return create_instance_type(
        actor, cluster=get_cluster(actor, ComputeCluster.objects.all(), cluster), **rest
    )


class InstanceTypeApi(ObjectApi):
    """Sizes VMs can have, per compute cluster."""

    model = InstanceType
    out = InstanceTypeOut
    converter = "int"
    filterset_class = InstanceTypeFilter
    pagination_class = SmallestFirst
    create = Create(INSTANCE_TYPE_CREATE, InstanceTypeBody, create_from_api, immediate=True)
    delete = Action(INSTANCE_TYPE_DELETE, immediate=True)

    def visible(self, actor: Actor) -> QuerySet[InstanceType]:
        """Return the types the actor may use."""
        return selectors.visible_types(actor)
