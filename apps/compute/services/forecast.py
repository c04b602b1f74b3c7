"""What creating VMs would come to, without creating any: the dry run of the API, and the create page's summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.compute.services.create_plan import Draft, VmRequest, look_up, numbered
from apps.compute.services.image_copy import CopyForecast, copy_forecast
from apps.compute.services.new_disks import new_vm_amounts
from apps.compute.services.new_eips import EipChoice
from apps.compute.services.template_choices import ensure_complete, with_template
from apps.infrastructure.capacity_forecast import CapacityForecast, capacity_forecast, no_capacity
from apps.infrastructure.models import StorageCluster
from apps.infrastructure.space import no_space, space_left
from apps.lifecycle.actor import Actor
from apps.lifecycle.dry_run import ErrorCollector
from apps.lifecycle.errors import Refused
from apps.lifecycle.forecast import Forecast
from apps.lifecycle.usable import ensure_usable
from apps.network.models import Subnet
from apps.network.selectors import with_free_addresses
from apps.network.services.addresses import subnet_full
from apps.network.services.segment_addresses import free_addresses, segment_full
from apps.quotas.forecast import over_quota, quota_lines


@dataclass(frozen=True)
class VmForecast(Forecast):
    """`names` are those the VMs would get; what has not been chosen yet is None."""

    draft: Draft = field(default_factory=Draft)
    names: list[str] = field(default_factory=list)
    hosts: CapacityForecast | None = None
    #: With its addresses counted.
    subnet: Subnet | None = None
    #: Whether it was requested without a security group.
    unfiltered: bool = False
    #: Whether an EIP would be reached without one.
    unfiltered_outside: bool = False
    #: Of the image, where it is in another storage cluster than the system disk will be.
    copy: CopyForecast | None = None

    @property
    def last_name(self) -> str:
        """The last of the names."""
        return self.names[-1] if self.names else ""

    @property
    def addresses_left_shown(self) -> str:
        """Free addresses after and before, as shown."""
        return f"{max(self.addresses_left, 0):,}"

    @property
    def addresses_left(self) -> int:
        """Free addresses of the subnet once the VMs have theirs; below zero when there are too few."""
        return self.subnet.free_addresses - self.draft.count if self.subnet else 0


def forecast_vms(actor: Actor, asked: Mapping[str, Any]) -> VmForecast:
    """Return what `create_vms` with these arguments would come to now; any of them may still be missing.

    Nothing is locked, so a create a moment later may find less. The number of queries does not depend on what exists.
    """
    refusals = ErrorCollector()
    merged = refusals.attempt(with_template, actor, asked)
    own = {name: value for name, value in asked.items() if name not in ("template", "template_version")}
    wanted = VmRequest(**(own if merged is None else merged))
    if merged is not None and asked.get("template") is not None:
        refusals.attempt(ensure_complete, merged)
    draft = look_up(actor, wanted, refusals)
    if refusals.forbidden or draft.project is None:
        return VmForecast(refusals.merged, draft=draft)
    eips = draft.eips or EipChoice()
    for used in (draft.image, draft.subnet, draft.group, draft.external_group, eips.segment, eips.eip):
        if used is not None:
            refusals.attempt(ensure_usable, used)
    amounts = (
        new_vm_amounts(draft.need, draft.disk_gib, draft.data_disks or [], draft.count)
        if draft.need
        else {"vm": draft.count}
    )
    quotas = quota_lines(draft.project.tenant_id, amounts | eips.amounts(draft.count))
    short = over_quota(quotas)
    hosts = capacity_forecast(draft.type.cluster, draft.need) if draft.type and draft.need else None
    if short is not None:
        refusals.found.append(short)
    if draft.type and hosts and hosts.room < draft.count:
        refusals.found.append(no_capacity(draft.type.cluster, hosts, draft.count))
    # No cluster may have a disk of a size that is wrong in itself: that is all there is to say of it.
    refusals.found += _no_space(draft, with_system="disk_gib" not in refusals.wrong_fields)
    subnet = (
        with_free_addresses(Subnet.objects.select_related("vpc")).get(pk=draft.subnet.pk)
        if draft.subnet
        else None
    )
    if subnet is not None and subnet.free_addresses < draft.count:
        refusals.found.append(subnet_full(subnet))
    if eips.segment is not None and free_addresses(eips.segment) < draft.count:
        refusals.found.append(segment_full(eips.segment, field="new_eip.segment"))
    return VmForecast(
        refusals.merged,
        quotas,
        draft=draft,
        names=numbered(wanted.name.strip(), draft.count) if wanted.name else [],
        hosts=hosts,
        subnet=subnet,
        unfiltered=wanted.security_group is None,
        unfiltered_outside=draft.external_group is None and bool(eips.eip or eips.segment),
        copy=copy_forecast(draft.image, draft.cluster) if draft.image and draft.cluster else None,
    )


def _no_space(draft: Draft, *, with_system: bool) -> list[Refused]:
    """Return the refusals of storage clusters with too little space for all the disks they would get."""
    wanted: Counter[StorageCluster] = Counter()
    fields: dict[StorageCluster, str] = {}
    if draft.cluster is not None and with_system:
        wanted[draft.cluster] += draft.disk_gib
        fields[draft.cluster] = "disk_gib"
    for disk in draft.data_disks or []:
        wanted[disk.cluster] += disk.size_gib
        fields.setdefault(disk.cluster, "data_disks")
    short: list[Refused] = []
    for cluster, gib in wanted.items():
        left, needed = space_left(cluster), gib * draft.count
        if left is not None and left < needed:
            short.append(no_space(cluster, needed, field=fields[cluster]))
    return short
