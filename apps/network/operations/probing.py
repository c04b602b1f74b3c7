"""Asking the wire: whether something answers at an address that the platform has given to nobody."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext_noop as _

from apps.drivers.errors import DriverError
from apps.drivers.specs import FoundAddress
from apps.infrastructure import backends
from apps.infrastructure.selectors import host_in_reach
from apps.lifecycle.errors import Refused
from apps.lifecycle.models import Resource
from apps.lifecycle.operation_context import OperationContext
from apps.network.models import ExternalSegment, ProviderNetwork, SegmentAddress
from apps.network.services.segment_addresses import hold_address, note_conflict

#: So many addresses that answer are met in a row before a segment is taken for wrongly set up.
MOST_CONFLICTS = 8


def probe(run: OperationContext, network: ProviderNetwork, addresses: Sequence[str]) -> dict[str, str]:
    """Return which of the addresses answer on a provider network, with the MAC of each that does."""
    host = host_in_reach(network.edge.region_id)
    if host is None:
        raise DriverError(
            _("No host in region %(region)s is reachable."),
            values={"region": network.edge.region},
            code="host.unreachable",
            hint=_("Check that the hosts are up and their agents are running."),
        )
    hypervisor = backends.hypervisor(host, run)
    found: Sequence[FoundAddress] = hypervisor.probe_addresses(
        network.physical_network, network.vlan, tuple(addresses)
    )
    return {each.ip: each.mac for each in found}


def ensure_free_address(
    run: OperationContext, holder: Resource, segment: ExternalSegment, use: SegmentAddress.Use, chosen: str
) -> str:
    """Return the address of `holder`, of which it is known that nothing answers at it.

    One that answers becomes a conflict for the administrator and another one is taken; of a `chosen` one this fails.
    """
    for _attempt in range(MOST_CONFLICTS):
        run.check()
        address = _held(holder, segment, use, chosen)
        run.step(_("Checking that nothing answers at %(address)s"), 40, address=address)
        mac = probe(run, segment.provider_network, [address]).get(address)
        if mac is None:
            return address
        run.guard()
        note_conflict(holder, mac)
        run.step(_("Another machine answers at %(address)s (%(mac)s)."), address=address, mac=mac)
        if chosen:
            raise _answers(address, mac)
    raise DriverError(
        _("Other machines answer at %(count)s addresses of segment %(name)s."),
        values={"count": MOST_CONFLICTS, "name": segment.name},
        code="segment.conflicts",
        permanent=True,
        hint=_("Ask an administrator to check the ranges of the segment."),
    )


def _held(holder: Resource, segment: ExternalSegment, use: SegmentAddress.Use, chosen: str) -> str:
    """Return the address that `holder` has, or give it one."""
    with transaction.atomic():
        # What EIPs are created under: only one may look for a free address of a segment at a time.
        list(Resource.objects.filter(pk=segment.pk).select_for_update(no_key=True).values_list("pk"))
        held = SegmentAddress.objects.filter(holder_id=holder.pk).first()
        if held is not None:
            return str(held.ip)
        try:
            return str(hold_address(segment, holder, use, chosen or None).ip)
        except Refused as error:
            raise DriverError(error.message, code=error.code, permanent=True, hint=error.hint) from None


def _answers(address: str, mac: str) -> DriverError:
    return DriverError(
        _("Another machine answers at %(address)s (%(mac)s)."),
        values={"address": address, "mac": mac},
        code="address.conflict",
        permanent=True,
        hint=_(
            "Delete this resource and create it with another address, or ask an administrator to "
            "remove that machine."
        ),
    )
