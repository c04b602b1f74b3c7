"""Removing what no row knows. Each looks for a row once more: there may be one by now."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from apps.compute.models import Image, Vm
from apps.drivers.errors import DriverError
from apps.drivers.specs import FabricKind, ImageSpec, PoolKind, Power, VolumeSpec
from apps.infrastructure import backends
from apps.infrastructure.models import StorageCluster
from apps.lifecycle.running import Run
from apps.network.models import Nic, SecurityGroup, Subnet, Vpc
from apps.reconciliation.models import Finding
from apps.reconciliation.rules import ABANDONED, DOUBLED, MISPLACED, PARTIAL
from apps.storage.models import Disk

FABRIC_KINDS = {
    "vpc": FabricKind.VPC,
    "subnet": FabricKind.SUBNET,
    "security_group": FabricKind.SECURITY_GROUP,
    "nic": FabricKind.PORT,
}
ROWS = {
    "vm": Vm,
    "disk": Disk,
    "image": Image,
    "vpc": Vpc,
    "subnet": Subnet,
    "security_group": SecurityGroup,
    "nic": Nic,
}


def remove(run: Run, finding: Finding) -> None:
    """Remove what the finding is about from where it was found. Raises DriverError."""
    id = str(finding.target_id)
    if finding.aspect in (DOUBLED, MISPLACED):
        _remove_copy(run, finding, id)
    elif finding.aspect == PARTIAL:
        _discard_unfinished(run, finding, id)
    else:
        _refuse_known(finding)
        _remove_orphan(run, finding, id)


def _remove_orphan(run: Run, finding: Finding, id: str) -> None:
    run.step(_("Removing it for good"), 50)
    if finding.kind == "vm" and finding.host is not None:
        backends.hypervisor(finding.host, run).ensure_vm_absent(id)
    elif finding.kind in FABRIC_KINDS and finding.region is not None:
        backends.fabric(finding.region, run).ensure_absent(FABRIC_KINDS[finding.kind], id)
    elif finding.storage_cluster is not None:
        _remove_file(run, finding.kind, id, finding.storage_cluster)


def _remove_file(run: Run, kind: str, id: str, cluster: StorageCluster) -> None:
    volumes = backends.volumes(cluster, run)
    if kind == "image":
        volumes.ensure_image_absent(ImageSpec(id, cluster.spec()))
    else:
        volumes.ensure_volume_absent(VolumeSpec(id, cluster.spec(), size_gib=1))


def _discard_unfinished(run: Run, finding: Finding, id: str) -> None:
    assert finding.storage_cluster is not None
    kind = PoolKind.IMAGE if finding.kind == "image" else PoolKind.VOLUME
    run.step(_("Removing unfinished files"), 50)
    pool = finding.storage_cluster.spec()
    backends.volumes(finding.storage_cluster, run).discard_unfinished(
        pool, kind, id, ABANDONED.total_seconds()
    )


def _remove_copy(run: Run, finding: Finding, id: str) -> None:
    """Remove a VM's definition from a host that is not its own; never one that runs."""
    vm = Vm.objects.select_related("host").filter(pk=id).first()
    host = finding.host
    assert host is not None
    if vm is not None and vm.host_id == host.pk:
        raise _changed()
    hypervisor = backends.hypervisor(host, run)
    run.step(_("Looking for it on %(host)s"), 30, host=host.name)
    if hypervisor.status(id).power is Power.ON:
        raise DriverError(
            _("It runs on host %(host)s."),
            values={"host": host.name},
            code="reconciliation.running",
            permanent=True,
            hint=_("Roll back if it is to stay there, or shut the guest down first."),
        )
    run.step(_("Removing from %(host)s"), 60, host=host.name)
    hypervisor.ensure_vm_absent(id)


def _refuse_known(finding: Finding) -> None:
    if ROWS[finding.kind]._default_manager.filter(pk=finding.target_id).exists():
        raise _changed()


def _changed() -> DriverError:
    return DriverError(_("There is a row for it by now."), code="reconciliation.changed", permanent=True)
