"""Tickets over the API. The console page uses these endpoints, too."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.access import get_visible
from apps.api.idempotency import once
from apps.api.parameters import KEY
from apps.api.problem_out import PROBLEM
from apps.api.reading import NoBody
from apps.api.representation import ErrorOut, OperationOut, Out, moment
from apps.api.transactions import answered_in_one_transaction
from apps.api.views import ObjectApi
from apps.compute.models import Vm
from apps.console import selectors, services
from apps.console.addresses import websocket_url
from apps.console.models import ConsoleTicket, TicketKind, TicketState
from apps.console.verbs import VM_CONSOLE
from apps.lifecycle.actor import Actor


class TicketBody(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(
        choices=TicketKind.choices,
        default=TicketKind.BROWSER,
        help_text="browser: WebSocket with RFB. native: address, port and password for a VNC client.",
    )


class TicketOut(Out):
    id = serializers.UUIDField()
    vm = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=TicketKind.choices)
    state = serializers.ChoiceField(choices=TicketState.choices)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(help_text="Expiry time, unless the next step is taken before.")
    error = ErrorOut(allow_null=True, help_text="Cause of the failure.")

    @staticmethod
    def own(row: ConsoleTicket) -> dict[str, Any]:
        """Return the ticket's values."""
        return {
            "id": str(row.pk),
            "vm": str(row.vm_id),
            "kind": row.kind,
            "state": row.state,
            "created_at": moment(row.created_at),
            "expires_at": moment(row.expires_at),
            "error": (row.operation.error or None) if row.operation else None,
        }


class CredentialsOut(serializers.Serializer[Any]):
    """Browser tickets have `websocket`; native tickets have the other three fields."""

    kind = serializers.ChoiceField(choices=TicketKind.choices)
    expires_at = serializers.DateTimeField(help_text="The credentials expire at this time.")
    websocket = serializers.CharField(allow_null=True, help_text="Valid for one connection.")
    address = serializers.CharField(allow_null=True)
    port = serializers.IntegerField(allow_null=True)
    password = serializers.CharField(
        allow_null=True, help_text="Valid for one connection. Not returned again."
    )


class ConsoleTicketApi(ObjectApi):
    """Access to a VM's console for one connection: request a ticket, wait until it is ready, get its
    credentials, connect.

    A ticket belongs to the API key (or the login session) it was requested with and shows up for no other.
    """

    model = ConsoleTicket
    out = TicketOut

    def visible(self, actor: Actor) -> QuerySet[ConsoleTicket]:
        """Return the asker's own tickets."""
        return selectors.own_tickets(actor)

    @extend_schema(
        operation_id="open_vm_console",
        tags=["Vms"],
        summary="Console: virtual machine",
        description="Request a ticket for the VM's console. Possible once the VM has been started.",
        parameters=[KEY],
        request=TicketBody,
        responses={
            202: inline_serializer("ConsoleAccepted", {"operation": OperationOut(), "ticket": TicketOut()}),
            403: PROBLEM,
            404: PROBLEM,
            409: PROBLEM,
            422: PROBLEM,
        },
    )
    @answered_in_one_transaction
    def post_console(self, request: Request, key: UUID) -> Response:
        """Ask for a ticket."""
        body = self.read(TicketBody)
        vm = get_visible(self.actor, Vm.objects.all(), key)
        return once(
            request,
            VM_CONSOLE,
            lambda: services.open_console(self.actor, vm, kind=body["kind"], session_key=self._session_key()),
            self._opened,
            where=vm,
        )

    def _opened(self, ticket: ConsoleTicket) -> Response:
        assert ticket.operation is not None
        return Response(
            {"operation": OperationOut.own(ticket.operation), "ticket": TicketOut.own(ticket)},
            status=202,
            headers={"Location": reverse("api:console-tickets-one", args=[ticket.pk])},
        )

    @extend_schema(
        operation_id="collect_console_ticket",
        tags=["Console tickets"],
        summary="Get the credentials of a ticket, once",
        description="409 console.not_ready while the console is opening; console.already_issued, "
        "console.expired or console.failed when the credentials are not available any more.",
        request=None,
        responses={200: OpenApiResponse(CredentialsOut), 404: PROBLEM, 409: PROBLEM},
    )
    @answered_in_one_transaction
    def post_credentials(self, request: Request, key: UUID) -> Response:
        """Give out the credentials. Never kept for an idempotency key: they are secrets."""
        self.read(NoBody)
        given = services.collect(self.actor, key, session_key=self._session_key())
        return Response(
            {
                "kind": given.kind,
                "expires_at": moment(given.expires_at),
                "websocket": websocket_url(request._request, given.token) if given.token else None,
                "address": given.address or None,
                "port": given.port or None,
                "password": given.password or None,
            },
            headers={"Cache-Control": "no-store"},
        )

    def _session_key(self) -> str:
        """The login session the ticket is tied to; an API key has none."""
        if self.actor.api_key is not None:
            return ""
        return self.request.session.session_key or ""
