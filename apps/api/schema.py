"""OpenAPI of the kit's views: what each route takes and answers follows from the view's declarations."""

from __future__ import annotations

from functools import cache
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import build_bearer_security_scheme_object
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from apps.api import preconditions
from apps.api.bodies import ResourceChanges
from apps.api.bulk import MULTI_STATUS, BulkBody, BulkOut, action_names, bulk_actions
from apps.api.declarations import KindApi
from apps.api.dry_run import PARAMETER
from apps.api.idempotency import MAX_LENGTH
from apps.api.representation import OperationOut, Out, slug
from apps.api.vocabulary import one_of


class FieldErrorOut(serializers.Serializer[Any]):
    field = serializers.CharField()
    message = serializers.CharField()


class ProblemOut(serializers.Serializer[Any]):
    """RFC 9457."""

    type = serializers.CharField(help_text="Where the code is documented.")
    status = serializers.IntegerField()
    title = serializers.CharField(help_text="Cause, human-readable.")
    code = serializers.CharField(help_text="Cause, machine-readable and stable.")
    hint = serializers.CharField(required=False, help_text="Next step.")
    errors = FieldErrorOut(many=True, required=False)  # type: ignore[assignment]  # hides Serializer.errors
    details = serializers.DictField(required=False)
    request_id = serializers.CharField()


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


PROBLEM = OpenApiResponse(ProblemOut, description="Reason of the refusal.")
KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "maxLength": MAX_LENGTH, "pattern": "^[ -~]*$"},
    OpenApiParameter.HEADER,
    description="Any text of at most 255 characters. A repeated request within 24 hours returns the first "
    "response and is not run again.",
)
_TAGS = {"type": "string", "maxLength": preconditions.LONGEST}
UNLESS_KNOWN = OpenApiParameter(
    preconditions.IF_NONE_MATCH,
    _TAGS,
    OpenApiParameter.HEADER,
    description="ETags that the caller has: 304 without a body when one of them is still right.",
)
UNLESS_CHANGED = OpenApiParameter(
    preconditions.IF_MATCH,
    _TAGS,
    OpenApiParameter.HEADER,
    description="ETags of the resource as the caller has seen it: 412 with the ETag of now when it has changed since.",
)
UNCHANGED = OpenApiResponse(description="The caller has it already; see `If-None-Match`.")
DRY_RUN = OpenApiParameter(
    PARAMETER,
    OpenApiTypes.STR,
    OpenApiParameter.QUERY,
    enum=["0", "1", "false", "true"],
    description="1: change nothing and return 200 with the expected result and all errors. The Idempotency-Key "
    "is ignored.",
)


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
        return bulk_body(type(self.view)) if self._route == "post_bulk" else None

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


@cache
def forecast_out(own: type[serializers.Serializer[Any]] | None) -> type[serializers.Serializer[Any]]:
    """Return the schema of a dry run's answer, with a kind's own fields where it has some."""
    return ForecastOut if own is None else type(own.__name__, (own, ForecastOut), {})


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "apps.api.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """An API key made in the portal."""
        scheme: dict[str, Any] = build_bearer_security_scheme_object("Authorization", "Bearer")
        return scheme


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "apps.api.authentication.PortalSessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """The portal's own session, for its scripts."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
