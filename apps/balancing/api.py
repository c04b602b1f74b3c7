"""Overload rules, the balancing log, plans and rebalancings. For administrators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.base import ApiView
from apps.api.bodies import Items, NumberId
from apps.api.conditional import with_etag
from apps.api.declarations import Action, Create
from apps.api.filter_fields import Choices, Moment
from apps.api.filters import ListFilter
from apps.api.paging import CursorPages
from apps.api.parameters import UNCHANGED, UNLESS_KNOWN
from apps.api.problem_out import PROBLEM
from apps.api.representation import Out, ReferenceOut, moment
from apps.api.transactions import answered_in_one_transaction
from apps.api.views import ObjectApi
from apps.balancing import selectors
from apps.balancing.loads import HostLoad
from apps.balancing.models import Decision, Outcome, Rebalancing
from apps.balancing.planning import MEASURES, MOST_MOVES, Plan, Wanted
from apps.balancing.progress import MoveState, moves_of
from apps.balancing.services.rebalancing import cancel_rebalancing, plan_of, rebalance
from apps.balancing.services.rules import BOUNDS, FIELDS, rules_of, set_rules
from apps.balancing.texts import sentence
from apps.balancing.verbs import REBALANCE, REBALANCE_CANCEL
from apps.lifecycle.actor import Actor


def _number(name: str, text: str) -> serializers.IntegerField:
    least, most = BOUNDS[name]
    return serializers.IntegerField(min_value=least, max_value=most, help_text=text)


class RulesBody(serializers.Serializer[Any]):
    enabled = serializers.BooleanField(
        help_text="Whether VMs are migrated off overloaded hosts automatically."
    )
    cpu_percent = _number("cpu_percent", "CPU threshold.")
    memory_percent = _number("memory_percent", "Memory threshold.")
    minutes = _number("minutes", "How long a host must be above a threshold.")
    margin = _number("margin", "Percentage points by which a target stays below its own thresholds.")
    moves_per_hour = _number("moves_per_hour", "Most automatic migrations per hour in the cluster.")
    pause_minutes = _number("pause_minutes", "A VM is not moved again for this long.")


class RulesApi(ApiView):
    @extend_schema(
        operation_id="get_compute_cluster_balancing",
        tags=["Compute clusters"],
        summary="Overload rules",
        parameters=[UNLESS_KNOWN],
        responses={200: RulesBody, 304: UNCHANGED, 404: PROBLEM, 422: PROBLEM},
    )
    def get(self, request: Request, key: int) -> Response:
        """Read the rules of a cluster; administrators only."""
        rules = rules_of(selectors.cluster_to_balance(_actor(request), key))
        return with_etag(request, Response({name: getattr(rules, name) for name in FIELDS}))

    @extend_schema(
        operation_id="set_compute_cluster_balancing",
        tags=["Compute clusters"],
        summary="Set overload rules",
        request=RulesBody,
        responses={200: RulesBody, 403: PROBLEM, 404: PROBLEM, 422: PROBLEM},
    )
    @answered_in_one_transaction
    def patch(self, request: Request, key: int) -> Response:
        """Set the given rules; administrators only."""
        body = self.read(RulesBody, partial=True)
        set_rules(_actor(request), selectors.cluster_to_balance(_actor(request), key), **body)
        return self.get(request, key)


class SharesOut(serializers.Serializer[Any]):
    vcpu_reserved = serializers.IntegerField()
    vcpu_capacity = serializers.IntegerField()
    memory_reserved_mib = serializers.IntegerField()
    memory_capacity_mib = serializers.IntegerField()
    cpu_percent = serializers.FloatField(help_text="Measured, or expected after the moves.")


class PlanHostOut(serializers.Serializer[Any]):
    host = ReferenceOut()
    before = SharesOut()
    after = SharesOut()


class PlanMoveOut(serializers.Serializer[Any]):
    vm = ReferenceOut()
    memory_mib = serializers.IntegerField()
    from_host = ReferenceOut()
    to_host = ReferenceOut()
    measure = serializers.ChoiceField(choices=MEASURES, help_text="What is most uneven between the hosts.")
    from_percent = serializers.FloatField()
    to_percent = serializers.FloatField()


class PlanOut(serializers.Serializer[Any]):
    moves = PlanMoveOut(many=True)
    hosts = PlanHostOut(many=True, help_text="Hosts that give or take VMs.")


class PlanApi(ApiView):
    @extend_schema(
        operation_id="get_compute_cluster_rebalancing_plan",
        tags=["Compute clusters"],
        summary="Plan a rebalancing",
        responses={200: PlanOut, 404: PROBLEM, 422: PROBLEM},
    )
    def get(self, request: Request, key: int) -> Response:
        """Compute the moves that even out the hosts of a cluster. Nothing is changed. Administrators only."""
        return Response(_plan(plan_of(selectors.cluster_to_balance(_actor(request), key))))


def _plan(made: Plan) -> dict[str, Any]:
    return {
        "moves": [
            {
                "vm": {"id": move.vm.id, "name": move.vm.name},
                "memory_mib": move.vm.memory_mib,
                "from_host": _reference(made.before[move.source]),
                "to_host": _reference(made.before[move.target]),
                "measure": move.measure,
                "from_percent": round(move.source_percent, 1),
                "to_percent": round(move.target_percent, 1),
            }
            for move in made.moves
        ],
        "hosts": [
            {"host": _reference(before), "before": _shares(before), "after": _shares(after)}
            for before, after in made.touched
        ],
    }


def _reference(host: HostLoad) -> dict[str, str]:
    return {"id": host.id, "name": host.name}


def _shares(host: HostLoad) -> dict[str, Any]:
    return {
        "vcpu_reserved": host.vcpu_reserved,
        "vcpu_capacity": host.vcpu_capacity,
        "memory_reserved_mib": host.memory_reserved_mib,
        "memory_capacity_mib": host.memory_capacity_mib,
        "cpu_percent": round(host.cpu, 1),
    }


class DecisionOut(Out):
    id = serializers.IntegerField()
    cluster = ReferenceOut()
    outcome = serializers.ChoiceField(choices=Outcome.choices)
    text = serializers.CharField(help_text="What was seen and done, human-readable.")
    host = ReferenceOut(allow_null=True)
    vm = ReferenceOut(allow_null=True)
    target = ReferenceOut(allow_null=True)
    operation = serializers.UUIDField(allow_null=True, help_text="Migration.")
    at = serializers.DateTimeField()
    last_at = serializers.DateTimeField(help_text="Latest time of the same outcome.")
    times = serializers.IntegerField()

    @staticmethod
    def own(row: Decision) -> dict[str, Any]:
        """Return the line."""
        return {
            "id": row.pk,
            "cluster": {"id": str(row.cluster_id), "name": str(row.cluster)},
            "outcome": row.outcome,
            "text": sentence(row),
            "host": {"id": str(row.host.pk), "name": row.host.name} if row.host else None,
            "vm": {"id": str(row.vm.pk), "name": row.vm.name} if row.vm else None,
            "target": {"id": str(row.target.pk), "name": row.target.name} if row.target else None,
            "operation": str(row.operation_id) if row.operation_id else None,
            "at": moment(row.at),
            "last_at": moment(row.last_at),
            "times": row.times,
        }


class DecisionFilter(ListFilter):
    by = {
        "cluster": Choices(gettext_lazy("Compute cluster"), "cluster_id", each=forms.IntegerField),
        "outcome": Choices(gettext_lazy("Outcome"), "outcome", choices=Outcome.choices),
        "at": Moment(gettext_lazy("Time"), "at"),
    }


class DecisionPages(CursorPages):
    ordering = ("-at",)


class DecisionApi(ObjectApi):
    """Balancing log of compute clusters: overloaded hosts and what was done. For administrators only."""

    model = Decision
    out = DecisionOut
    converter = "int"
    filterset_class = DecisionFilter
    pagination_class = DecisionPages

    def visible(self, actor: Actor) -> QuerySet[Decision]:
        """Return the lines, for an admin as such."""
        return selectors.visible_decisions(actor)


class WantedBody(serializers.Serializer[Any]):
    vm = serializers.UUIDField()
    from_host = serializers.UUIDField()
    to_host = serializers.UUIDField()


class RebalancingBody(serializers.Serializer[Any]):
    cluster = NumberId(help_text="Compute cluster.")
    moves = Items(WantedBody(), MOST_MOVES, help_text="Moves of the plan: all, or some of them.")


class RebalancingMoveOut(serializers.Serializer[Any]):
    vm = ReferenceOut()
    from_host = ReferenceOut()
    to_host = ReferenceOut()
    state = serializers.ChoiceField(choices=[state.value for state in MoveState])
    message = serializers.CharField(help_text="Cause if it was refused or failed; otherwise empty.")
    operation = serializers.UUIDField(allow_null=True)


class RebalancingOut(Out):
    id = serializers.UUIDField()
    cluster = ReferenceOut()
    created_at = serializers.DateTimeField()
    cancelled_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    moves = RebalancingMoveOut(many=True)

    @staticmethod
    def own(row: Rebalancing) -> dict[str, Any]:
        """Return the rebalancing with its moves."""
        return {
            "id": str(row.pk),
            "cluster": {"id": str(row.cluster_id), "name": str(row.cluster)},
            "created_at": moment(row.created_at),
            "cancelled_at": moment(row.cancelled_at),
            "finished_at": moment(row.finished_at),
            "moves": [
                {
                    "vm": {"id": move.item.target, "name": move.item.name},
                    "from_host": {"id": move.source, "name": move.source_name},
                    "to_host": {"id": move.target, "name": move.target_name},
                    "state": move.state.value,
                    "message": move.message,
                    "operation": str(move.item.operation_id) if move.item.operation_id else None,
                }
                for move in moves_of(row)
            ],
        }


def _create(actor: Actor, *, cluster: int, moves: Sequence[dict[str, Any]]) -> Rebalancing:
    found = selectors.cluster_to_balance(actor, cluster)
    chosen = [Wanted(str(m["vm"]), str(m["from_host"]), str(m["to_host"])) for m in moves]
    return rebalance(actor, found, chosen)


def _cancel(actor: Actor, row: Rebalancing) -> Rebalancing:
    cancel_rebalancing(actor, row)
    return selectors.visible_rebalancings(actor).get(pk=row.pk)


class RebalancingApi(ObjectApi):
    """Rebalancings: applied plans and the progress of their moves. For administrators only."""

    model = Rebalancing
    out = RebalancingOut
    create = Create(REBALANCE, RebalancingBody, _create, immediate=True)
    actions = (Action(REBALANCE_CANCEL, None, _cancel, immediate=True, bulk=False),)

    def visible(self, actor: Actor) -> QuerySet[Rebalancing]:
        """Return the rebalancings, for an admin as such."""
        return selectors.visible_rebalancings(actor)


def _actor(request: Request) -> Actor:
    return cast(Actor, request._request.actor)  # type: ignore[attr-defined]
