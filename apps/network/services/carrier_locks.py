"""Starting a verb on an EIP or an elastic NIC: the carriers and VMs are locked first."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy

from apps.accounts.bound import BoundKind, busy_with
from apps.lifecycle.legality import holding
from apps.lifecycle.models import Resource
from apps.lifecycle.requests import Change, takes_turns
from apps.network.models import Eip, Eni


def _carriers(eip: Eip) -> set[UUID]:
    return {pk for pk in (eip.carrier_id, *eip.leaving) if pk is not None}


def _vms(eni: Eni) -> set[UUID]:
    return {pk for pk in (eni.vm_id, eni.next_vm_id) if pk is not None}


BOUND_EIP = BoundKind(Eip, _carriers, "carrier", gettext_lazy("The EIP was changed at the same time."))
BOUND_ENI = BoundKind(Eni, _vms, "vm", gettext_lazy("The elastic NIC was changed at the same time."))


def beside(change: Change[Any], *ids: UUID | None) -> list[Resource]:
    """Return the carriers that an operation holds as well, of those that still exist; they are locked.

    Raises Busy if another operation holds one, unless both take turns.
    """
    carriers = list(Resource.objects.filter(pk__in=[pk for pk in ids if pk is not None]).order_by("pk"))
    for carrier in carriers:
        held = holding([carrier])
        if takes_turns(change.verb, change.row, held):
            continue
        for operation in held:
            if operation.target_id != change.row.pk:
                raise busy_with(carrier, operation)
    return carriers
