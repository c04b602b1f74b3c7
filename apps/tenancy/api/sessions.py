"""One's own sessions. Keys may read them; only a person ends them."""

from __future__ import annotations

from typing import Any, cast

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.models import Session
from apps.accounts.rights import Rights
from apps.accounts.sessions import browser_name
from apps.accounts.verbs import SESSION_END
from apps.api.base import ApiView
from apps.api.declarations import Action
from apps.api.dry_run import PARAMETER, is_dry_run
from apps.api.paging import CursorPages
from apps.api.problem_out import PROBLEM
from apps.api.reading import NoBody
from apps.api.representation import Out, moment
from apps.api.transactions import answered_in_one_transaction
from apps.api.views import ObjectApi
from apps.lifecycle.actor import Actor
from apps.tenancy.services.holding import hold_user
from apps.tenancy.services.sessions import end_other_sessions, end_session, visible_sessions


class SessionPages(CursorPages):
    """Latest first. The primary key is what the browser's cookie holds: it must not stand in a cursor."""

    ordering = ("-expire_date",)
    tie_breaker = "uid"


class SessionOut(Out):
    id = serializers.UUIDField()
    browser = serializers.CharField()
    ip = serializers.CharField(allow_null=True)
    method = serializers.CharField(
        help_text="How its user logged in: password, passkey, app, … with + between."
    )
    began_at = serializers.DateTimeField(allow_null=True)
    seen_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField()
    current = serializers.BooleanField(help_text="Whether it is the one this request was made in.")

    @classmethod
    def represent(cls, row: Session, rights: Rights) -> dict[str, Any]:
        """Return the session; never its key."""
        return cls._checked(
            {
                "id": str(row.uid),
                "browser": browser_name(row.user_agent),
                "ip": row.ip,
                "method": row.method,
                "began_at": moment(row.began_at),
                "seen_at": moment(row.seen_at),
                "expires_at": moment(row.expire_date),
                "current": row.uid == rights.actor.session,
            }
        )


class SessionsApi(ObjectApi):
    """Browsers in which the caller is logged in. No API key ends one."""

    model = Session
    out = SessionOut
    key = "uid"
    pagination_class = SessionPages
    sorts = {"began": "began_at", "seen": "seen_at", "ip": "ip"}
    delete = Action(SESSION_END, adapter=end_session, immediate=True, bulk=False)

    def locked(self, row: Session) -> None:
        """Lock the session's user, as every change of sessions does first."""
        if row.user is not None:
            hold_user(row.user)

    def visible(self, actor: Actor) -> QuerySet[Session]:
        """Return the caller's own sessions."""
        return visible_sessions(actor)


class EndedOut(serializers.Serializer[Any]):
    ended = serializers.IntegerField(help_text="How many sessions were ended.")


class EndOtherSessions(ApiView):
    """All of the caller's sessions but the present one."""

    query = {"post": {PARAMETER: False}}

    @extend_schema(
        operation_id="end_other_sessions",
        tags=["Sessions"],
        summary="End all other sessions",
        request=None,
        responses={200: EndedOut, 403: PROBLEM},
    )
    @answered_in_one_transaction
    def post(self, request: Request) -> Response:
        """End them; API keys stay."""
        is_dry_run(request, offered=False)
        self.read(NoBody)
        actor = cast(Actor, request._request.actor)  # type: ignore[attr-defined]
        return Response({"ended": end_other_sessions(actor)})
