"""What can carry an EIP: VMs now, gateways and load balancers later.

An app above registers each of its kinds twice: in its `slots.py`, `CARRIERS.fill(Carrier(…))`, which services and pages
read; and among its handlers, `@applies("<kind>", guest=…)` on what a worker calls. A kind that carries EIPs also

* holds them in the service that deletes a carrier (`services.carried.hold_eips`), as `also` of its operation;
* unbinds them in that operation's settle (`services.carried.unbind_all` or `release_all`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.lifecycle.actor import Actor
from apps.lifecycle.operation_context import OperationContext
from apps.lifecycle.slots import Slot
from apps.lifecycle.verbs import Text
from apps.network.models import Eip

#: EIPs that a carrier may have, by IP version.
MOST_OF_EACH: Mapping[int, int] = {4: 50, 6: 10}
#: Brings the network, or the guest, to the rows: to the EIPs that the carrier of this id has now. Safe to run again. A
#: carrier that is gone needs nothing. The operation holds the carrier.
Apply = Callable[[OperationContext, UUID], None]


def _never(carrier: Any) -> Text | None:
    return None


def _fits(carrier: Any, eip: Eip, delivery: str) -> Text | None:
    return None


def _no_reason(pk: UUID) -> Text:
    return ""


def _no_vpc(carrier: Any) -> Collection[UUID]:
    return ()


def _in_guest(carrier: Any) -> Eip.Delivery:
    return Eip.Delivery.GUEST


@dataclass(frozen=True)
class Carrier:
    """A kind that can carry EIPs.

    rows: those the actor may see, with what `obstacle` reads. obstacle: why none may be bound to one now. most: how
    many of each IP version. delivery: how an EIP reaches one, unless its owner says otherwise; why: what of the carrier
    (by its id) makes it so; deliveries: what is possible; unfit: why not for this EIP. vpcs: those it is in, whose
    subnets the EIP's segment may not overlap. egress: whether one of the EIPs is the default egress, which its owner
    may pick.
    """

    kind: str
    rows: Callable[[Actor], QuerySet[Any]]
    obstacle: Callable[[Any], Text | None] = _never
    most: Mapping[int, int] = field(default_factory=lambda: MOST_OF_EACH)
    delivery: Callable[[Any], Eip.Delivery] = _in_guest
    deliveries: tuple[Eip.Delivery, ...] = (Eip.Delivery.GUEST,)
    unfit: Callable[[Any, Eip, str], Text | None] = _fits
    why: Callable[[UUID], Text] = _no_reason
    vpcs: Callable[[Any], Collection[UUID]] = _no_vpc
    egress: bool = False


CARRIERS: Slot[Carrier] = Slot()


def _nothing(run: OperationContext, carrier: UUID) -> None:
    """A kind without a guest."""


@dataclass(frozen=True)
class Applier:
    """The two parts of a kind: its place in the network, and the guest behind it. A moved address is silent between."""

    network: Apply
    guest: Apply = _nothing


_appliers: dict[str, Applier] = {}


def carrier_of(kind: str) -> Carrier | None:
    """Return what is registered for a kind; None: it carries no EIPs."""
    return next((carrier for carrier in CARRIERS if carrier.kind == kind), None)


def carrier_kinds() -> list[str]:
    """Return the kinds that can carry EIPs."""
    return [carrier.kind for carrier in CARRIERS]


def limit_text(version: int, most: int) -> str:
    """Return how many EIPs of a version a carrier can have, for messages."""
    return _("%(most)s IPv%(version)s addresses") % {"most": most, "version": version}


def applies(kind: str, guest: Apply = _nothing) -> Callable[[Apply], Apply]:
    """Make the decorated function what workers call for the network of carriers of a kind, `guest` for their guests."""

    def bind(network: Apply) -> Apply:
        if kind in _appliers:
            raise ValueError(f"carriers of kind {kind} are applied twice")
        _appliers[kind] = Applier(network, guest)
        return network

    return bind


def applier_of(kind: str) -> Applier:
    """Return what applies carriers of a kind; KeyError when there is none. For handlers: all are loaded by then."""
    return _appliers[kind]
