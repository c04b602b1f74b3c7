"""Request bodies of disks and snapshots."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.api import limits
from apps.api.bodies import LineField, NewResource, NumberId
from apps.storage.services.create_plan import LEAST_GIB, MOST_AT_ONCE

_SIZE: dict[str, Any] = {"min_value": 1, "max_value": limits.INTEGER}
_DESCRIBED: dict[str, Any] = {"max_length": 255, "required": False, "allow_blank": True, "default": ""}


class DiskBody(NewResource):
    size_gib = serializers.IntegerField(
        **_SIZE,
        required=False,
        allow_null=True,
        default=None,
        help_text=f"At least {LEAST_GIB}, at most the storage cluster's maximum. By default that of the source.",
    )
    cluster = NumberId(
        required=False,
        allow_null=True,
        default=None,
        help_text="Storage cluster. Of a copy: that of its source.",
    )
    disk = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="Disk to copy, as it is now."
    )
    snapshot = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="Snapshot to create the disk from."
    )
    count = serializers.IntegerField(
        required=False,
        default=1,
        min_value=1,
        max_value=MOST_AT_ONCE,
        help_text=f"Up to {MOST_AT_ONCE} at once.",
    )


class CloneBody(NewResource):
    project = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="By default the disk's project."
    )
    size_gib = serializers.IntegerField(
        **_SIZE, required=False, allow_null=True, default=None, help_text="By default the disk's size."
    )


class AttachBody(serializers.Serializer[Any]):
    vm = serializers.UUIDField()


class DetachBody(serializers.Serializer[Any]):
    vm = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="VM that the disk must be attached to. Another one is refused.",
    )


class ExpandBody(serializers.Serializer[Any]):
    size_gib = serializers.IntegerField(**_SIZE, help_text="New size. A disk cannot shrink.")


class SnapshotOfDiskBody(serializers.Serializer[Any]):
    name = LineField(max_length=63)
    description = LineField(**_DESCRIBED)


class SnapshotBody(SnapshotOfDiskBody):
    disk = serializers.UUIDField()


class RollBackBody(serializers.Serializer[Any]):
    snapshot = serializers.UUIDField(help_text="Snapshot of this disk.")
    snapshot_first = serializers.BooleanField(
        required=False, default=False, help_text="Take a snapshot of the present data first."
    )


class LimitsBody(serializers.Serializer[Any]):
    iops = serializers.IntegerField(
        **_SIZE,
        required=False,
        allow_null=True,
        default=None,
        help_text="Operations per second. null: by the storage cluster's rule.",
    )
    bytes_per_second = serializers.IntegerField(
        min_value=1,
        max_value=limits.BIG_INTEGER,
        required=False,
        allow_null=True,
        default=None,
        help_text="null: by the storage cluster's rule.",
    )


class DeleteDiskBody(serializers.Serializer[Any]):
    with_snapshots = serializers.BooleanField(
        required=False, default=False, help_text="Delete the disk's snapshots as well."
    )
