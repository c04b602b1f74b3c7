"""OpenAPI of the kit's views: what each route takes and answers follows from the view's declarations."""

from __future__ import annotations

from functools import cache
from typing import Any

from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

from apps.api.bodies import ResourceChanges
from apps.api.bulk import MULTI_STATUS, BulkBody, BulkOut, action_names, bulk_actions
from apps.api.declarations import KindApi
from apps.api.forecast_out import forecast_out
from apps.api.parameters import DRY_RUN, KEY, UNCHANGED, UNLESS_CHANGED, UNLESS_KNOWN
from apps.api.problem_out import PROBLEM
from apps.api.representation import OperationOut, Out, slug
from apps.api.vocabulary import one_of


class KitSchema(AutoSchema):
    """Reads the route from the view's `action` and its `create`, `update`, `delete` and `act`."""

    view: KindApi  # type: ignore[override]

    @property
    def _route(self) -> str:
        return str(self.view.action)

    def get_operation_id(self) -> str:
        """list_vms, get_vms, create_vms, update_vms, delete_vms, start_vms."""
        plural = self.path.removeprefix("/api/v1/").split("/")[0].replace("-", "_")
        words = {
            "get_list": "list",
            "get_one": "get",
            "post_list": "create",
            "patch_one": "update",
            "delete_one": "delete",
            "post_bulk": "bulk",
        }
        act = self.view.act
        return f"{words.get(self._route) or (act.verb.action if act else '')}_{plural}"

    def get_tags(self) -> list[str]:
        """Group by kind."""
        return [self.path.removeprefix("/api/v1/").split("/")[0].replace("-", " ").capitalize()]

    def get_summary(self) -> str | None:
        """Return the verb's label for actions."""
        noun = str(self.view.model._meta.verbose_name)
        if self.view.act is not None:
            return f"{self.view.act.verb.label}: {noun}"
        return {
            "get_list": f"List: {noun}",
            "get_one": f"Read one: {noun}",
            "post_list": f"Create: {noun}",
            "patch_one": f"Change: {noun}",
            "delete_one": f"Delete: {noun}",
            "post_bulk": f"Bulk action: {noun}",
        }[self._route]

    def get_description(self) -> str:  # type: ignore[override]
        """Return what the view's own docstring says, once: at its list."""
        if self._route == "post_bulk":
            return self._bulk_description()
        return (type(self.view).__doc__ or "") if self._route == "get_list" else ""

    def _bulk_description(self) -> str:
        names = ", ".join(f"`{slug(act.verb.action)}`" for act in bulk_actions(type(self.view)))
        return f"Actions: {names}. Each item is handled in its own transaction; the response has one entry per item."

    def _is_list_view(self, serializer: Any = None) -> bool:
        return self._route == "get_list"

    def get_override_parameters(self) -> list[Any]:
        """Every POST takes an idempotency key, and every create a dry run."""
        if self._route == "post_list":
            return [KEY, DRY_RUN]
        return {
            "get_one": [UNLESS_KNOWN],
            "patch_one": [UNLESS_CHANGED],
            "delete_one": [UNLESS_CHANGED],
            "post_action": [KEY, UNLESS_CHANGED],
            "post_bulk": [KEY],
        }.get(self._route, [])

    def get_request_serializer(self) -> Any:
        """Return the body's serializer."""
        view = self.view
        if self._route == "post_list" and view.create:
            return view.create.body
        if self._route == "patch_one" and view.update:
            return view.update.body or ResourceChanges
        if self._route == "post_action" and view.act:
            return view.act.body
        if self._route == "delete_one":
            delete = type(view).delete
            return delete.body if delete is not None else None
        return bulk_body(type(self.view)) if self._route == "post_bulk" else None

    def _get_request_body(self, direction: str = "request") -> Any:
        """Return the body, of a DELETE as well where it takes one: drf-spectacular knows none."""
        if self._route != "delete_one":
            return super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        delete = type(self.view).delete
        if delete is None or delete.body is None:
            return None
        self.method, method = "POST", self.method
        try:
            return super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        finally:
            self.method = method

    def get_response_serializers(self) -> Any:
        """Return the answers by status."""
        if self._route == "get_list":
            return {200: self.view.out(many=True), 403: PROBLEM, 404: PROBLEM}
        if self._route == "get_one":
            return {200: self.view.out, 304: UNCHANGED, 403: PROBLEM, 404: PROBLEM, 422: PROBLEM}
        if self._route == "post_bulk":
            return {MULTI_STATUS: BulkOut, 422: PROBLEM}
        conditional = {412: PROBLEM} if self._route != "post_list" else {}
        return {**self._success(), 403: PROBLEM, 404: PROBLEM, 409: PROBLEM, **conditional, 422: PROBLEM}

    def _success(self) -> dict[int, Any]:
        view = self.view
        if self._route == "post_list" and view.create:
            tried = {200: forecast_out(view.create.explain.out if view.create.explain else None)}
            if view.create.immediate:
                return {**tried, 201: view.create.out or view.out}
            return {**tried, 202: self._accepted(batch=view.create.batch)}
        if self._route == "patch_one" and view.update and (view.update.immediate or view.update.body is None):
            return {200: view.out}
        done = type(view).delete if self._route == "delete_one" else view.act
        if done is not None and done.immediate:
            return {204: None} if self._route == "delete_one" else {200: view.out}
        return {202: self._accepted()}

    def _accepted(self, *, batch: bool = False) -> Any:
        return accepted_out(self.view.out, batch)


@cache
def accepted_out(out: type[Out], batch: bool) -> type[serializers.Serializer[Any]]:
    """Return the schema of a 202: the same class each time, as components are distinguished by class."""
    name = out.__name__.removesuffix("Out") + ("BatchAccepted" if batch else "Accepted")
    fields: dict[str, Any] = {"operation": OperationOut(), "resource": out(allow_null=True)}
    if batch:
        fields = {"operations": OperationOut(many=True), "resources": out(many=True)}
    return type(name, (serializers.Serializer,), fields)


@cache
def bulk_body(view: type[KindApi]) -> type[serializers.Serializer[Any]]:
    """Return the schema of a kind's bulk request: its actions, the IDs, and the fields that single actions take."""

    class OfKind(BulkBody):
        def get_fields(self) -> dict[str, Any]:
            fields: dict[str, Any] = super().get_fields()
            fields["action"] = one_of(
                sorted(action_names(view)), help_text="An action of `allowed_actions`, or `delete`."
            )
            for act in bulk_actions(view):
                for name, field in act.body().get_fields().items() if act.body else ():
                    field.required = False  # each action's own are looked at once it is known
                    fields[name] = field
            return fields

    OfKind.__name__ = f"{view.__name__.removesuffix('Api')}BulkBody"
    return OfKind
