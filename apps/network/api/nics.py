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
    ip = serializers.CharField(
        allow_null=True,
        help_text="null: an external NIC of a VM has no address of its own, but those of the EIPs bound to the VM.",
    )
    ip6 = serializers.CharField(
        allow_null=True, help_text="null: its subnet had no IPv6 when it was created."
    )
    mac = serializers.CharField()
    owner = OwnerOut()
    vpc = ReferenceOut(allow_null=True)
    subnet = ReferenceOut(allow_null=True)
    security_group = ReferenceOut(allow_null=True)
    created_at = serializers.DateTimeField()

    @staticmethod
    def own(row: Nic) -> dict[str, Any]:
        """Return the NIC's values."""
        group, subnet = row.security_group, row.subnet
        return {
            "id": str(row.pk),
            "role": row.role,
            "ip": str(row.ip) if row.ip else None,
            "ip6": str(row.ip6) if row.ip6 else None,
            "mac": row.mac,
            "owner": {"id": str(row.owner_id), "name": row.owner.name, "kind": row.owner.kind},
            "vpc": {"id": str(subnet.vpc_id), "name": subnet.vpc.name} if subnet else None,
            "subnet": {"id": str(subnet.pk), "name": subnet.name} if subnet else None,
            "security_group": {"id": str(group.pk), "name": group.name} if group else None,
            "created_at": moment(row.created_at),
        }


class NicsApi(ObjectApi):
    """NICs: in a subnet or in the external network of the region, with a security group.

    Created and deleted with their VM.
    """

    model = Nic
    out = NicOut
    filterset_class = NicFilter

    def visible(self, actor: Actor) -> QuerySet[Nic]:
        """Return the NICs of what the actor may see."""
        return selectors.visible_nics(actor)
