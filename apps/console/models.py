"""The right to look at one screen once."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.lifecycle.models import OperationStatus

#: Once the screen is open, its credentials must be collected within this time.
COLLECT_WITHIN = timedelta(seconds=30)


class TicketKind(models.TextChoices):
    BROWSER = "browser", _("Browser")
    NATIVE = "native", _("VNC client")


#: From the collecting of the credentials, a connection must be made within this time.
LIFETIME = {TicketKind.BROWSER: timedelta(seconds=30), TicketKind.NATIVE: timedelta(seconds=300)}


def window(kind: str) -> timedelta:
    """How long the VM's VNC server must let a ticket of this kind in, counted from when it is told to."""
    return COLLECT_WITHIN + LIFETIME[TicketKind(kind)]


class TicketState(models.TextChoices):
    OPENING = "opening", _("Opening")
    READY = "ready", _("Ready")
    ISSUED = "issued", _("Issued")
    USED = "used", _("Used")
    EXPIRED = "expired", _("Expired")
    FAILED = "failed", _("Failed")


class ConsoleTicketQuerySet(models.QuerySet["ConsoleTicket"]):
    def alive(self) -> ConsoleTicketQuerySet:
        """Tickets that may still lead to a connection."""
        return self.filter(used_at__isnull=True, expires_at__gt=timezone.now())


class ConsoleTicket(models.Model):
    """One click on "Open console", good for one connection.

    The times are the state machine, each set once by a compare-and-set (services.py)::

        created ──worker──> opened ──owner──> issued ──proxy──> used
           expires_at: the verb's deadline, then COLLECT_WITHIN, then LIFETIME; past it the ticket is dead

    * opened: the worker has told the host to let `sealed_screen_password` in at `host:port`.
    * issued: its owner has got the token (browser) or address and password (native), which are not shown again.
    * used: the proxy has let a connection in.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    vm = models.ForeignKey("compute.Vm", models.CASCADE, related_name="console_tickets")
    kind = models.CharField(max_length=8, choices=TicketKind)
    # Whose it is: a user, in one login session or with one API key. It dies with any of them.
    user = models.ForeignKey("tenancy.User", models.CASCADE, related_name="+")
    session_hash = models.CharField(max_length=64, blank=True, default="")
    api_key = models.ForeignKey("tenancy.ApiKey", models.CASCADE, null=True, related_name="+")
    operation = models.ForeignKey("lifecycle.Operation", models.SET_NULL, null=True, related_name="+")

    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True)
    issued_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    # Towards the VM's VNC server. Never leaves the platform.
    host = models.CharField(max_length=255, blank=True, default="")
    port = models.PositiveIntegerField(default=0)
    sealed_screen_password = models.TextField(editable=False)
    # Towards the client: the hash of a browser's token; a native client's port at the proxy, and its password.
    token_hash = models.CharField(max_length=64, null=True, unique=True, editable=False)  # noqa: DJ001
    relay_port = models.PositiveIntegerField(null=True)
    sealed_password = models.TextField(blank=True, default="", editable=False)

    objects = ConsoleTicketQuerySet.as_manager()

    class Meta:
        verbose_name = _("console ticket")
        verbose_name_plural = _("console tickets")
        indexes = [
            # The proxy's look for native tickets that want a port.
            models.Index(
                fields=["opened_at"],
                condition=Q(kind=TicketKind.NATIVE, used_at__isnull=True),
                name="ticket_native",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.vm_id} ({self.state})"

    @property
    def state(self) -> TicketState:
        """Where the ticket stands."""
        if self.used_at:
            return TicketState.USED
        if self.operation and self.operation.status in (OperationStatus.FAILED, OperationStatus.CANCELLED):
            return TicketState.FAILED
        if self.expires_at <= timezone.now():
            return TicketState.EXPIRED
        if self.issued_at:
            return TicketState.ISSUED
        # A native ticket is of use only once the proxy listens for it.
        listening = self.kind == TicketKind.BROWSER or self.relay_port
        return TicketState.READY if self.opened_at and listening else TicketState.OPENING
