"""EIPs: applied for, changed and released. Binding is in `eip_binding.py`."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.accounts.access import allow
from apps.accounts.acts import renames, requested
from apps.accounts.labels import MAX_NAME, clean_labels
from apps.accounts.models import Project
from apps.accounts.references import chosen_project
from apps.infrastructure.regions import ensure_open
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.errors import Invalid
from apps.lifecycle.models import Operation
from apps.lifecycle.requests import Allowed, Change
from apps.lifecycle.usable import hold_for_use
from apps.network.models import Eip, ExternalSegment, SegmentAddress
from apps.network.selectors import usable_segments
from apps.network.services.carrier_locks import BOUND_EIP, beside
from apps.network.services.segment_addresses import hold_address
from apps.network.verbs.eip import (
    EIP_CREATE,
    EIP_DELETE,
    EIP_PICK_EGRESS,
    EIP_RENAME,
    EIP_RETRY,
    EIP_SET_BANDWIDTH,
)
from apps.quotas.services import reserve_quota

MOST_AT_ONCE = 10
#: Mbit/s of an EIP for which nothing was said; less where the segment's ceiling is lower.
DEFAULT_MBIT = 100


@serves(EIP_CREATE)
@transaction.atomic
def create_eips(
    actor: Actor,
    *,
    segment: UUID,
    name: str,
    address: str = "",
    mbit: int | None = None,
    count: int = 1,
    project: UUID | None = None,
    description: str = "",
) -> list[Operation]:
    """Apply for `count` addresses of a segment, or for `address`; each is settled by an operation of its own.

    Raises Invalid, Forbidden, NotNow, QuotaExceeded, Refused `address.taken` and `segment.full`; then nothing is made.
    """
    into = chosen_project(actor, project)
    allowed = allow(actor, EIP_CREATE, project=into, tenant_id=into.tenant_id)
    where = chosen_segment(actor, into, segment)
    if address and count != 1:
        raise Invalid({"count": [_("Only one EIP can be created with a chosen address.")]})
    speed = checked_mbit(mbit, where)
    names, description = _names_of(name, description, count)
    hold_for_use(where)
    ensure_permitted(where, into)
    reserve_quota(into.tenant_id, {"eip": count})
    return [add_eip(allowed, into, where, each, speed, address, description) for each in names]


def add_eip(
    allowed: Allowed,
    project: Project,
    segment: ExternalSegment,
    name: str,
    mbit: int,
    address: str = "",
    description: str = "",
) -> Operation:
    """Insert and request an EIP (`allowed` is EIP_CREATE). Its quota is reserved and the segment locked."""
    eip = Eip(
        kind="eip",
        name=name,
        description=description,
        tenant_id=project.tenant_id,
        project=project,
        region_id=segment.region_id,
        segment=segment,
        mbit=mbit,
    )
    eip.save(force_insert=True)
    held = hold_address(segment, eip, SegmentAddress.Use.EIP, address or None)
    if address:
        Eip.objects.filter(pk=eip.pk).update(chosen=str(held.ip))
    return allowed.request(eip, args={"segment": str(segment.pk), "address": str(held.ip)})


def chosen_segment(actor: Actor, project: Project, pk: UUID) -> ExternalSegment:
    """Return the segment, if the project's tenant may use it. Raises Invalid (field "segment")."""
    rows: QuerySet[ExternalSegment] = usable_segments(project.tenant_id)
    found = rows.filter(pk=pk).first()
    if found is None:
        raise _not_found()
    ensure_open(actor, found.region, "segment")
    return found


def ensure_permitted(segment: ExternalSegment, project: Project, field: str = "segment") -> None:
    """Raise Invalid at `field` if the tenant lost access while the segment was waited for. Call under its lock."""
    if not usable_segments(project.tenant_id).filter(pk=segment.pk).exists():
        raise _not_found(field)


def _not_found(field: str = "segment") -> Invalid:
    return Invalid({field: [_("Segment not found, or you have no access to it.")]})


def checked_mbit(mbit: int | None, segment: ExternalSegment, field: str = "mbit") -> int:
    """Return the bandwidth of an address of the segment. Raises Invalid at `field` for one above its ceiling."""
    if mbit is None:
        return min(DEFAULT_MBIT, segment.ceiling_mbit)
    if not 1 <= mbit <= segment.ceiling_mbit:
        text = _("1 to %(most)s Mbit/s in this segment.") % {"most": f"{segment.ceiling_mbit:,}"}
        raise Invalid({field: [text]})
    return mbit


retry_eip = requested(EIP_RETRY)
rename_eip = renames(EIP_RENAME)


@BOUND_EIP.changes(EIP_SET_BANDWIDTH)
def set_bandwidth(change: Change[Eip], *, mbit: int) -> Operation:
    """Set the bandwidth of an EIP, bound or not. Raises Invalid, Busy."""
    eip = change.row
    speed = checked_mbit(mbit, eip.segment)
    Eip.objects.filter(pk=eip.pk).update(mbit=speed)
    change.bump()
    return change.request(args={"mbit": speed}, also=beside(change, eip.carrier_id, *eip.leaving))


@BOUND_EIP.changes(EIP_PICK_EGRESS)
def pick_egress(change: Change[Eip]) -> Operation:
    """Make a bound EIP the default egress of its carrier, in place of the one of its IP version. Raises Busy."""
    eip = change.row  # under its carrier's lock: of two picks at once the later one stays
    same = Eip.objects.filter(carrier=eip.carrier_id, segment__cidr__family=eip.version)
    same.filter(is_egress=True).update(is_egress=False)
    Eip.objects.filter(pk=eip.pk).update(is_egress=True)
    change.bump()
    return change.request(also=beside(change, eip.carrier_id, *eip.leaving))


@BOUND_EIP.changes(EIP_DELETE)
def release_eip(change: Change[Eip]) -> Operation:
    """Give back an unbound EIP; its address is in quarantine for a while."""
    return change.request(also=beside(change, *change.row.leaving))


def _names_of(name: str, description: str, count: int) -> tuple[list[str], str]:
    """Return the names of `count` EIPs (several get -1, -2 …) and their description. Raises Invalid."""
    if not 1 <= count <= MOST_AT_ONCE:
        raise Invalid({"count": [_("1 to %(most)s at a time.") % {"most": MOST_AT_ONCE}]})
    name, description = clean_labels(name, description)
    names = [name] if count == 1 else [f"{name}-{number}" for number in range(1, count + 1)]
    if len(names[-1]) > MAX_NAME:
        raise Invalid({"name": [_("At most %(n)s characters, including the numbers.") % {"n": MAX_NAME}]})
    return names, description
