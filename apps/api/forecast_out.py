"""The schema of a dry run's answer."""

from __future__ import annotations

from functools import cache
from typing import Any

from rest_framework import serializers

from apps.api.problem_out import FieldErrorOut


class RefusalOut(serializers.Serializer[Any]):
    """The error that the create request would return."""

    status = serializers.IntegerField()
    code = serializers.CharField()
    title = serializers.CharField()
    hint = serializers.CharField()
    errors = FieldErrorOut(many=True, required=False)  # type: ignore[assignment]  # hides Serializer.errors
    details = serializers.DictField(required=False)


class PermissionOut(serializers.Serializer[Any]):
    allowed = serializers.BooleanField()
    reason = serializers.CharField()


class QuotaForecastOut(serializers.Serializer[Any]):
    metric = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # hides Field.label, which is for forms
    unit = serializers.CharField()
    used = serializers.IntegerField(help_text="Now.")
    asked = serializers.IntegerField()
    after = serializers.IntegerField()
    limit = serializers.IntegerField()
    exceeded = serializers.BooleanField()


class ForecastOut(serializers.Serializer[Any]):
    """Expected result of a create request. Nothing is reserved, so the actual result may differ."""

    possible = serializers.BooleanField(help_text="Whether the create request would be accepted.")
    permission = PermissionOut()
    refusals = RefusalOut(many=True, help_text="All errors found.")
    quotas = QuotaForecastOut(many=True, help_text="Quota metrics affected.")


@cache
def forecast_out(own: type[serializers.Serializer[Any]] | None) -> type[serializers.Serializer[Any]]:
    """Return the schema of a dry run's answer, with a kind's own fields where it has some."""
    return ForecastOut if own is None else type(own.__name__, (own, ForecastOut), {})
