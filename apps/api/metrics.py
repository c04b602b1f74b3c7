"""What was measured, in columns as charts want them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar, cast

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.base import ApiView
from apps.api.problem_out import PROBLEM
from apps.api.representation import moment
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import NotFound
from apps.metrics import ranges
from apps.metrics.active_store import store
from apps.metrics.quantities import BY_NAME, Unit, names_of
from apps.metrics.store import Chart, Subject


class MetricOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # hides Field.label, which is for forms
    unit = serializers.ChoiceField(choices=[unit.value for unit in Unit], allow_blank=True)
    values = serializers.ListField(
        child=serializers.FloatField(allow_null=True),
        help_text="One value per time; null if there is no data.",
    )


class MetricsOut(serializers.Serializer[Any]):
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    step_seconds = serializers.IntegerField(
        help_text="Each value is the average of a step that starts at its time."
    )
    times = serializers.ListField(child=serializers.IntegerField(), help_text="Unix time in seconds.")
    metrics = MetricOut(many=True)
    last_sample_at = serializers.DateTimeField(
        allow_null=True,
        help_text="Time of the latest data point, also if before the range; null if there is none.",
    )


class RangeQuery(serializers.Serializer[Any]):
    range = serializers.ChoiceField(choices=list(ranges.BY_NAME), default=ranges.DEFAULT.name)
    start = serializers.DateTimeField(required=False)
    end = serializers.DateTimeField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse what ends before it begins or begins before anything is kept."""
        now = timezone.now()
        end = attrs.get("end", now)
        start = attrs.get("start", end - ranges.BY_NAME[attrs["range"]].length)
        if not now - ranges.LONGEST <= start < end:
            raise serializers.ValidationError(
                {"start": _("The start must be before the end and within the last year.")}
            )
        return {"start": start, "end": end}


class MetricsSchema(AutoSchema):
    """Names each route after its kind."""

    def get_operation_id(self) -> str:
        """Return get_vms_metrics, get_compute_clusters_metrics."""
        return f"get_{self._plural().replace('-', '_')}_metrics"

    def get_tags(self) -> list[str]:
        """Stand with the kind."""
        return [self._plural().replace("-", " ").capitalize()]

    def _plural(self) -> str:
        return self.path.removeprefix("/api/v1/").split("/")[0]


class MetricsApi(ApiView):
    """GET of one row's metrics. A subclass says which rows the asker may see."""

    schema = MetricsSchema()
    query = {"get": dict.fromkeys(RangeQuery().fields, False)}
    #: Kind of subject in the store.
    subject: ClassVar[str]

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """Return the rows the actor may see."""
        raise NotImplementedError

    def subject_of(self, key: object) -> Subject:
        """Return what is measured of the row with this primary key; a kind that is the sum of others names them."""
        return Subject(self.subject, str(key))

    @extend_schema(
        summary="Metrics of a resource",
        parameters=[
            OpenApiParameter(
                "range",
                OpenApiTypes.STR,
                enum=list(ranges.BY_NAME),
                description="Time range until now; 1h by default.",
            ),
            OpenApiParameter("start", OpenApiTypes.DATETIME, description="Instead of a range."),
            OpenApiParameter("end", OpenApiTypes.DATETIME, description="Instead of the current time."),
        ],
        responses={200: MetricsOut, 400: PROBLEM, 404: PROBLEM},
    )
    def get(self, request: Request, key: object) -> Response:
        """Return at most 600 points; longer ranges have larger steps."""
        actor = cast(Actor, request._request.actor)  # type: ignore[attr-defined]
        if not self.visible(actor).filter(pk=key).exists():
            raise NotFound(_("Not found."))
        query = RangeQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        return Response(measured(self.subject_of(key), **query.validated_data))


def measured(subject: Subject, start: datetime, end: datetime) -> dict[str, Any]:
    """Return a subject's metrics as the API shows them."""
    chart = ranges.read(store(), subject, names_of(subject.kind), start, end)
    return {
        "start": moment(start),
        "end": moment(end),
        "step_seconds": int(chart.step.total_seconds()),
        "times": [int(at.timestamp()) for at in chart.times],
        "metrics": [
            {
                "name": series.name,
                "label": str(BY_NAME[series.name].label),
                "unit": BY_NAME[series.name].unit.value,
                "values": [None if value is None else round(value, 2) for value in series.values],
            }
            for series in chart.series
        ],
        "last_sample_at": moment(_newest(chart) or store().last_seen(subject)),
    }


def _newest(chart: Chart) -> datetime | None:
    """Return when the last step with a value ended, if there is one."""
    for index in reversed(range(len(chart.times))):
        if any(series.values[index] is not None for series in chart.series):
            return min(chart.times[index] + chart.step - timedelta(seconds=1), timezone.now())
    return None
