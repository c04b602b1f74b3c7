"""The schema of refusals: RFC 9457."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers


class FieldErrorOut(serializers.Serializer[Any]):
    field = serializers.CharField()
    message = serializers.CharField()


class ProblemOut(serializers.Serializer[Any]):
    """RFC 9457."""

    type = serializers.CharField(help_text="Where the code is documented.")
    status = serializers.IntegerField()
    title = serializers.CharField(help_text="Cause, human-readable.")
    code = serializers.CharField(help_text="Cause, machine-readable and stable.")
    hint = serializers.CharField(required=False, help_text="Next step.")
    errors = FieldErrorOut(many=True, required=False)  # type: ignore[assignment]  # hides Serializer.errors
    details = serializers.DictField(required=False)
    request_id = serializers.CharField()


PROBLEM = OpenApiResponse(ProblemOut, description="Reason of the refusal.")
