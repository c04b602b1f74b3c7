"""External segments and VPCs may overlap, but not at one VM: it could not tell the two networks apart.

What counts is the subnets that a VPC has, not its whole block. Whoever binds an address locks the VPCs, whoever adds a
subnet locks its VPC: of both at once, the second one sees the first.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from apps.lifecycle.errors import Invalid
from apps.lifecycle.models import Resource
from apps.network.models import Eip, Eni, ExternalSegment, Nic, NicRole, Subnet, Vpc
from apps.network.segment_plan import Network


def ensure_apart(vpcs: Iterable[UUID], segments: Iterable[UUID], field: str) -> None:
    """Raise Invalid at `field` naming a subnet of the VPCs that overlaps one of the segments.

    Locks the VPCs. Call in a transaction, before quotas are reserved.
    """
    wanted, others = set(vpcs), set(segments)
    if not wanted or not others:
        return
    # Two statements: the second one sees what was committed while the first one waited.
    list(Resource.objects.filter(pk__in=wanted).order_by("pk").select_for_update(no_key=True).only("pk"))
    if (refusal := overlap_of(wanted, others, field)) is not None:
        raise refusal


def overlap_of(vpcs: Iterable[UUID], segments: Iterable[UUID], field: str) -> Invalid | None:
    """Return what `ensure_apart` would raise, without locking anything."""
    rows = Subnet.objects.filter(vpc__in=set(vpcs)).select_related("vpc").order_by("name")
    for segment in ExternalSegment.objects.filter(pk__in=set(segments)).order_by("name"):
        subnet = rows.filter(cidr__net_overlaps=str(segment.cidr)).first()
        if subnet is None:
            continue
        text = _(
            "Segment %(segment)s (%(block)s) overlaps subnet %(subnet)s (%(cidr)s) of VPC %(vpc)s. "
            "A VM cannot be in both."
        )
        values = {"segment": segment.name, "block": segment.cidr, "subnet": subnet.name, "cidr": subnet.cidr}
        return Invalid(
            {field: [text % {**values, "vpc": subnet.vpc.name}]},
            hint=_("Use an address of another segment, or a VM in another VPC."),
        )
    return None


def ensure_clear_of_addresses(vpc: Vpc, block: Network, field: str) -> None:
    """Raise Invalid at `field` naming the segment of an address at the VPC's VMs that a new subnet would overlap.

    The VPC is locked.
    """
    vms = Nic.objects.filter(role=NicRole.INTERNAL, subnet__vpc=vpc).values("owner")
    elastic = Eni.objects.filter(nics__subnet__vpc=vpc)
    there = [vms, elastic.values("vm"), elastic.values("next_vm")]
    at_vm = Q()
    for ids in there:
        at_vm |= Q(segment_eips__carrier__in=ids) | Q(segment_elastic_nics__vm__in=ids)
        at_vm |= Q(segment_elastic_nics__next_vm__in=ids)
    segment = ExternalSegment.objects.filter(at_vm, cidr__net_overlaps=str(block)).order_by("name").first()
    if segment is None:
        return
    text = _(
        "Overlaps external segment %(name)s (%(cidr)s). A VM in this VPC has an address of this segment."
    )
    raise Invalid(
        {field: [text % {"name": segment.name, "cidr": segment.cidr}]},
        hint=_("Choose another CIDR block, or unbind the address first."),
    )


def segments_at(vm: UUID) -> set[UUID]:
    """Return the segments that a VM has addresses of, or is about to get an elastic NIC of."""
    eips = Eip.objects.filter(carrier=vm).values_list("segment", flat=True)
    elastic = Eni.objects.filter(Q(vm=vm) | Q(next_vm=vm), segment__isnull=False)
    return {*eips, *elastic.values_list("segment", flat=True)}


def vpcs_at(vm: UUID) -> set[UUID]:
    """Return the VPCs that a VM is in by its own NIC, or by elastic ones that it has or is about to get."""
    elastic = Eni.objects.filter(Q(vm=vm) | Q(next_vm=vm))
    nics = Nic.objects.filter(Q(owner=vm) | Q(owner__in=elastic.values("pk")), subnet__isnull=False)
    return set(nics.values_list("subnet__vpc", flat=True))
