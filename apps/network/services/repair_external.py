"""What an administrator does to segments and EIPs whose rows and network differ, and to single addresses."""

from __future__ import annotations

from typing import cast

from django.utils.translation import gettext as _

from apps.accounts.acts import changes
from apps.lifecycle import push
from apps.lifecycle.bulk_insert import own_row
from apps.lifecycle.errors import Invalid
from apps.lifecycle.models import Operation
from apps.lifecycle.requests import Change
from apps.network.models import Eip, ExternalSegment, SegmentAddress
from apps.network.segment_plan import is_address
from apps.network.services.carrier_locks import BOUND_EIP, beside
from apps.network.services.eip_binding import former_carriers
from apps.network.services.external_segment import bump_network
from apps.network.services.segment_use import ensure_segment_unused
from apps.network.verbs.eip import EIP_FORCE_CLEAN, EIP_RESYNC
from apps.network.verbs.external_segment import SEGMENT_FORCE_CLEAN, SEGMENT_FREE_ADDRESS, SEGMENT_RESYNC
from apps.reconciliation.acts import repairs
from apps.reconciliation.usage import ensure_not_needed

resync_segment = repairs(SEGMENT_RESYNC)


@changes(SEGMENT_FORCE_CLEAN)
def force_clean_segment(change: Change[ExternalSegment]) -> Operation:
    """Remove a segment from database and network as far as possible. Raises InUse while something has an address."""
    segment = cast(ExternalSegment, own_row(change.row))
    ensure_segment_unused(segment)
    bump_network(segment.provider_network_id)
    return change.request()


@changes(SEGMENT_FREE_ADDRESS, shared=True)
def free_address(change: Change[ExternalSegment], *, address: str) -> ExternalSegment:
    """Let an address that is in conflict or in quarantine be given out again. Raises Invalid (field "address")."""
    segment = cast(ExternalSegment, own_row(change.row))
    held = SegmentAddress.objects.filter(segment=segment, holder__isnull=True)
    freed = held.filter(ip=address).delete()[0] if is_address(address) else 0
    if not freed:
        raise Invalid(
            {"address": [_("%(address)s has no conflict and is not in quarantine.") % {"address": address}]}
        )
    change.record(args={"address": address})
    push.resource_changed(segment)
    return segment


@BOUND_EIP.changes(EIP_RESYNC)
def resync_eip(change: Change[Eip]) -> Operation:
    """Make the network match the row, also of what the EIP was bound to before."""
    eip = change.row
    return change.request(also=beside(change, eip.carrier_id, *eip.leaving))


@BOUND_EIP.changes(EIP_FORCE_CLEAN)
def force_clean_eip(change: Change[Eip]) -> Operation:
    """Unbind an EIP as far as possible and release it, whatever state it is in. Raises InUse, Busy."""
    eip = change.row
    ensure_not_needed(eip)
    carriers = beside(change, eip.carrier_id, *eip.leaving)
    Eip.objects.filter(pk=eip.pk).update(
        carrier=None, bound_at=None, is_egress=False, leaving=former_carriers(eip)
    )
    return change.request(also=carriers)
