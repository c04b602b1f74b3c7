"""What a VM that is off may have left in storage: clients that lost power or were killed, with their locks.

Ceph gives them up after 30 seconds; shut out at once, a VM starts after a power loss without that wait.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from itertools import groupby

from apps.compute.models import Vm
from apps.drivers.errors import DriverError
from apps.drivers.protocols import Hypervisor
from apps.drivers.specs import Power
from apps.infrastructure import backends
from apps.infrastructure.models import Host
from apps.lifecycle.operation_context import OperationContext
from apps.storage.models import Disk
from apps.storage.specs import volume_spec

log = logging.getLogger(__name__)


def fence_if_off(run: OperationContext, hypervisor: Hypervisor, vm: Vm, host: Host) -> None:
    """Before a VM from `load_vm` is started on its host: shut out its clients there if it is off."""
    disks = [disk for disk in vm.disks.all() if disk.cluster.driver in backends.POOL_FENCES]
    if disks and hypervisor.status(str(vm.pk)).power is Power.OFF:
        fence_disks(run, disks, host)


def fence_disks(run: OperationContext, disks: Iterable[Disk], host: Host) -> None:
    """Shut out the clients that a host has, or had, of disks. Call it when their VMs are off there or it is fenced."""
    for _key, of_cluster in groupby(sorted(disks, key=lambda disk: disk.cluster_id), lambda d: d.cluster_id):
        found = list(of_cluster)
        cluster = found[0].cluster
        try:
            dead = backends.fence_clients(cluster, [volume_spec(disk) for disk in found], host, run)
        except DriverError as error:
            if error.code != "volumes.pool_forbidden":
                raise
            # A user without "profile rbd": the VM's own client waits for Ceph to give the old one up.
            log.warning("storage cluster %s: its user may not shut out dead clients", cluster.name)
            continue
        if dead:
            log.info("storage cluster %s: %s shut out: %s", cluster.name, host.name, ", ".join(dead))
