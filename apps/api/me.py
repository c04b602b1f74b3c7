"""Who the caller is."""

from __future__ import annotations

from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.api.representation import ReferenceOut
from apps.lifecycle.actor import Actor
from apps.tenancy.access import visible_projects


class MeOut(serializers.Serializer[Any]):
    username = serializers.CharField()
    is_platform_admin = serializers.BooleanField()
    is_tenant_owner = serializers.BooleanField()
    tenant = ReferenceOut(allow_null=True)
    projects = ReferenceOut(many=True)
    api_key = serializers.CharField(allow_null=True, help_text="Name of the key used.")
    scope = serializers.CharField(help_text="read or write")


class Me(APIView):
    """The caller: account, tenant, projects in view, and the key used."""

    @extend_schema(operation_id="get_me", tags=["Me"], summary="Who the caller is", responses=MeOut)
    def get(self, request: Request) -> Response:
        """Answer for the present credentials."""
        actor = cast(Actor, request._request.actor)  # type: ignore[attr-defined]
        assert actor.user is not None
        projects = visible_projects(actor) if actor.tenant else []
        return Response(
            {
                "username": actor.user.username,
                "is_platform_admin": actor.user.is_platform_admin,
                "is_tenant_owner": actor.user.is_tenant_owner,
                "tenant": {"id": str(actor.tenant.uid), "name": actor.tenant.name} if actor.tenant else None,
                "projects": [{"id": str(p.uid), "name": p.name} for p in projects],
                "api_key": actor.api_key.name if actor.api_key else None,
                "scope": actor.api_key.scope if actor.api_key else "write",
            }
        )
