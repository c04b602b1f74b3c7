"""Comparing what the rows say with what is there: what leaked, what is missing, what is counted wrongly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from django.db.models import Sum

from apps.compute.models import Image, Vm
from apps.compute.quota import vm_amounts
from apps.drivers.specs import HostObservation, Power
from apps.infrastructure import backends
from apps.infrastructure.models import ComputeCluster, Host, Region, StorageCluster
from apps.lifecycle.models import Operation, OperationLock, Resource, State
from apps.network.models import Nic, SecurityGroup, Subnet, Vpc
from apps.quotas.models import Quota
from apps.storage.models import Disk
from apps.tenancy.models import Tenant


def audit() -> list[str]:
    """Return one sentence for each thing that is not as the rows say; for a platform at rest that is none."""
    return [
        *_unsettled(),
        *_hosts(),
        *_pools(),
        *_fabrics(),
        *_reservations(),
        *_quotas(),
    ]


def _unsettled() -> Iterator[str]:
    for operation in Operation.objects.open():
        yield f"operation {operation} is still open"
    for lock in OperationLock.objects.all():
        yield f"{lock.resource_id} is still locked by {lock.operation_id}"
    for resource in Resource.objects.exclude(state=State.READY):
        yield f"{resource.kind} {resource.name} is {resource.state}: {resource.error}"
    for disk in Disk.objects.filter(role=Disk.Role.SYSTEM, vm=None):
        yield f"system disk {disk.pk} has no VM"
    for nic in Nic.objects.exclude(owner__in=Vm.objects.values("pk")):
        yield f"address {nic.ip} is held by NIC {nic.pk} without a VM"


def _hosts() -> Iterator[str]:
    for host in Host.objects.all():
        wanted = {str(vm.pk): vm for vm in Vm.objects.filter(host=host)}
        seen = backends.hypervisor(host, None).observe()
        yield from _differences(f"domains of {host.name}", wanted, (vm.id for vm in seen.vms))
        yield from _power(host, wanted, seen)


def _power(host: Host, wanted: dict[str, Vm], seen: HostObservation) -> Iterator[str]:
    for status in seen.vms:
        vm = wanted.get(status.id)
        if vm is None:
            continue
        if status.power != Power(vm.power) or vm.power_seen != vm.power:
            yield f"{vm.name} on {host.name}: wanted {vm.power}, said to be {vm.power_seen}, is {status.power}"
        if status.generation != vm.generation and status.power is Power.ON:
            yield f"{vm.name} on {host.name}: generation {status.generation} instead of {vm.generation}"


def _pools() -> Iterator[str]:
    for pool in StorageCluster.objects.all():
        seen = backends.volumes(pool, None).observe(pool.spec())
        disks = Disk.objects.filter(cluster=pool).values_list("pk", flat=True)
        yield from _differences(f"volumes of {pool.name}", map(str, disks), seen.volumes)
        images = Image.objects.filter(cluster=pool).values_list("pk", flat=True)
        yield from _differences(f"images of {pool.name}", map(str, images), seen.images)


def _fabrics() -> Iterator[str]:
    for region in Region.objects.all():
        seen = backends.fabric(region).inventory()
        for what, ids, model in (
            ("VPCs", seen.vpcs, Vpc),
            ("subnets", seen.subnets, Subnet),
            ("security groups", seen.security_groups, SecurityGroup),
        ):
            rows = model.objects.filter(region=region).values_list("pk", flat=True)
            yield from _differences(f"{what} of {region.name}", map(str, rows), ids)
        nics = Nic.objects.filter(subnet__region=region).values_list("pk", flat=True)
        yield from _differences(f"ports of {region.name}", map(str, nics), seen.ports)


def _reservations() -> Iterator[str]:
    for host in Host.objects.all():
        total = Vm.objects.filter(host=host).aggregate(vcpu=Sum("vcpu"), memory=Sum("memory_mib"))
        promised = (host.vcpu_reserved, host.memory_reserved_mib)
        used = (total["vcpu"] or 0, total["memory"] or 0)
        if promised != used:
            yield f"host {host.name} has promised {promised} (vCPU, MiB), its VMs take {used}"
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
    for vm in Vm.objects.filter(tenant=tenant).prefetch_related("disks"):
        exists.update(vm_amounts(vm.need, sum(disk.size_gib for disk in vm.disks.all())))
    kinds = Resource.objects.filter(tenant=tenant).values_list("kind", flat=True)
    exists.update(kind for kind in kinds if kind not in {"vm", "disk"})
    return exists


def _differences(what: str, wanted: Iterable[str], found: Iterable[str]) -> Iterator[str]:
    rows, things = set(wanted), set(found)
    if things - rows:
        yield f"{what}: without a row: {sorted(things - rows)}"
    if rows - things:
        yield f"{what}: missing: {sorted(rows - things)}"
