"""Whether one VM reaches another, in the API."""

from __future__ import annotations

from typing import Any, cast

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.base import ApiView
from apps.api.problem_out import PROBLEM
from apps.api.representation import ReferenceOut, TargetOut
from apps.lifecycle.actor import Actor
from apps.network.api.security_groups import RuleOut, rule_out
from apps.network.reachability.answer import Answer, check_reachability
from apps.network.reachability.endpoints import LONGEST
from apps.network.reachability.flow import FlowProtocol, flow_of
from apps.network.reachability.path import Path
from apps.network.reachability.steps import End, Result, Step
from apps.network.rule_ports import MAX_PORT

_END = {"type": "string", "minLength": 1, "maxLength": LONGEST}
_WHO = "Name, ID or IP address of a VM, or the ID of a NIC. Of the receiver also an EIP."


class EndOut(serializers.Serializer[Any]):
    vm = ReferenceOut()
    nic = serializers.UUIDField()
    ip = serializers.IPAddressField(
        allow_null=True,
        help_text="As the other end sees it. null: the sender has no route to the receiver's EIP.",
    )
    subnet = ReferenceOut(allow_null=True, help_text="null: an external NIC.")
    vpc = ReferenceOut(allow_null=True)


class ReachabilityStepOut(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="Stable, for programs, such as `rules.no_match`.")
    result = serializers.ChoiceField(choices=Result.choices)
    end = serializers.ChoiceField(
        choices=End.choices, allow_blank=True, help_text="Which end it is about; empty for what is between."
    )
    title = serializers.CharField()
    text = serializers.CharField(help_text="The fact, or the cause.")
    hint = serializers.CharField(help_text="Next step; empty if the result is ok.")
    resource = TargetOut(allow_null=True, help_text="Where to change it.")
    rule = RuleOut(allow_null=True, help_text="The rule that decides, if the caller may see its group.")


class ReachabilityOut(serializers.Serializer[Any]):
    result = serializers.ChoiceField(choices=Result.choices)
    text = serializers.CharField()
    hint = serializers.CharField()
    protocol = serializers.ChoiceField(choices=FlowProtocol.choices)
    port = serializers.IntegerField(allow_null=True)
    steps = ReachabilityStepOut(many=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Add both ends: `from` is no name of a field in Python."""
        return {"from": EndOut(), "to": EndOut(), **super().get_fields()}


class ReachabilityApi(ApiView):
    query = {"get": {"from": False, "to": False, "protocol": False, "port": False}}

    @extend_schema(
        operation_id="check_reachability",
        tags=["Reachability"],
        summary="Why can one VM not reach another?",
        parameters=[
            OpenApiParameter("from", _END, required=True, description=_WHO),
            OpenApiParameter(
                "to",
                _END,
                required=True,
                description=f"{_WHO} An address is looked for in the first VM's VPC first.",
            ),
            OpenApiParameter(
                "protocol", OpenApiTypes.STR, enum=FlowProtocol.values, description="By default icmpv4."
            ),
            OpenApiParameter(
                "port",
                {"type": "integer", "minimum": 1, "maximum": MAX_PORT},
                description="Destination port, for tcp and udp.",
            ),
        ],
        responses={200: ReachabilityOut, 400: PROBLEM, 422: PROBLEM},
    )
    def get(self, request: Request) -> Response:
        """Answer from the database, step by step; nothing is sent. `unknown`: not certain, or not yet applied."""
        actor = cast(Actor, request._request.actor)  # type: ignore[attr-defined]
        given = request.query_params
        flow = flow_of(given.get("protocol", FlowProtocol.ICMPV4), given.get("port", ""))
        answer = check_reachability(actor, given.get("from", ""), given.get("to", ""), flow)
        return Response(answer_out(answer))


def answer_out(answer: Answer) -> dict[str, Any]:
    """Return the answer as the API gives it."""
    flow = answer.path.flow
    return {
        "result": answer.result.value,
        "text": answer.text,
        "hint": answer.hint,
        "from": _end_out(answer.path, End.FROM),
        "to": _end_out(answer.path, End.TO),
        "protocol": flow.protocol.value,
        "port": flow.port,
        "steps": [_step_out(step) for step in answer.steps],
    }


def _end_out(path: Path, end: End) -> dict[str, Any]:
    nic, ip = path.nic(end), path.ip(end)
    subnet = nic.subnet
    return {
        "vm": {"id": str(nic.owner_id), "name": nic.owner.name},
        "nic": str(nic.pk),
        "ip": str(ip) if ip else None,
        "subnet": {"id": str(subnet.pk), "name": subnet.name} if subnet else None,
        "vpc": {"id": str(subnet.vpc_id), "name": subnet.vpc.name} if subnet else None,
    }


def _step_out(step: Step) -> dict[str, Any]:
    row = step.resource
    return {
        "code": step.code,
        "result": step.result.value,
        "end": step.end and str(End(step.end).value),
        "title": step.title,
        "text": step.text,
        "hint": step.hint,
        "resource": {"kind": row.kind, "id": str(row.pk), "name": row.name} if row is not None else None,
        "rule": rule_out(step.rule) if step.rule is not None else None,
    }
