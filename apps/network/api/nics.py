"""NICs in the API."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from apps.api.representation import Out, ReferenceOut, moment
from apps.api.views import ObjectApi
from apps.api.vocabulary import KindName
from apps.lifecycle.actor import Actor
from apps.network import selectors
from apps.network.filters import NicFilter
from apps.network.models import Nic, NicRole


class OwnerOut(ReferenceOut):
    kind = KindName()


class NicOut(Out):
    id = serializers.UUIDField()
    role = serializers.ChoiceField(choices=NicRole.choices)
    ip = serializers.CharField()
    mac = serializers.CharField()
    owner = OwnerOut()
    vpc = ReferenceOut()
    subnet = ReferenceOut()
    security_group = ReferenceOut(allow_null=True)
    created_at = serializers.DateTimeField()

    @staticmethod
    def own(row: Nic) -> dict[str, Any]:
        """Return the NIC's values."""
        group, vpc = row.security_group, row.subnet.vpc
        return {
            "id": str(row.pk),
            "role": row.role,
            "ip": str(row.ip),
            "mac": row.mac,
            "owner": {"id": str(row.owner_id), "name": row.owner.name, "kind": row.owner.kind},
            "vpc": {"id": str(vpc.pk), "name": vpc.name},
            "subnet": {"id": str(row.subnet_id), "name": row.subnet.name},
            "security_group": {"id": str(group.pk), "name": group.name} if group else None,
            "created_at": moment(row.created_at),
        }


class NicsApi(ObjectApi):
    """NICs: attached to a subnet and a security group. Created and deleted with their VM."""

    model = Nic
    out = NicOut
    filterset_class = NicFilter

    def visible(self, actor: Actor) -> QuerySet[Nic]:
        """Return the NICs of what the actor may see."""
        return selectors.visible_nics(actor)
