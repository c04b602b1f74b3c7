"""Base views. A kind's `api.py` declares one class and lists it in its `urls.py` with `routes()`.

class VmApi(ResourceApi):
    model = Vm
    out = VmOut
    filterset_class = VmFilter
    create = Create(VM_CREATE, VmBody)
    update = Update(VM_RENAME)
    delete = Action(VM_DELETE)
    actions = (Action(VM_START), Action(VM_RESIZE, ResizeBody))

    def visible(self, actor): return selectors.visible_vms(actor)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.access import forbidden
from apps.api.bodies import Labels, ResourceChanges
from apps.api.bulk import BulkBody, carried_out, wanted
from apps.api.dry_run import forecast, represent
from apps.api.idempotency import once
from apps.api.preconditions import IF_MATCH, ensure_match, etag_of
from apps.api.reading import NoBody
from apps.api.reading_views import ReadingApi
from apps.api.representation import ResourceOut
from apps.api.responses import accepted_response
from apps.api.transactions import answered_in_one_transaction
from apps.lifecycle.models import Resource
from apps.lifecycle.selectors import with_open_operations
from apps.lifecycle.status import with_status_times
from apps.lifecycle.verbs import Verb

_SHARED = tuple(field.name for field in Resource._meta.concrete_fields)


class ObjectApi(ReadingApi):
    """Rows that are no resources (regions, instance types, …): what can be read, created, changed and done."""

    conditional = frozenset({"patch_one", "delete_one", "post_action"})

    @answered_in_one_transaction
    def post_list(self, request: Request) -> Response:
        """Create; or say what that would come to."""
        create = self.create
        assert create is not None
        if self.dry_run:
            seen = forecast(self.actor, create, request.data)
            return Response(represent(seen, create, self.rights), headers={"Cache-Control": "no-store"})
        self._may(self.create_verb())
        body = self.read(create.body)
        return self._once(
            request,
            self.create_verb(),
            lambda: create.service(self.actor, **body),
            lambda made: accepted_response(self, made, created=True, in_memory=create.in_memory),
        )

    @answered_in_one_transaction
    def patch_one(self, request: Request, key: object) -> Response:
        """Change what is given, and answer with the row as it is then."""
        assert self.update is not None
        row, update = self.found(key), self.update
        self._may(update.verb, row)
        body = self.read(update.body or ResourceChanges, partial=True)
        self._ensure_unchanged(request, row)
        outcome = update.service(self.actor, row, **body)
        return accepted_response(self, self.found(key) if update.body in (None, Labels) else outcome)

    @answered_in_one_transaction
    def delete_one(self, request: Request, key: object) -> Response:
        """Delete."""
        # DRF sets the instance's `delete` to this very method.
        delete = type(self).delete
        assert delete is not None
        row = self.found(key, to_show=False)
        values = self.read(delete.body or NoBody)
        self._ensure_unchanged(request, row)
        return accepted_response(self, delete.service(self.actor, row, **values))

    @answered_in_one_transaction
    def post_action(self, request: Request, key: object) -> Response:
        """Carry out the verb of the route."""
        assert self.act is not None
        act = self.act
        row = self.found(key, to_show=act.immediate)
        self._may(self.action_verb(row), row)
        body = self.read(act.body or NoBody)

        def perform() -> Any:
            # Here, and not before: a request sent again is answered as the first one was.
            self._ensure_unchanged(request, row)
            return act.service(self.actor, row, **body)

        return self._once(
            request,
            self.action_verb(row),
            perform,
            lambda outcome: accepted_response(self, outcome),
            where=row,
        )

    def post_bulk(self, request: Request) -> Response:
        """Carry out one action on many rows, with an answer for each."""
        act, ids = wanted(type(self), request)
        self._may(act.verb)
        values = self.read(act.body or NoBody, beside=BulkBody().fields)
        return carried_out(self, request, act, ids, values)

    def _ensure_unchanged(self, request: Request, row: Any) -> None:
        """Raise Changed unless the row is as the caller's `If-Match` says; it stays so until the transaction ends."""
        if IF_MATCH in request.headers:
            self.locked(row)
            now = self.found(getattr(row, self.key))
            ensure_match(request.headers, etag_of(self.represent(now), self.secrets))

    def url_of(self, row: Any) -> str:
        """Return where a row that was just made is read; the request is one to the kind's list."""
        match = self.request.resolver_match
        assert match is not None
        return reverse(f"{match.view_name}-one", args=[getattr(row, self.key)])

    def locked(self, row: Any) -> None:
        """Lock a row against other changes, until the transaction ends."""
        list(self.model._base_manager.select_for_update(no_key=True).filter(pk=row.pk).values_list("pk"))

    def create_verb(self) -> Verb:
        """Return the verb of the create, as this caller asks for it."""
        assert self.create is not None
        return self.create.verb

    def action_verb(self, row: Any) -> Verb:
        """Return the verb that the route carries out on a row."""
        assert self.act is not None
        return self.act.verb

    def _may(self, verb: Verb, row: Any = None) -> None:
        """Raise Forbidden where the role does not cover the verb, before the body is validated.

        The service judges again, under its locks.
        """
        if isinstance(row, Resource):
            covered = self.rights.covers_row(verb, row)
        else:
            covered = self.rights.may_somewhere(verb)
        if not covered:
            self.request._request.tried = verb.name  # type: ignore[attr-defined]  # for the operation log
            raise forbidden(self.actor, verb)

    def _once(
        self,
        request: Request,
        verb: Verb,
        perform: Callable[[], Any],
        answer: Callable[[Any], Response],
        where: object = None,
    ) -> Response:
        response = once(request, verb, perform, answer, where=where, secrets=self.secrets)
        if self.secrets:
            response["Cache-Control"] = "no-store"
        return response


class ResourceApi(ObjectApi):
    """Everything one kind of resource offers."""

    model: ClassVar[type[Resource]]
    out: ClassVar[type[ResourceOut]] = ResourceOut

    def get_queryset(self) -> QuerySet[Any]:
        """Add what the representation reads, so that a list costs the same number of queries however long it is."""
        rows = super().get_queryset()
        return with_status_times(with_open_operations(rows.select_related(*self.out.related)))

    def locked(self, row: Resource) -> None:
        """Lock the row that all kinds share, as services do."""
        list(Resource.objects.select_for_update(no_key=True).filter(pk=row.pk).values_list("pk"))

    def to_change(self) -> QuerySet[Any]:
        """Leave out all that kinds do not share: reading it was an eighth of a delete."""
        return self.visible(self.actor).prefetch_related(None).select_related(None).only(*_SHARED)
