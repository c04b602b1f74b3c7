"""Shutting a host out of the storage of its VMs, and admitting it again. Workers only."""

from __future__ import annotations

from django.utils.translation import gettext_noop

from apps.drivers.errors import DriverError
from apps.infrastructure import backends
from apps.infrastructure.models import Host, StorageCluster
from apps.infrastructure.storage_fencing import storage_fencing
from apps.lifecycle.operation_context import OperationContext


def shut_out(run: OperationContext, host: Host) -> None:
    """Have every storage cluster with disks of a host's VMs refuse the host. Raises DriverError unless all do."""
    plan, address = storage_fencing(host), backends.client_address(host)
    if plan.obstacle or address is None:
        raise _not_possible(host)
    # Before the first is told, or a host that is heard again would stay shut out of it.
    told = sorted({*host.shut_out, *(cluster.pk for cluster in plan.volumes)})
    run.guard()
    Host.objects.filter(pk=host.pk).update(shut_out=told)
    known = _addresses()
    for cluster, volumes in plan.volumes.items():
        backends.host_fence(cluster, run).ensure_shut_out(address, volumes, known)


def readmit_to_storage(run: OperationContext, host: Host) -> None:
    """Have storage clusters take what a host sends again. Call it once nothing runs there."""
    address = backends.client_address(host)
    for cluster in StorageCluster.objects.filter(pk__in=host.shut_out):
        if address is not None and cluster.driver in backends.HOST_FENCES:
            backends.host_fence(cluster, run).ensure_readmitted(address)


def _addresses() -> set[str]:
    return set(filter(None, (backends.client_address(host) for host in Host.objects.all())))


def _not_possible(host: Host) -> DriverError:
    return DriverError(
        gettext_noop("The storage of host %(host)s cannot fence it."),
        values={"host": host.name},
        code="host.no_storage_fence",
        permanent=True,
        hint=gettext_noop("Power the host off and confirm that it is off."),
    )
