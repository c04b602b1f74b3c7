"""Quotas in the API: one's own, and for admins those of any tenant."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, cast
from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.models import Tenant
from apps.accounts.selectors import visible_tenants
from apps.api.base import ApiView
from apps.api.bodies import NamedNumbers
from apps.api.conditional import ensure_unchanged, with_etag
from apps.api.parameters import UNCHANGED, UNLESS_CHANGED, UNLESS_KNOWN
from apps.api.problem_out import PROBLEM
from apps.api.reading import NoBody
from apps.api.transactions import answered_in_one_transaction
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import NotFound
from apps.quotas.recount import recount_now
from apps.quotas.selectors import uses_of
from apps.quotas.services import hold_limits, set_limits


class QuotaOut(serializers.Serializer[Any]):
    metric = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # shadows the serializer's own, which is not used
    unit = serializers.CharField(help_text="Empty for counts.")
    limit = serializers.IntegerField()
    used = serializers.IntegerField()
    over = serializers.BooleanField(help_text="Usage exceeds the limit, which was lowered later.")


class QuotasOut(serializers.Serializer[Any]):
    quotas = QuotaOut(many=True)


class LimitsBody(serializers.Serializer[Any]):
    limits = NamedNumbers(help_text="Limit per metric.")


def _answer(actor: Actor, tenant: Tenant) -> Response:
    uses = uses_of(actor, tenant)
    return Response(
        {
            "quotas": [
                {
                    "metric": use.metric.name,
                    "label": str(use.metric.label),
                    "unit": use.metric.unit,
                    "limit": use.limit,
                    "used": use.used,
                    "over": use.over,
                }
                for use in uses
            ]
        }
    )


def _actor(request: Request) -> Actor:
    return cast(Actor, request._request.actor)  # type: ignore[attr-defined]


class DifferenceOut(serializers.Serializer[Any]):
    metric = serializers.CharField()
    used = serializers.IntegerField(help_text="Usage before recalculation.")
    exists = serializers.IntegerField(help_text="Usage after recalculation.")


class RecountOut(serializers.Serializer[Any]):
    repaired = DifferenceOut(many=True)


class OwnQuotas(ApiView):
    @extend_schema(
        operation_id="list_quotas",
        tags=["Quotas"],
        summary="Limits and usage of the own tenant",
        parameters=[UNLESS_KNOWN],
        responses={200: QuotasOut, 304: UNCHANGED, 404: PROBLEM, 422: PROBLEM},
    )
    def get(self, request: Request) -> Response:
        """Read the quotas of the current tenant; administrators use the tenant's path."""
        actor = _actor(request)
        if actor.tenant is None:
            raise NotFound(_("You are not acting as a tenant."), hint=_("Use /api/v1/tenants/<id>/quotas."))
        return with_etag(request, _answer(actor, actor.tenant))


class TenantQuotas(ApiView):
    conditional = frozenset({"patch"})

    @extend_schema(
        operation_id="get_tenant_quotas",
        tags=["Quotas"],
        summary="Limits and usage of a tenant",
        parameters=[UNLESS_KNOWN],
        responses={200: QuotasOut, 304: UNCHANGED, 404: PROBLEM, 422: PROBLEM},
    )
    def get(self, request: Request, key: UUID) -> Response:
        """Read."""
        return with_etag(request, _answer(_actor(request), _tenant(_actor(request), key)))

    @extend_schema(
        operation_id="set_tenant_quotas",
        tags=["Quotas"],
        summary="Set limits of a tenant",
        request=LimitsBody,
        parameters=[UNLESS_CHANGED],
        responses={200: QuotasOut, 403: PROBLEM, 404: PROBLEM, 412: PROBLEM, 422: PROBLEM},
    )
    @answered_in_one_transaction
    def patch(self, request: Request, key: UUID) -> Response:
        """Set the given limits; administrators only. A limit below current usage only refuses new resources."""
        body = self.read(LimitsBody, partial=True)
        tenant = _tenant(_actor(request), key)
        actor = _actor(request)
        ensure_unchanged(request, lambda: hold_limits(actor, tenant), lambda: _answer(actor, tenant))
        set_limits(actor, tenant, body.get("limits", {}))
        return with_etag(request, _answer(actor, tenant))


class TenantRecount(ApiView):
    @extend_schema(
        operation_id="recount_tenant_quotas",
        tags=["Quotas"],
        summary="Recalculate a tenant's usage",
        request=None,
        responses={200: RecountOut, 403: PROBLEM, 404: PROBLEM},
    )
    @answered_in_one_transaction
    def post(self, request: Request, key: UUID) -> Response:
        """Compare counted usage with existing resources, correct it and return the differences; administrators only."""
        actor = _actor(request)
        self.read(NoBody)
        differences = recount_now(actor, _tenant(actor, key))
        return Response({"repaired": [asdict(difference) for difference in differences]})


def _tenant(actor: Actor, key: UUID) -> Tenant:
    tenant = visible_tenants(actor).filter(uid=key).first()
    if tenant is None:
        raise NotFound(_("Tenant not found."))
    return tenant
