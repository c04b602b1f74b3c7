"""GET /api/v1/hosts/<id>/drain-plan: what draining a host would do."""

from __future__ import annotations

from typing import Any, cast

from django.utils.translation import gettext as _
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.base import ApiView
from apps.api.problem_out import PROBLEM
from apps.api.representation import ReferenceOut
from apps.compute.drain_plan import DrainPlan, Fate, PlannedMove, plan_drain, speed
from apps.infrastructure.selectors import visible_hosts
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import NotFound


class PlannedMoveOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    tenant = ReferenceOut(allow_null=True)
    memory_mib = serializers.IntegerField()
    fate = serializers.ChoiceField(
        choices=[fate.value for fate in Fate],
        help_text="moves_live, moves_stopped; waits: another task is under way, it moves afterwards; "
        "stays: it cannot be moved.",
    )
    target = ReferenceOut(allow_null=True, help_text="Host it would move to.")
    reason = serializers.CharField(help_text="Why it stays or waits; otherwise empty.")
    hint = serializers.CharField(help_text="What helps; otherwise empty.")


class DrainPlanOut(serializers.Serializer[Any]):
    can_be_emptied = serializers.BooleanField(help_text="Whether no VM would stay.")
    estimated_seconds = serializers.IntegerField()
    assumed_mib_per_second = serializers.IntegerField(
        help_text="Memory copied per second that the estimate assumes for all migrations together."
    )
    vms = PlannedMoveOut(many=True, help_text="Those that stay first.")


class DrainPlanSchema(AutoSchema):
    """Stands with hosts."""

    def get_operation_id(self) -> str:
        """Return its name."""
        return "get_hosts_drain_plan"

    def get_tags(self) -> list[str]:
        """Stand with the kind."""
        return ["Hosts"]


class DrainPlanApi(ApiView):
    schema = DrainPlanSchema()

    @extend_schema(summary="What draining a host would do", responses={200: DrainPlanOut, 404: PROBLEM})
    def get(self, request: Request, key: object) -> Response:
        """Return what would become of each VM of the host. Nothing is changed and no host is asked."""
        actor = cast(Actor, request._request.actor)  # type: ignore[attr-defined]
        host = visible_hosts(actor).filter(pk=str(key)).first()
        if host is None:
            raise NotFound(_("Not found."))
        return Response(_shown(plan_drain(host)))


def _shown(plan: DrainPlan) -> dict[str, Any]:
    return {
        "can_be_emptied": plan.can_be_emptied,
        "estimated_seconds": round(plan.estimate.total_seconds()),
        "assumed_mib_per_second": speed(),
        "vms": [_move(move) for move in plan.moves],
    }


def _move(move: PlannedMove) -> dict[str, Any]:
    vm, target = move.vm, move.target
    return {
        "id": str(vm.pk),
        "name": vm.name,
        "tenant": {"id": str(vm.tenant.uid), "name": vm.tenant.name} if vm.tenant else None,
        "memory_mib": vm.memory_mib,
        "fate": move.fate.value,
        "target": {"id": str(target.pk), "name": target.name} if target else None,
        "reason": move.reason,
        "hint": move.hint,
    }
