"""Operations: follow, cancel, try again."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.operation_access import cancel_operation, retry_operation, visible_operations
from apps.api.declarations import Action
from apps.api.operation_filter import OperationFilter
from apps.api.reading import NoBody
from apps.api.representation import OperationOut
from apps.api.transactions import answered_in_one_transaction
from apps.api.views import ObjectApi
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Operation
from apps.lifecycle.verbs import Verb, verb_named

#: Not in the verb table: they act on an operation, not on a resource.
CANCEL = Verb("operation.cancel", label=gettext_lazy("Cancel"), doing=gettext_lazy("Cancelling"))
RETRY = Verb("operation.retry", label=gettext_lazy("Try again"), doing=gettext_lazy("Trying again"))


class OperationsApi(ObjectApi):
    """What was asked for and how it is going. A change anywhere in the API answers with one of these."""

    model = Operation
    out = OperationOut
    filterset_class = OperationFilter
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

    @answered_in_one_transaction
    def post_action(self, request: Request, key: object) -> Response:
        """Cancel; or try again, and answer with the new operation."""
        if self.act is not None and self.act.verb is CANCEL:
            row = self.found(key)
            self.read(NoBody)
            return Response(OperationOut.own(cancel_operation(self.actor, row)))
        return super().post_action(request, key)
