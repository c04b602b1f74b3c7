"""The default network of a project in the API."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.access import ensure_may, visible_projects
from apps.api.base import ApiView
from apps.api.idempotency import once
from apps.api.parameters import KEY
from apps.api.problem_out import PROBLEM
from apps.api.representation import OperationOut
from apps.api.transactions import answered_in_one_transaction
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import NotFound
from apps.network.services.default_network import make_default_network
from apps.network.verbs import DEFAULT_NETWORK_CREATE


class DefaultNetworkBody(serializers.Serializer[Any]):
    region = serializers.SlugField(
        max_length=32,
        required=False,
        allow_null=True,
        default=None,
        help_text="Name of a region; by default every open one in which the project has no VPC.",
    )


class DefaultNetworkOut(serializers.Serializer[Any]):
    operations = OperationOut(many=True)


class DefaultNetworkApi(ApiView):
    """A VPC with a subnet, and a security group, for a project that has none."""

    @extend_schema(
        operation_id="create_default_network",
        tags=["Projects"],
        summary="Create the default network",
        parameters=[KEY],
        request=DefaultNetworkBody,
        responses={202: DefaultNetworkOut, 403: PROBLEM, 404: PROBLEM, 409: PROBLEM, 422: PROBLEM},
    )
    @answered_in_one_transaction
    def post(self, request: Request, key: UUID) -> Response:
        """Create it: where quota did not suffice when the account was created, or after it was deleted."""
        actor = cast(Actor, request._request.actor)  # type: ignore[attr-defined]
        project = visible_projects(actor).filter(uid=key).first()
        if project is None:
            raise NotFound(_("Project not found."))
        ensure_may(actor, DEFAULT_NETWORK_CREATE, project.pk, project.tenant_id)
        body = self.read(DefaultNetworkBody)
        return once(
            request,
            DEFAULT_NETWORK_CREATE,
            lambda: make_default_network(actor, project=key, **body),
            lambda made: Response({"operations": [OperationOut.own(each) for each in made]}, status=202),
        )
