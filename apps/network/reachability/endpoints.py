"""Finding the two ends of a path: by ID, address or name, among what the actor may see."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from apps.accounts.single_line import clean_line
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid
from apps.network.bound_eips import bound_eips
from apps.network.by_address import at_address
from apps.network.models import Eip, Nic, NicRole
from apps.network.reachability.outside import Outside, leaves_by
from apps.network.segment_plan import is_address
from apps.network.selectors import visible_eips, visible_nics

#: What is named of several that match.
NAMED = 5
LONGEST = 63


def find_ends(actor: Actor, source: str, target: str) -> tuple[Nic, Nic, Outside | None]:
    """Return the NICs at both ends, and the way outside where the target is an EIP.

    Raises Invalid at `from` or `to`, with what else the text could mean.
    """
    errors: dict[str, list[str]] = {}
    ends: list[Nic | None] = []
    eip = _eip(actor, target)
    if eip is not None:
        target = str(eip.carrier_id)
    for field, text in (("from", source), ("to", target)):
        vpc = ends[0].its_subnet.vpc_id if ends and ends[0] is not None else None
        try:
            ends.append(_find(actor, field, text, vpc))
        except Invalid as error:
            ends.append(None)
            errors |= error.fields
    first, second = ends
    if first is not None and second is not None and first.owner_id == second.owner_id:
        errors["to"] = [_("Choose another VM.")]
    if errors or first is None or second is None:
        raise Invalid(errors)
    if eip is None:
        return first, second, None
    leaving = leaves_by(bound_eips(first.owner_id), eip)
    return _outer(first, leaving), _outer(second, eip), Outside(eip, leaving)


def _eip(actor: Actor, text: str) -> Eip | None:
    """Return the EIP of a VM that has this address, unless a NIC has it."""
    address = text.strip()
    if not is_address(address) or visible_nics(actor).filter(at_address(address)).exists():
        return None
    found = visible_eips(actor).filter(segment_address__ip=address, carrier__kind="vm")
    return found.first()


def _outer(nic: Nic, eip: Eip | None) -> Nic:
    """Return the NIC of a VM that an EIP is delivered to."""
    if eip is None or eip.delivery != Eip.Delivery.GUEST:
        return nic
    rows = Nic.objects.select_related("owner", "subnet__vpc", "security_group")
    return rows.filter(owner=nic.owner_id, role=NicRole.EXTERNAL).first() or nic


def _find(actor: Actor, field: str, text: str, vpc: UUID | None) -> Nic:
    wanted = clean_line(field, text, LONGEST).strip()
    if not wanted:
        raise Invalid({field: [_("Enter the name, ID or IP address of a VM.")]})
    nics = visible_nics(actor).filter(_meant(wanted)).filter(role=NicRole.INTERNAL)
    found = list(nics.order_by("created_at", "pk")[: NAMED + 1])
    # Addresses repeat from VPC to VPC: meant is the one that the first VM could send to.
    found = [nic for nic in found if nic.its_subnet.vpc_id == vpc] or found
    if not found:
        raise Invalid({field: [_("No VM has this name, ID or IP address.")]})
    if len(found) > 1:
        ids = ", ".join(f"{nic.owner.name} ({nic.owner_id})" for nic in found[:NAMED])
        raise Invalid({field: [_("Several VMs match. Enter an ID: %(ids)s.") % {"ids": ids}]})
    return found[0]


def _meant(text: str) -> Q:
    try:
        key = UUID(text)
    except ValueError:
        pass
    else:
        return Q(owner=key) | Q(pk=key)
    return at_address(text) if is_address(text) else Q(owner__name__iexact=text)
