"""Bodies of the requests of VMs."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from apps.api import limits
from apps.api.bodies import Items, LineField, NewResource, NumberId
from apps.compute.api.vm_nics import NewEipBody
from apps.compute.models import HaPriority
from apps.compute.services.create_plan import MOST_AT_ONCE
from apps.compute.services.disk_attachment import MOST_DISKS
from apps.compute.services.template_choices import NEEDED
from apps.compute.services.user_data import MOST_ENCODED, UserDataEncoding
from apps.network.models import Eip

MOST_DATA_DISKS = max(MOST_DISKS.values())
HA_PRIORITIES = [(each.word, each.label) for each in HaPriority]


class DataDiskBody(serializers.Serializer[Any]):
    size_gib = serializers.IntegerField(min_value=1, max_value=limits.INTEGER)
    cluster = NumberId(help_text="Storage cluster.")


class VmChoices(serializers.Serializer[Any]):
    """What a VM template keeps of a new VM."""

    instance_type = NumberId(required=False)
    image = serializers.UUIDField(required=False)
    subnet = serializers.UUIDField(required=False)
    security_group = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="Of the internal NIC. Left out: the project's group named “default” in the region. "
        "null: no group, nothing is filtered.",
    )
    external_security_group = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="Of the external NIC: covers all EIPs delivered in the guest. Left out: the group of the "
        "internal NIC. null: no group, nothing is filtered.",
    )
    new_eip = NewEipBody(
        required=False, allow_null=True, default=None, help_text="EIP to create and bind, one for each VM."
    )
    eip_delivery = serializers.ChoiceField(
        choices=Eip.Delivery.choices,
        required=False,
        allow_null=True,
        default=None,
        help_text="How the EIP reaches the VM. By default in the guest if its image has a guest agent (Linux), else "
        "by one-to-one NAT.",
    )
    disk_gib = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        max_value=limits.INTEGER,
        help_text="System disk size; by default the image's.",
    )
    disk_cluster = NumberId(
        required=False,
        allow_null=True,
        default=None,
        help_text="Storage cluster of the system disk. Default: the image's. To another one the image is copied first.",
    )
    data_disks = Items(
        DataDiskBody(),
        most=MOST_DATA_DISKS,
        required=False,
        default=list,
        help_text="Data disks to create and attach with the VM. They outlive it.",
    )
    key_pairs = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        default=list,
        max_length=20,
        help_text="SSH keys to log in with, by their IDs from `/key-pairs`.",
    )


class VmBody(VmChoices, NewResource):
    """instance_type, image and subnet are needed, from here or from the template."""

    template = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="VM template from which everything is taken that is left out or empty here.",
    )
    template_version = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        max_value=limits.INTEGER,
        help_text="By default the template's newest.",
    )
    eip = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Existing EIP to bind to the VM; for one VM only.",
    )
    password = serializers.CharField(
        max_length=limits.PASSWORD,
        required=False,
        default="",
        allow_blank=True,
        trim_whitespace=False,
        write_only=True,
        help_text="Of root. Refused for Windows images, whose guests take one from user data only.",
    )
    hostname = serializers.CharField(required=False, default="", allow_blank=True, max_length=63)
    user_data = serializers.CharField(
        max_length=MOST_ENCODED,
        required=False,
        default="",
        allow_blank=True,
        trim_whitespace=False,
        help_text="At most 64 KiB once decoded. CRLF line ends become LF; a byte-order mark is removed.",
    )
    user_data_encoding = serializers.ChoiceField(
        choices=UserDataEncoding.choices,
        default=UserDataEncoding.PLAIN,
        help_text="base64: of UTF-8 text, or of gzip of it.",
    )
    count = serializers.IntegerField(
        required=False,
        default=1,
        min_value=1,
        max_value=MOST_AT_ONCE,
        help_text=f"Up to {MOST_AT_ONCE} at once.",
    )

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Refuse a call without a template that leaves out what every VM needs, beside all else that is wrong."""
        is_complete = self.partial or not isinstance(data, dict) or data.get("template") is not None
        needed = () if is_complete else NEEDED
        missing: dict[str, Any] = {
            name: [_("This field is required.")] for name in needed if name not in data
        }
        try:
            attrs: dict[str, Any] = super().to_internal_value(data)
        except serializers.ValidationError as error:
            others = error.detail if isinstance(error.detail, dict) else {}
            raise serializers.ValidationError({**missing, **others} or error.detail) from error
        if missing:
            raise serializers.ValidationError(missing)
        return attrs


class DeleteVmBody(serializers.Serializer[Any]):
    delete_disks = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        default=list,
        max_length=MOST_DATA_DISKS,
        help_text="Data disks of the VM to delete as well. The others are detached and kept.",
    )
    with_snapshots = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Also delete the snapshots of the deleted disks, the system disk included.",
    )
    release_eips = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Also release the EIPs bound to the VM. Otherwise they are unbound and kept.",
    )


class ResizeBody(serializers.Serializer[Any]):
    instance_type = NumberId(help_text="Of the VM's cluster.")


class SaveTemplateBody(serializers.Serializer[Any]):
    name = LineField(
        max_length=63, required=False, allow_blank=True, default="", help_text="Of a new template."
    )
    description = LineField(max_length=255, required=False, allow_blank=True, default="")
    template = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Existing VM template, which gets a new version; name and description are left alone.",
    )


class VmSnapshotBody(serializers.Serializer[Any]):
    name = LineField(max_length=63)
    description = LineField(max_length=255, required=False, allow_blank=True, default="")


class HaPriorityBody(serializers.Serializer[Any]):
    priority = serializers.ChoiceField(
        choices=HA_PRIORITIES,
        help_text="Order in which VMs are started elsewhere when their host fails. none: not started elsewhere.",
    )
