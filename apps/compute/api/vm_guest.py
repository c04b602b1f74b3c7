"""What changes the inside of a VM: bodies."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.api import limits
from apps.compute.services.user_data import MOST_ENCODED, UserDataEncoding


class ResetPasswordBody(serializers.Serializer[Any]):
    password = serializers.CharField(
        max_length=limits.PASSWORD,
        trim_whitespace=False,
        write_only=True,
        help_text="New password of root (Linux) or Administrator (Windows). It is not kept.",
    )


class ReinstallBody(serializers.Serializer[Any]):
    image = serializers.UUIDField(help_text="Of the OS family and CPU architecture that the VM has.")
    disk_gib = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        max_value=limits.INTEGER,
        help_text="Size of the new system disk; by default the present size, or the image's minimum if that is larger.",
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
    key_pairs = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        default=list,
        max_length=20,
        help_text="SSH keys to log in with, by their IDs from `/key-pairs`. The keys the VM had are not kept.",
    )
    user_data = serializers.CharField(
        max_length=MOST_ENCODED,
        required=False,
        default="",
        allow_blank=True,
        trim_whitespace=False,
        help_text="As for a new VM. The user data the VM had are not kept.",
    )
    user_data_encoding = serializers.ChoiceField(
        choices=UserDataEncoding.choices,
        default=UserDataEncoding.PLAIN,
        help_text="base64: of UTF-8 text, or of gzip of it.",
    )
    delete_snapshots = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Also delete the snapshots of the present system disk. Otherwise refused while there are any.",
    )
