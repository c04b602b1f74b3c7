"""What a change is answered with: 202 and the operation, or the row itself when nothing is left to be done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from django.urls import reverse
from rest_framework.response import Response

from apps.api.preconditions import etag_of
from apps.api.representation import OperationOut
from apps.lifecycle.models import Operation


class Representing(Protocol):
    """The part of a view that is needed here."""

    def represent(self, row: Any) -> dict[str, Any]: ...

    def get_queryset(self) -> Any: ...

    def url_of(self, row: Any) -> str: ...

    @property
    def secrets(self) -> Sequence[str]: ...


def accepted_response(
    view: Representing, outcome: Any, *, created: bool = False, in_memory: bool = False
) -> Response:
    """Answer for what a service returned: an Operation, a list of them, a row, or None.

    in_memory: the operations bring their resources along, complete, see `Create.in_memory`.
    """
    if outcome is None:
        return Response(status=204)
    if isinstance(outcome, Operation):
        body = {"operation": OperationOut.own(outcome), "resource": _target(view, outcome)}
        return Response(body, status=202, headers={"Location": operation_url(outcome)})
    if isinstance(outcome, Sequence):
        followed = {"Location": operation_url(outcome[0])} if len(outcome) == 1 else {}
        return Response(
            {
                "operations": [OperationOut.own(operation) for operation in outcome],
                "resources": _brought(view, outcome) if in_memory else _targets(view, outcome),
            },
            status=202,
            headers=followed,
        )
    body = view.represent(outcome)
    headers = {"ETag": etag_of(body, view.secrets)}
    if not created:
        return Response(body, headers=headers)
    return Response(body, status=201, headers={**headers, "Location": view.url_of(outcome)})


def operation_url(operation: Operation) -> str:
    """Return where the operation can be followed."""
    return reverse("api:operations-one", args=[operation.pk])


def _target(view: Representing, operation: Operation) -> dict[str, Any] | None:
    rows = _targets(view, [operation])
    return rows[0] if rows else None


def _targets(view: Representing, operations: Sequence[Operation]) -> list[dict[str, Any]]:
    rows = {row.pk: row for row in view.get_queryset().filter(pk__in=[op.target_id for op in operations])}
    return [view.represent(rows[op.target_id]) for op in operations if op.target_id in rows]


def _brought(view: Representing, operations: Sequence[Operation]) -> list[dict[str, Any]]:
    # Reading back what has just been written was a quarter of what a create costs.
    shown = []
    for operation in operations:
        row: Any = operation.resource
        row.open_operation = operation if operation.exclusive else None
        row.open_operation_read = True
        shown.append(view.represent(row))
    return shown
