"""Comparing what the rows say with what is there: what leaked, what is missing, what is counted wrongly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet, Sum

from apps.accounts.models import Tenant
from apps.compute.models import Image, ImageCopy, Vm
from apps.compute.quota import vm_amounts
from apps.drivers.specs import (
    EdgeSpec,
    ExternalPortSpec,
    PoolKind,
    PortSpec,
    Power,
    ProviderNetworkSpec,
    SecurityGroupSpec,
    SubnetSpec,
    TranslatedAddressSpec,
    VpcSpec,
)
from apps.infrastructure import backends
from apps.infrastructure.models import ComputeCluster, Host, Region, StorageCluster
from apps.lifecycle.models import Operation, OperationLock, Resource, State
from apps.network.models import Eni, Nic, ProviderNetwork, SecurityGroup, Subnet, Vpc
from apps.network.verbs import PORTS_ONLY
from apps.quotas.models import Quota
from apps.storage.models import Disk, Snapshot
from tests.recovery import audit_external


def audit(strange: frozenset[str] = frozenset()) -> list[str]:
    """Return one sentence for each thing that is not as the rows say; for a platform at rest that is none.

    `strange` are ids of things that were there before and are none of this platform's.
    """
    return [
        *_unsettled(),
        *audit_external.half_way(),
        *_power(),
        *(sentence for pair in _pairs() if (sentence := _difference(pair, strange))),
        *_disks(),
        *audit_external.guests(),
        *(audit_external.addresses() if not strange else ()),
        *_reservations(),
        *_quotas(),
    ]


def strangers() -> frozenset[str]:
    """Return the ids of what is there without a row."""
    return frozenset(thing for pair in _pairs() for thing in pair.found - pair.rows)


@dataclass(frozen=True)
class _Pair:
    """Ids of one kind in one place: of rows, and of what was found there."""

    what: str
    rows: frozenset[str]
    found: frozenset[str]


def _pair(what: str, rows: QuerySet[Any], found: Iterable[str]) -> _Pair:
    return _Pair(what, frozenset(map(str, rows.values_list("pk", flat=True))), frozenset(found))


def _difference(pair: _Pair, strange: frozenset[str]) -> str:
    leaked, missing = sorted(pair.found - pair.rows - strange), sorted(pair.rows - pair.found)
    return f"{pair.what}: without a row {leaked}, missing {missing}" if leaked or missing else ""


def _pairs() -> Iterator[_Pair]:
    for host in Host.objects.all():
        seen = backends.hypervisor(host, None).observe()
        yield _pair(f"domains of {host.name}", Vm.objects.filter(host=host), (vm.id for vm in seen.vms))
    for pool in StorageCluster.objects.all():
        content = backends.volumes(pool, None).observe(pool.spec())
        yield _pair(f"volumes of {pool.name}", Disk.objects.filter(cluster=pool), content.of(PoolKind.VOLUME))
        disks = Disk.objects.filter(cluster=pool)
        points = disks.filter(copy_point__isnull=False).values_list("copy_point", flat=True)
        inside = backends.volumes(pool, None).inventory(pool.spec()).of(PoolKind.SNAPSHOT)
        there = inside.keys() - set(map(str, points))
        yield _pair(f"snapshots of {pool.name}", Snapshot.objects.filter(disk__cluster=pool), there)
        images = Image.objects.filter(cluster=pool).values_list("pk", flat=True)
        copies = ImageCopy.objects.filter(cluster=pool).values_list("pk", flat=True)
        rows = frozenset(map(str, [*images, *copies]))
        yield _Pair(f"images of {pool.name}", rows, frozenset(content.of(PoolKind.IMAGE)))
    for region in Region.objects.all():
        fabric = backends.fabric(region).inventory()
        groups = SecurityGroup.objects.filter(region=region)
        yield _pair(f"VPCs of {region.name}", Vpc.objects.filter(region=region), fabric.of(VpcSpec))
        yield _pair(f"subnets of {region.name}", Subnet.objects.filter(region=region), fabric.of(SubnetSpec))
        yield _pair(f"groups of {region.name}", groups, fabric.of(SecurityGroupSpec))
        yield _pair(f"ports of {region.name}", Nic.objects.filter(subnet__region=region), fabric.of(PortSpec))
        networks = ProviderNetwork.objects.filter(edge__region=region)
        yield _pair(f"provider networks of {region.name}", networks, fabric.of(ProviderNetworkSpec))
        for what, wanted, kind in (
            ("edges", audit_external.edges(region, fabric.of(EdgeSpec)), EdgeSpec),
            ("external ports", audit_external.external_ports(region), ExternalPortSpec),
            ("translated addresses", audit_external.translated(region), TranslatedAddressSpec),
        ):
            yield _Pair(f"{what} of {region.name}", wanted, frozenset(fabric.of(kind)))


def _unsettled() -> Iterator[str]:
    for operation in Operation.objects.open():
        yield f"operation {operation} is still open"
    for lock in OperationLock.objects.all():
        yield f"{lock.resource_id} is still locked by {lock.operation_id}"
    for resource in Resource.objects.exclude(state=State.READY):
        yield f"{resource.kind} {resource.name} is {resource.state}: {resource.error}"
    for disk in Disk.objects.filter(role=Disk.Role.SYSTEM, vm=None):
        yield f"system disk {disk.pk} has no VM"
    for nic in Nic.objects.exclude(owner__in=Vm.objects.values("pk")).exclude(
        owner__in=Eni.objects.values("pk")
    ):
        yield f"address {nic.ip} is held by NIC {nic.pk} without a VM or an elastic NIC"


def _power() -> Iterator[str]:
    for host in Host.objects.all():
        seen = {status.id: status for status in backends.hypervisor(host, None).observe().vms}
        for vm in Vm.objects.filter(host=host):
            status = seen.get(str(vm.pk))
            if status is None:
                continue
            if status.power != Power(vm.power) or vm.power_seen != vm.power:
                yield f"{vm.name}: wanted {vm.power}, said to be {vm.power_seen}, is {status.power}"
            if status.power is not Power.ON:
                continue
            if status.paused or vm.pause_reason:
                yield f"{vm.name}: paused ({status.paused or 'no more'}), said to be ({vm.pause_reason})"
            if not vm.generation - _of_ports_only(vm) <= status.generation <= vm.generation:
                yield f"{vm.name}: generation {status.generation} runs, {vm.generation} is wanted"
            if status.boot != vm.boot:
                yield f"{vm.name}: boot {status.boot} runs, {vm.boot} is wanted"


def _of_ports_only(vm: Vm) -> int:
    """Return how many generations changed nothing in the VM's definition: its ports carry them."""
    return Operation.objects.filter(resource=vm.pk, verb__in=PORTS_ONLY).count()


def _disks() -> Iterator[str]:
    """Compare what rows say of disks with volumes and VMs."""
    for disk in Disk.objects.exclude(size_before_gib=None):
        yield f"disk {disk.pk} is still said to grow"
    for pool in StorageCluster.objects.all():
        sizes = backends.volumes(pool, None).inventory(pool.spec()).of(PoolKind.VOLUME)
        for disk in Disk.objects.filter(cluster=pool):
            if sizes.get(str(disk.pk), 0) < disk.size_gib << 30:
                yield f"disk {disk.pk} has {disk.size_gib} GiB, its volume {sizes.get(str(disk.pk))} bytes"
    for vm in Vm.objects.select_related("host").prefetch_related("disks"):
        if vm.host is not None:
            has = backends.hypervisor(vm.host, None).disks(str(vm.pk))
            rows = {str(disk.pk) for disk in vm.disks.all()}
            if set(has.stored) != rows or (has.running and {each.id for each in has.running} != rows):
                yield f"{vm.name} has {has}, its rows say {sorted(rows)}"


def _reservations() -> Iterator[str]:
    for host in Host.objects.all():
        needs = [vm.need for vm in Vm.objects.filter(host=host)]
        promised = (host.vcpu_reserved, host.memory_reserved_mib)
        used = (sum(need.vcpu for need in needs), sum(need.memory_mib for need in needs))
        if promised != used:
            yield f"host {host.name} has promised {promised} (vCPU, MiB), its VMs take {used}"
    for pool in StorageCluster.objects.all():
        gib = pool.disks.aggregate(gib=Sum("size_gib"))["gib"] or 0
        if pool.provisioned_gib != gib:
            yield f"storage cluster {pool.name} has reserved {pool.provisioned_gib} GiB, its disks take {gib}"
    for cluster in ComputeCluster.objects.all():
        for vm in Vm.objects.filter(cluster=cluster).exclude(host__cluster=cluster):
            yield f"{vm.name} has no host of its cluster"


def _quotas() -> Iterator[str]:
    for tenant in Tenant.objects.all():
        exists = _existing(tenant)
        for row in Quota.objects.filter(tenant=tenant):
            if row.used != exists[row.metric]:
                yield f"quota {row.metric} of {tenant.name}: {row.used} counted, {exists[row.metric]} exist"


def _existing(tenant: Tenant) -> Counter[str]:
    exists: Counter[str] = Counter()
    for vm in Vm.objects.filter(tenant=tenant):
        exists.update(vm_amounts(vm.need, 0, 1) | {"disk": 0})
    sizes = Disk.objects.filter(tenant=tenant).values_list("size_gib", flat=True)
    exists.update({"disk": len(sizes), "disk_gib": sum(sizes)})
    kinds = Resource.objects.filter(tenant=tenant).values_list("kind", flat=True)
    exists.update(kind for kind in kinds if kind not in {"vm", "disk"})
    return exists
