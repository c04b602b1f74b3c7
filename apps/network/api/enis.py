"""Elastic NICs in the API."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from apps.api import limits
from apps.api.bodies import NewResource
from apps.api.declarations import Action, Create, Update
from apps.api.representation import ReferenceOut, ResourceOut
from apps.api.views import ResourceApi
from apps.lifecycle.actor import Actor
from apps.network import selectors
from apps.network.external_filters import EniFilter
from apps.network.models import Eni
from apps.network.segment_plan import MOST_MBIT
from apps.network.sorting import ENI_ADDRESS, IS_EXTERNAL
from apps.network.verbs.eni import (
    ENI_BIND,
    ENI_CREATE,
    ENI_DELETE,
    ENI_RENAME,
    ENI_RETRY,
    ENI_SET_BANDWIDTH,
    ENI_SET_SECURITY_GROUP,
    ENI_UNBIND,
)

ELASTIC_NIC_ROLES = (("internal", "internal"), ("external", "external"))
_LIMIT = "Mbit/s. In a subnet 0 is unlimited; in an external segment 1 to its ceiling."


def _mbit(help_text: str, **options: Any) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=0, max_value=MOST_MBIT, help_text=help_text, **options)


def _new_mbit(what: str) -> serializers.IntegerField:
    usual = "By default unlimited in a subnet, and the default bandwidth of an EIP in an external segment."
    return _mbit(f"{what} limit in {_LIMIT} {usual}", required=False, allow_null=True, default=None)


class EniBody(NewResource):
    subnet = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="For an internal elastic NIC. Its VPC may differ from the VPC of the VM.",
    )
    segment = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="External segment, for an external elastic NIC. Specify either subnet or segment.",
    )
    address = serializers.CharField(
        max_length=limits.ADDRESS,
        required=False,
        allow_blank=True,
        default="",
        help_text="By default any free address. It keeps its address until it is deleted.",
    )
    address6 = serializers.CharField(
        max_length=limits.ADDRESS,
        required=False,
        allow_blank=True,
        default="",
        help_text="IPv6 address of an internal one, in a subnet with an IPv6 prefix. By default assigned.",
    )
    security_group = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="null: no traffic is filtered."
    )
    mbit_in = _new_mbit("Inbound")
    mbit_out = _new_mbit("Outbound")


class EniBindBody(serializers.Serializer[Any]):
    vm = serializers.UUIDField(
        help_text="VM of the same tenant and region, running or stopped. An elastic NIC bound to another VM "
        "is moved."
    )


class EniUnbindBody(serializers.Serializer[Any]):
    vm = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Resource that it is expected to be bound to. If it is not, nothing is changed.",
    )


class EniGroupBody(serializers.Serializer[Any]):
    security_group = serializers.UUIDField(allow_null=True, help_text="null: no traffic is filtered.")


class EniBandwidthBody(serializers.Serializer[Any]):
    mbit_in = _mbit(f"Inbound limit in {_LIMIT}")
    mbit_out = _mbit(f"Outbound limit in {_LIMIT}")


class EniOut(ResourceOut):
    role = serializers.ChoiceField(
        choices=ELASTIC_NIC_ROLES, help_text="Whether it is in a subnet or in an external segment."
    )
    address = serializers.CharField(help_text="Empty if it could not be created.")
    address6 = serializers.CharField(
        allow_null=True,
        help_text="IPv6 address of an internal one; null: its subnet had no IPv6 when it was created.",
    )
    mac = serializers.CharField()
    vpc = ReferenceOut(allow_null=True, help_text="null: an external elastic NIC.")
    subnet = ReferenceOut(allow_null=True, help_text="null: an external elastic NIC.")
    segment = ReferenceOut(allow_null=True, help_text="null: an internal elastic NIC.")
    security_group = ReferenceOut(allow_null=True)
    mbit_in = serializers.IntegerField(help_text="Inbound limit in Mbit/s. 0: unlimited.")
    mbit_out = serializers.IntegerField(help_text="Outbound limit in Mbit/s. 0: unlimited.")
    vm = ReferenceOut(allow_null=True, help_text="The VM that it is bound to.")

    @staticmethod
    def own(row: Eni) -> dict[str, Any]:
        """Return the NIC's values; what it refers to has been fetched with it."""
        nic = row.nic
        subnet, segment, group, vm = nic.subnet, row.segment, nic.security_group, row.vm
        return {
            "role": "external" if row.is_external else "internal",
            "address": row.address,
            "address6": str(nic.ip6) if nic.ip6 else None,
            "mac": nic.mac,
            "vpc": {"id": str(subnet.vpc_id), "name": subnet.vpc.name} if subnet else None,
            "subnet": {"id": str(subnet.pk), "name": subnet.name} if subnet else None,
            "segment": {"id": str(segment.pk), "name": segment.name} if segment else None,
            "security_group": {"id": str(group.pk), "name": group.name} if group else None,
            "mbit_in": nic.mbit_in,
            "mbit_out": nic.mbit_out,
            "vm": {"id": str(vm.pk), "name": vm.name} if vm else None,
        }


class EnisApi(ResourceApi):
    """Elastic NICs: NICs that are bound to a VM, unbound, and moved between VMs while they run."""

    model = Eni
    out = EniOut
    filterset_class = EniFilter
    sorts = {"address": ENI_ADDRESS, "role": IS_EXTERNAL}
    create = Create(ENI_CREATE, EniBody, batch=True)
    update = Update(ENI_RENAME)
    delete = Action(ENI_DELETE)
    actions = (
        Action(ENI_BIND, EniBindBody),
        Action(ENI_UNBIND, EniUnbindBody),
        Action(ENI_SET_SECURITY_GROUP, EniGroupBody),
        Action(ENI_SET_BANDWIDTH, EniBandwidthBody),
        Action(ENI_RETRY),
    )

    def visible(self, actor: Actor) -> QuerySet[Eni]:
        """Return the elastic NICs the actor may see."""
        return selectors.visible_enis(actor)
