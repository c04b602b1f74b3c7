"""What a request to migrate a VM says."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class MigrateBody(serializers.Serializer[Any]):
    host = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Host of the VM’s cluster to migrate to. Left out: the platform chooses one.",
    )
    from_host = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Host the VM is expected to be on; refused if it is on another one.",
    )
