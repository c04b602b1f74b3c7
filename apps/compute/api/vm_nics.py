"""The NICs and EIPs of VMs in the API."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from apps.api.representation import ReferenceOut
from apps.compute.models import Vm
from apps.network.egress import default_egress
from apps.network.models import Eip, Nic, NicRole
from apps.network.segment_plan import MOST_MBIT

OWN_NIC_ROLES = [(role.value, role.label) for role in (NicRole.INTERNAL, NicRole.EXTERNAL)]
_UNLIMITED = "{} limit in Mbit/s. 0: unlimited."


class NewEipBody(serializers.Serializer[Any]):
    segment = serializers.UUIDField(help_text="External segment of the VM’s region.")
    mbit = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        max_value=MOST_MBIT,
        help_text="Mbit/s in each direction, at most the segment's ceiling.",
    )


class VmSecurityGroupBody(serializers.Serializer[Any]):
    security_group = serializers.UUIDField(allow_null=True)
    role = serializers.ChoiceField(choices=OWN_NIC_ROLES, default=NicRole.INTERNAL)


class NicBandwidthBody(serializers.Serializer[Any]):
    mbit_in = serializers.IntegerField(
        min_value=0, max_value=MOST_MBIT, help_text=_UNLIMITED.format("Inbound")
    )
    mbit_out = serializers.IntegerField(
        min_value=0, max_value=MOST_MBIT, help_text=_UNLIMITED.format("Outbound")
    )
    role = serializers.ChoiceField(choices=OWN_NIC_ROLES, default=NicRole.INTERNAL)


class VmNicOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    role = serializers.ChoiceField(choices=NicRole.choices)
    mac = serializers.CharField()
    ip = serializers.IPAddressField(
        allow_null=True, help_text="null: the external NIC, which has the addresses of the VM’s EIPs."
    )
    ip6 = serializers.IPAddressField(allow_null=True)
    subnet = ReferenceOut(allow_null=True)
    vpc = ReferenceOut(allow_null=True)
    security_group = ReferenceOut(allow_null=True)
    mbit_in = serializers.IntegerField(help_text=_UNLIMITED.format("Inbound"))
    mbit_out = serializers.IntegerField(help_text=_UNLIMITED.format("Outbound"))


class VmEipOut(ReferenceOut):
    address = serializers.CharField(help_text="Empty while it is being created.")
    version = serializers.IntegerField(help_text="4 or 6.")
    mbit = serializers.IntegerField(help_text="Mbit/s in each direction.")
    delivery = serializers.ChoiceField(choices=Eip.Delivery.choices)
    delivery_chosen = serializers.BooleanField(
        help_text="Whether it was requested. Otherwise the platform chose it by the VM's image."
    )
    is_default_egress = serializers.BooleanField(
        help_text="Whether it is the default egress, used for destinations without a more specific route."
    )


class GuestNetworkOut(serializers.Serializer[Any]):
    configured = serializers.BooleanField(
        help_text="Whether all addresses are configured in the guest, as last reported by its host."
    )
    reason = serializers.CharField(
        help_text="Cause and next step if they are not configured; otherwise empty."
    )


def nic_out(nic: Nic) -> dict[str, Any]:
    """Return a NIC, fetched with what it is in and bound to."""
    return {
        "id": str(nic.pk),
        "role": nic.role,
        "mac": nic.mac,
        "ip": str(nic.ip) if nic.ip else None,
        "ip6": str(nic.ip6) if nic.ip6 else None,
        "subnet": _named(nic.subnet),
        "vpc": _named(nic.subnet.vpc) if nic.subnet else None,
        "security_group": _named(nic.security_group),
        "mbit_in": nic.mbit_in,
        "mbit_out": nic.mbit_out,
    }


def eips_out(vm: Vm) -> list[dict[str, Any]]:
    """Return the EIPs of a VM from `selectors.visible_vms`."""
    egress = {default_egress(vm.shown_eips, version) for version in (4, 6)}
    return [
        {
            "id": str(eip.pk),
            "name": eip.name,
            "address": eip.address,
            "version": eip.version,
            "mbit": eip.mbit,
            "delivery": eip.delivery,
            "delivery_chosen": eip.delivery_chosen,
            "is_default_egress": eip in egress,
        }
        for eip in vm.shown_eips
    ]


def guest_network_out(vm: Vm) -> dict[str, Any]:
    """Return whether the guest of a VM has its addresses."""
    reason = vm.why_not_configured
    return {"configured": not reason, "reason": _(reason) if reason else ""}


def _named(row: Any) -> dict[str, str] | None:
    return None if row is None else {"id": str(row.pk), "name": row.name}
