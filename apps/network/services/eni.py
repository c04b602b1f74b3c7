"""Elastic NICs: created, changed and deleted. Binding is in `apps.compute.services.eni_binding`."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.access import allow, visible
from apps.accounts.acts import changes, renames, requested
from apps.accounts.labels import clean_labels
from apps.accounts.models import Project
from apps.accounts.references import chosen_project
from apps.infrastructure.regions import ensure_one_region, ensure_open
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.errors import Invalid
from apps.lifecycle.models import Operation
from apps.lifecycle.requests import Change
from apps.lifecycle.usable import hold_for_use
from apps.network.models import Eni, ExternalSegment, Nic, NicRole, SecurityGroup, SegmentAddress, Subnet
from apps.network.segment_plan import MOST_MBIT
from apps.network.services.addresses import allocate_nic
from apps.network.services.eip import DEFAULT_MBIT, chosen_segment, ensure_permitted
from apps.network.services.nic import bindable_group
from apps.network.services.segment_addresses import hold_address
from apps.network.verbs.eni import (
    ENI_CREATE,
    ENI_DELETE,
    ENI_RENAME,
    ENI_RETRY,
    ENI_SET_BANDWIDTH,
    ENI_SET_SECURITY_GROUP,
)
from apps.quotas.services import reserve_quota


@serves(ENI_CREATE)
@transaction.atomic
def create_eni(
    actor: Actor,
    *,
    name: str,
    subnet: UUID | None = None,
    segment: UUID | None = None,
    address: str = "",
    address6: str = "",
    security_group: UUID | None = None,
    mbit_in: int | None = None,
    mbit_out: int | None = None,
    project: UUID | None = None,
    description: str = "",
) -> Operation:
    """Create an elastic NIC in a subnet, or in an external segment, with `address` or any free one.

    `address6`: of one in a subnet with an IPv6 prefix, by default the one that goes with its IPv4 address.
    Bandwidth by default: unlimited in a subnet, as for an EIP in a segment. Raises Invalid, Forbidden, NotNow,
    QuotaExceeded and what giving out the address raises; then nothing is made.
    """
    into = chosen_project(actor, project)
    allowed = allow(actor, ENI_CREATE, project=into, tenant_id=into.tenant_id)
    where = _place(actor, into, subnet, segment)
    group = _group(actor, into, security_group)
    speeds = checked_speeds(where, mbit_in, mbit_out)
    name, description = clean_labels(name, description)
    if group is not None:
        ensure_one_region(where, group, field="security_group")
    hold_for_use(where, *([group] if group is not None else []))
    if isinstance(where, ExternalSegment):
        ensure_permitted(where, into)
    reserve_quota(into.tenant_id, {"eni": 1})
    eni = Eni(
        kind="eni",
        name=name,
        description=description,
        tenant_id=into.tenant_id,
        project=into,
        region_id=where.region_id,
        segment=where if isinstance(where, ExternalSegment) else None,
    )
    eni.save(force_insert=True)
    held = _add_nic(eni, where, group, (address.strip(), address6.strip()), speeds)
    return allowed.request(eni, args={"in": str(where.pk), "address": held})


def _add_nic(
    eni: Eni,
    where: Subnet | ExternalSegment,
    group: SecurityGroup | None,
    addresses: tuple[str, str],
    speeds: tuple[int, int],
) -> str:
    """Insert the NIC of a new one, give it the addresses and return them. `where` and `group` are held."""
    address, address6 = addresses
    if isinstance(where, Subnet):
        nic = allocate_nic(
            where,
            eni,
            security_group=group,
            address=address or None,
            address6=address6,
            role=NicRole.ELASTIC,
            held=True,
        )
        Nic.objects.filter(pk=nic.pk).update(mbit_in=speeds[0], mbit_out=speeds[1])
        return ", ".join(nic.ips)
    if address6:
        raise Invalid({"address6": [_("Only in a subnet.")]})
    nic = Nic(owner_id=eni.pk, role=NicRole.ELASTIC, security_group=group)
    nic.mbit_in, nic.mbit_out = speeds
    nic.save(force_insert=True)
    held = hold_address(where, eni, SegmentAddress.Use.ENI, address or None)
    if address:
        Eni.objects.filter(pk=eni.pk).update(chosen=str(held.ip))
    return str(held.ip)


def checked_speeds(
    where: Subnet | ExternalSegment, mbit_in: int | None, mbit_out: int | None
) -> tuple[int, int]:
    """Return what an elastic NIC there receives and sends. Raises Invalid at the fields "mbit_in", "mbit_out"."""
    if isinstance(where, ExternalSegment):
        least, most, usual = 1, where.ceiling_mbit, min(DEFAULT_MBIT, where.ceiling_mbit)
        text = _("1 to %(most)s Mbit/s in this segment.")
    else:
        least, most, usual = 0, MOST_MBIT, 0
        text = _("0 (unlimited) to %(most)s Mbit/s.")
    given = {"mbit_in": mbit_in, "mbit_out": mbit_out}
    found = {field: usual if value is None else value for field, value in given.items()}
    message = text % {"most": f"{most:,}"}
    if wrong := {field: [message] for field, value in found.items() if not least <= value <= most}:
        raise Invalid(wrong)
    return found["mbit_in"], found["mbit_out"]


retry_eni = requested(ENI_RETRY)
rename_eni = renames(ENI_RENAME)
delete_eni = requested(ENI_DELETE)


@changes(ENI_SET_SECURITY_GROUP)
def set_security_group(change: Change[Eni], *, security_group: UUID | None) -> Operation:
    """Give an elastic NIC another group, or none (then nothing is filtered), bound or not.

    Raises NotFound, NotNow, Busy and Refused `region.mismatch`.
    """
    eni = change.row
    group = bindable_group(change.actor, eni, security_group) if security_group else None
    Nic.objects.filter(owner_id=eni.pk).update(security_group=group)
    change.bump()
    return change.request(args={"security_group": str(group.pk) if group else None})


@changes(ENI_SET_BANDWIDTH)
def set_bandwidth(change: Change[Eni], *, mbit_in: int, mbit_out: int) -> Operation:
    """Limit what an elastic NIC receives and sends, in Mbit/s, bound or not. Raises Invalid, Busy."""
    eni = change.row
    where = eni.segment or eni.nic.its_subnet
    speeds = checked_speeds(where, mbit_in, mbit_out)
    Nic.objects.filter(owner_id=eni.pk).update(mbit_in=speeds[0], mbit_out=speeds[1])
    change.bump()
    return change.request(args={"mbit_in": speeds[0], "mbit_out": speeds[1]})


def _place(
    actor: Actor, project: Project, subnet: UUID | None, segment: UUID | None
) -> Subnet | ExternalSegment:
    """Return where a new one is. Raises Invalid (fields "subnet", "segment")."""
    if subnet and segment:
        raise Invalid({"segment": [_("Choose a subnet or an external segment, not both.")]})
    if segment:
        return chosen_segment(actor, project, segment)
    if not subnet:
        raise Invalid({"subnet": [_("Choose a subnet or an external segment.")]})
    rows = visible(actor, Subnet.objects.select_related("region", "vpc"))
    found: Subnet | None = rows.filter(pk=subnet, tenant_id=project.tenant_id).first()
    if found is None:
        raise Invalid({"subnet": [_("Subnet not found.")]})
    ensure_open(actor, found.region, "subnet")
    return found


def _group(actor: Actor, project: Project, pk: UUID | None) -> SecurityGroup | None:
    if pk is None:
        return None
    rows = visible(actor, SecurityGroup.objects.select_related("region"))
    found: SecurityGroup | None = rows.filter(pk=pk, tenant_id=project.tenant_id).first()
    if found is None:
        raise Invalid({"security_group": [_("Security group not found.")]})
    return found
