"""NICs of existing owners. Making and removing them is in `addresses.py`."""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext as _

from apps.accounts.access import get_visible
from apps.accounts.acts import changes
from apps.infrastructure.regions import ensure_one_region
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid, NotNow
from apps.lifecycle.models import Operation, Resource
from apps.lifecycle.requests import Change
from apps.lifecycle.usable import hold_for_use
from apps.network.models import Nic, NicRole, SecurityGroup
from apps.network.segment_plan import MOST_MBIT
from apps.network.verbs import VM_SET_NIC_BANDWIDTH, VM_SET_SECURITY_GROUP


@changes(VM_SET_SECURITY_GROUP)
def set_security_group(
    change: Change[Resource], *, security_group: UUID | None, role: str = NicRole.INTERNAL
) -> Operation:
    """Bind the owner's NIC of that role to another group, or to none (then nothing is filtered).

    Raises NotFound, NotNow and Refused `region.mismatch`.
    """
    owner = change.row
    group = _bindable(change.actor, owner, security_group) if security_group else None
    if not Nic.objects.filter(owner_id=owner.pk, role=role).update(security_group=group):
        raise NotNow(_("The VM has no such NIC."))
    change.bump()
    args = {"security_group": str(group.pk) if group else None, "role": str(role)}
    return change.request(args=args)


@changes(VM_SET_NIC_BANDWIDTH)
def set_nic_bandwidth(
    change: Change[Resource], *, mbit_in: int, mbit_out: int, role: str = NicRole.INTERNAL
) -> Operation:
    """Limit what the owner's NIC of that role receives and sends, in Mbit/s; 0 means unlimited.

    Raises Invalid and NotNow.
    """
    wrong = {
        field: [_("0 (unlimited) to %(most)s Mbit/s.") % {"most": f"{MOST_MBIT:,}"}]
        for field, value in (("mbit_in", mbit_in), ("mbit_out", mbit_out))
        if not 0 <= value <= MOST_MBIT
    }
    if wrong:
        raise Invalid(wrong)
    nics = Nic.objects.filter(owner_id=change.row.pk, role=role)
    if not nics.update(mbit_in=mbit_in, mbit_out=mbit_out):
        raise NotNow(_("The VM has no such NIC."))
    change.bump()
    return change.request(args={"role": str(role), "mbit_in": mbit_in, "mbit_out": mbit_out})


def _bindable(actor: Actor, owner: Resource, pk: UUID) -> SecurityGroup:
    groups = SecurityGroup.objects.select_related("region").filter(tenant=owner.tenant)
    group = get_visible(actor, groups, pk)
    ensure_one_region(owner, group)
    hold_for_use(group)
    return group
