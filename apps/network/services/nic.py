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
from apps.network.prefixes import derived_address
from apps.network.segment_plan import MOST_MBIT
from apps.network.verbs import VM_ADD_IPV6, VM_SET_NIC_BANDWIDTH, VM_SET_SECURITY_GROUP


@changes(VM_SET_SECURITY_GROUP)
def set_security_group(
    change: Change[Resource], *, security_group: UUID | None, role: str = NicRole.INTERNAL
) -> Operation:
    """Bind the owner's NIC of that role to another group, or to none (then nothing is filtered).

    Raises NotFound, NotNow and Refused `region.mismatch`.
    """
    owner = change.row
    group = bindable_group(change.actor, owner, security_group) if security_group else None
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


@changes(VM_ADD_IPV6)
def add_ipv6(change: Change[Resource]) -> Operation:
    """Give the internal NIC of a VM the IPv6 address that goes with its other one. Raises NotNow."""
    nic = Nic.objects.select_related("subnet").get(owner_id=change.row.pk, role=NicRole.INTERNAL)
    subnet = nic.its_subnet
    if not subnet.cidr6 or nic.ip is None:
        raise NotNow(_("The subnet has no IPv6 prefix."))
    nic.ip6 = derived_address(subnet.cidr6, subnet.cidr, nic.ip)
    nic.save(update_fields=["ip6"])
    change.bump()
    return change.request(args={"address": str(nic.ip6)})


def bindable_group(actor: Actor, owner: Resource, pk: UUID) -> SecurityGroup:
    """Return the group, locked. Raises NotFound, NotNow and Refused `region.mismatch`."""
    groups = SecurityGroup.objects.select_related("region").filter(tenant=owner.tenant)
    group = get_visible(actor, groups, pk)
    ensure_one_region(owner, group)
    hold_for_use(group)
    return group
