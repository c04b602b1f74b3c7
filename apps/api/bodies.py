"""Request bodies that every kind shares."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class Labels(serializers.Serializer[Any]):
    """What a resource is called."""

    name = serializers.CharField(max_length=63, required=False)
    remark = serializers.CharField(max_length=255, required=False, allow_blank=True)


class NewResource(serializers.Serializer[Any]):
    """What every create asks for: `name`, and `project` (its id; the tenant's default one when left out)."""

    name = serializers.CharField(max_length=63)
    remark = serializers.CharField(max_length=255, required=False, allow_blank=True, default="")
    project = serializers.UUIDField(required=False, allow_null=True, default=None)
