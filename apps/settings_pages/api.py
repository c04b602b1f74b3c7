"""/api/v1/settings: for administrators."""

from __future__ import annotations

from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.base import ApiView
from apps.api.bodies import NamedValues
from apps.api.conditional import ensure_unchanged, with_etag
from apps.api.parameters import UNCHANGED, UNLESS_CHANGED, UNLESS_KNOWN
from apps.api.problem_out import PROBLEM
from apps.api.representation import moment
from apps.api.transactions import answered_in_one_transaction
from apps.lifecycle.actor import Actor
from apps.settings_pages.selectors import Shown, visible_settings
from apps.settings_pages.services import change_settings, hold_settings


class SettingOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    group = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # shadows the serializer's own, which is not used
    help = serializers.CharField()
    unit = serializers.CharField(help_text="Empty if there is none.")
    value = serializers.JSONField(help_text="Number, flag, text, or time in ISO 8601.")
    default = serializers.JSONField()
    changed_by = serializers.CharField(help_text="Empty if the default is used.")
    changed_at = serializers.DateTimeField(allow_null=True)


class SettingsOut(serializers.Serializer[Any]):
    settings = SettingOut(many=True)


class SettingsBody(serializers.Serializer[Any]):
    settings = NamedValues(help_text="Value per name; null restores the default.")


def _out(shown: Shown) -> dict[str, Any]:
    setting = shown.setting
    return {
        "name": setting.name,
        "group": str(setting.group),
        "label": str(setting.label),
        "help": str(setting.help),
        "unit": str(setting.unit),
        "value": setting.dump(shown.value),
        "default": setting.dump(setting.default_value()),
        "changed_by": shown.changed_by,
        "changed_at": moment(shown.changed_at),
    }


def _answer(actor: Actor) -> Response:
    return Response({"settings": [_out(shown) for shown in visible_settings(actor)]})


def _actor(request: Request) -> Actor:
    return cast(Actor, request._request.actor)  # type: ignore[attr-defined]


class SettingsApi(ApiView):
    conditional = frozenset({"patch"})

    @extend_schema(
        operation_id="list_settings",
        tags=["Settings"],
        summary="Settings of the platform",
        parameters=[UNLESS_KNOWN],
        responses={200: SettingsOut, 304: UNCHANGED, 403: PROBLEM, 422: PROBLEM},
    )
    def get(self, request: Request) -> Response:
        """Read all settings with their defaults and who changed them, for administrators."""
        return with_etag(request, _answer(_actor(request)))

    @extend_schema(
        operation_id="change_settings",
        tags=["Settings"],
        summary="Change settings of the platform",
        request=SettingsBody,
        parameters=[UNLESS_CHANGED],
        responses={200: SettingsOut, 403: PROBLEM, 412: PROBLEM, 422: PROBLEM},
    )
    @answered_in_one_transaction
    def patch(self, request: Request) -> Response:
        """Set the given values, all or none. They take effect within two seconds."""
        body = self.read(SettingsBody, partial=True)
        actor = _actor(request)
        ensure_unchanged(request, lambda: hold_settings(actor), lambda: _answer(actor))
        change_settings(actor, body.get("settings", {}))
        return with_etag(request, _answer(actor))
