"""A VM's places in the fabric: its NICs' ports and its translated addresses. Safe to run again from the top."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from apps.drivers.errors import DriverError
from apps.drivers.fabric_errors import ADDRESS_IN_USE
from apps.drivers.protocols import Fabric
from apps.drivers.specs import ExternalPortSpec, PortSpec, TranslatedAddressSpec
from apps.network.egress import leaves_in_guest
from apps.network.external_specs import external_port_spec, in_guest, translated, translated_spec
from apps.network.models import Edge, Eip, Nic, NicRole
from apps.network.services.uplinks import ensure_uplink
from apps.network.specs import port_spec


def ensure_ports(
    fabric: Fabric,
    nics: Iterable[Nic],
    eips: Sequence[Eip],
    *,
    generation: int,
    untranslated: Collection[UUID] = (),
    own: UUID | None = None,
) -> None:
    """Make the ports of a VM as its rows say; `eips` are all those bound to it, the one bound first first.

    `untranslated`: EIPs that it may still have by one-to-one NAT, though not by its rows. `own`: the one that is being
    moved. Another one whose move has not reached its former carrier is left to its own operation: should the network
    refuse it, the VM gets all others.
    """
    nics = list(nics)
    try:
        _ensure_all(fabric, nics, eips, generation, untranslated)
    except DriverError as error:
        here = [eip for eip in eips if eip.pk == own or not eip.leaving]
        if error.code != ADDRESS_IN_USE or len(here) == len(eips):
            raise
        _ensure_all(fabric, nics, here, generation, untranslated)


def _ensure_all(
    fabric: Fabric,
    nics: Sequence[Nic],
    eips: Sequence[Eip],
    generation: int,
    untranslated: Collection[UUID],
) -> None:
    """An address is taken away where it was before it is given."""
    internal = [nic for nic in nics if nic.role == NicRole.INTERNAL]
    for nic in internal:
        default_route = not leaves_in_guest(eips)
        fabric.ensure(port_spec(nic, generation=generation, default_route=default_route))
    stay = translated(eips)
    for pk in sorted({*untranslated} - {eip.pk for eip in stay}):
        fabric.ensure_absent(TranslatedAddressSpec, str(pk))
    for nic in nics:
        if nic.role == NicRole.EXTERNAL:
            ensure_external_port(fabric, nic, eips, generation=generation)
    for eip in stay:
        _ensure_translated(fabric, internal, eip)


def ensure_external_port(fabric: Fabric, nic: Nic, eips: Sequence[Eip], *, generation: int) -> None:
    """Make the port of an external NIC. Without an address it needs none: the edge's network stays small."""
    here = in_guest(eips)
    if not here:
        fabric.ensure_absent(ExternalPortSpec, str(nic.pk))
        return
    edge = Edge.objects.get(segments=here[0].segment_id)
    fabric.ensure(external_port_spec(nic, edge, eips, generation=generation))


def ensure_ports_absent(fabric: Fabric, nics: Iterable[Nic], eips: Sequence[Eip]) -> None:
    """Remove the ports of a VM, and its addresses with them."""
    for eip in eips:
        fabric.ensure_absent(TranslatedAddressSpec, str(eip.pk))
    for nic in nics:
        kind = PortSpec if nic.role == NicRole.INTERNAL else ExternalPortSpec
        fabric.ensure_absent(kind, str(nic.pk))


def _ensure_translated(fabric: Fabric, internal: Sequence[Nic], eip: Eip) -> None:
    for nic in internal:
        inside = nic.ip if eip.version == 4 else nic.ip6
        if inside is None:
            continue  # refused when it was bound
        subnet = nic.its_subnet
        uplink = ensure_uplink(Edge.objects.get(segments=eip.segment_id), subnet.vpc_id)
        fabric.ensure(translated_spec(eip, subnet, str(inside), uplink))
