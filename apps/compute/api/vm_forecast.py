"""What `POST /api/v1/vms?dry_run=1` says beside quotas and refusals."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rest_framework import serializers

from apps.accounts.rights import Rights
from apps.api.declarations import Explain
from apps.api.representation import ReferenceOut
from apps.compute.services.forecast import VmForecast, forecast_vms
from apps.infrastructure.capacity_forecast import hosts_without_room
from apps.network.models import Eip


class SizeOut(ReferenceOut):
    vcpu = serializers.IntegerField()
    memory_gib = serializers.IntegerField()


class NewDiskOut(serializers.Serializer[Any]):
    size_gib = serializers.IntegerField()
    min_gib = serializers.IntegerField(help_text="Minimum for this image.")


class HostReasonOut(serializers.Serializer[Any]):
    code = serializers.ChoiceField(choices=["memory", "vcpu", "closed", "out_of_reach", "not_ready"])
    text = serializers.CharField()
    count = serializers.IntegerField(help_text="Number of hosts.")
    hosts = serializers.DictField(
        child=serializers.CharField(),
        help_text="Name and reason of each host; for administrators only, else empty.",
    )


class HostsOut(serializers.Serializer[Any]):
    cluster = ReferenceOut()
    total = serializers.IntegerField()
    fitting = serializers.IntegerField(help_text="Hosts with capacity for one such VM.")
    room = serializers.IntegerField(help_text="Number of such VMs that fit on all these hosts.")
    reasons = HostReasonOut(many=True, help_text="Reasons of the other hosts.")


class AddressesOut(serializers.Serializer[Any]):
    subnet = ReferenceOut()
    free = serializers.IntegerField(help_text="Now.")
    left = serializers.IntegerField(help_text="After.")


class NewImageCopyOut(serializers.Serializer[Any]):
    cluster = ReferenceOut(help_text="Storage cluster.")
    size_bytes = serializers.IntegerField()
    progress = serializers.IntegerField(
        allow_null=True, help_text="Percent of a copy that is being made; null: it starts with the first VM."
    )


class NewVmEipOut(serializers.Serializer[Any]):
    address = serializers.CharField(allow_null=True, help_text="null: a new EIP.")
    segment = ReferenceOut()
    mbit = serializers.IntegerField()
    delivery = serializers.ChoiceField(choices=Eip.Delivery.choices)
    delivery_chosen = serializers.BooleanField(
        help_text="Whether it was requested. Otherwise the platform chose it by the image."
    )


class VmForecastOut(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    names = serializers.ListField(child=serializers.CharField())
    instance_type = SizeOut(allow_null=True)
    image = ReferenceOut(allow_null=True)
    disk = NewDiskOut(allow_null=True, help_text="System disk size per VM.")
    copy = NewImageCopyOut(
        allow_null=True, help_text="Copy of the image that is made first; null: none is needed."
    )
    hosts = HostsOut(allow_null=True)
    addresses = AddressesOut(allow_null=True)
    external_security_group = ReferenceOut(allow_null=True)
    eip = NewVmEipOut(allow_null=True)
    security_group = ReferenceOut(allow_null=True, help_text="null: none, nothing is filtered.")


def own(seen: VmForecast, rights: Rights) -> dict[str, Any]:
    """Return the VMs' part of the forecast; hosts are named to administrators only."""
    kind, image, subnet = seen.draft.type, seen.draft.image, seen.subnet
    return {
        "count": seen.draft.count,
        "names": seen.names,
        "instance_type": kind
        and {"id": str(kind.pk), "name": kind.name, "vcpu": kind.vcpu, "memory_gib": kind.memory_gib},
        "image": image and _reference(image),
        "disk": image and {"size_gib": seen.draft.disk_gib, "min_gib": image.min_disk_gib},
        "copy": seen.copy
        and {
            "cluster": {"id": str(seen.copy.cluster.pk), "name": str(seen.copy.cluster)},
            "size_bytes": seen.copy.size_bytes,
            "progress": seen.copy.progress,
        },
        "hosts": _hosts(seen, rights.actor.is_admin),
        "addresses": subnet
        and {"subnet": _reference(subnet), "free": subnet.free_addresses, "left": seen.addresses_left},
        "security_group": seen.draft.group and _reference(seen.draft.group),
        "external_security_group": seen.draft.external_group and _reference(seen.draft.external_group),
        "eip": _eip(seen),
    }


def _eip(seen: VmForecast) -> dict[str, Any] | None:
    choice = seen.draft.eips
    if choice is None or (choice.eip is None and choice.segment is None):
        return None
    segment = choice.segment or (choice.eip and choice.eip.segment)
    return {
        "address": choice.eip.address if choice.eip else None,
        "segment": segment and _reference(segment),
        "mbit": choice.eip.mbit if choice.eip else choice.mbit,
        "delivery": choice.delivery,
        "delivery_chosen": choice.delivery_chosen,
    }


def _hosts(seen: VmForecast, named: bool) -> dict[str, Any] | None:
    kind, need, hosts = seen.draft.type, seen.draft.need, seen.hosts
    if kind is None or need is None or hosts is None:
        return None
    names = hosts_without_room(kind.cluster, need) if named else {}
    return {
        "cluster": {"id": str(kind.cluster.pk), "name": str(kind.cluster)},
        "total": hosts.total,
        "fitting": hosts.fitting,
        "room": hosts.room,
        "reasons": [{**asdict(reason), "hosts": names.get(reason.code, {})} for reason in hosts.reasons],
    }


def _reference(row: Any) -> dict[str, str]:
    return {"id": str(row.pk), "name": row.name}


EXPLAIN = Explain(forecast_vms, own, VmForecastOut)
