"""Operations: follow, cancel, try again."""

from __future__ import annotations

from typing import Any

from django.db.models import F, QuerySet
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.operation_access import cancel_operation, retry_operation, visible_operations
from apps.api.declarations import Action
from apps.api.operation_filter import OperationFilter
from apps.api.preconditions import etag_of
from apps.api.reading import NoBody
from apps.api.representation import OperationOut
from apps.api.schema import KitSchema
from apps.api.transactions import answered_in_one_transaction
from apps.api.views import ObjectApi
from apps.api.waiting import MOST_AT_ONCE, MOST_SECONDS, PARAMETER, seconds_of, wait_for
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Operation
from apps.lifecycle.verbs import Verb, verb_named

#: Not in the verb table: they act on an operation, not on a resource.
CANCEL = Verb("operation.cancel", label=gettext_lazy("Cancel"), doing=gettext_lazy("Cancelling"))
RETRY = Verb("operation.retry", label=gettext_lazy("Retry"), doing=gettext_lazy("Retrying"))

WAIT = OpenApiParameter(
    PARAMETER,
    {"type": "integer", "minimum": 0, "maximum": MOST_SECONDS, "default": 0},
    OpenApiParameter.QUERY,
    description="Seconds to wait for the operation to finish. The answer comes as soon as it has, or after this time "
    f"with the operation as it is then. At most {MOST_AT_ONCE} requests of an API key wait at once, others get 429.",
)


class _OperationSchema(KitSchema):
    """The kit's, and the parameter of one route."""

    def get_override_parameters(self) -> list[Any]:
        """Add `wait` to the route of one operation."""
        return [*super().get_override_parameters(), *([WAIT] if self._route == "get_one" else [])]


class OperationsApi(ObjectApi):
    """A requested change and its progress. Every change in the API returns an operation."""

    schema = _OperationSchema()
    query = {"get_one": {PARAMETER: False}}
    model = Operation
    out = OperationOut
    filterset_class = OperationFilter
    sorts = {"target": None, "took": F("finished_at") - F("created_at")}  # target: by its name, `target_name`
    actions = (
        Action(CANCEL, adapter=cancel_operation, immediate=True),
        Action(RETRY, adapter=retry_operation),
    )

    def visible(self, actor: Actor) -> QuerySet[Operation]:
        """Return what the actor's tenant asked for."""
        return visible_operations(actor)

    def action_verb(self, row: Operation) -> Verb:
        """To try again is what the operation's own verb says."""
        if self.act is not None and self.act.verb is RETRY:
            return verb_named(verb_named(row.verb).retry)
        return super().action_verb(row)

    def get_one(self, request: Request, key: object) -> Response:
        """One operation; with `wait` once it has finished, or the time is over."""
        if seconds_of(request.query_params.get(PARAMETER, "0") or "0"):
            wait_for(request._request, self.actor, self.found(key))
        return super().get_one(request, key)

    @answered_in_one_transaction
    def post_action(self, request: Request, key: object) -> Response:
        """Cancel; or try again, and answer with the new operation."""
        if self.act is not None and self.act.verb is CANCEL:
            row = self.found(key)
            self.read(NoBody)
            self._ensure_unchanged(request, row)
            body = OperationOut.own(cancel_operation(self.actor, row))
            return Response(body, headers={"ETag": etag_of(body)})
        return super().post_action(request, key)
