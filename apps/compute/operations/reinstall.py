"""Reinstalling VMs: the new disk is made and defined before the old one goes."""

from __future__ import annotations

from django.db.models import F
from django.utils.translation import gettext_noop as _

from apps.compute.models import Vm
from apps.compute.models.reinstallation import Reinstallation
from apps.compute.operations.image_copy import wait_for_copy
from apps.compute.operations.parts import load_vm, past
from apps.compute.specs import reinstalled_spec
from apps.compute.verbs import VM_REINSTALL
from apps.infrastructure import backends
from apps.lifecycle import push
from apps.lifecycle.handlers import Settle, handles
from apps.lifecycle.models import Resource, State
from apps.lifecycle.operation_context import LeaseLost, OperationContext
from apps.quotas.services import release_quota
from apps.storage.models import Disk
from apps.storage.models.disk import SYSTEM_SLOT
from apps.storage.quota import growth
from apps.storage.specs import volume_spec
from apps.storage.standby import discard


@handles(VM_REINSTALL)
def reinstall(run: OperationContext) -> Settle:
    """Make the new disk and define the VM with it. The VM gets it, and the old one goes, in one transaction."""
    vm, host, _region = load_vm(run)
    rows = Reinstallation.objects.select_related("image", "disk__cluster__region")
    to = rows.filter(operation=run.operation.pk).first()
    if to is None:  # taken away by whoever has ended the operation meanwhile
        raise LeaseLost
    wait_for_copy(run, to.disk)
    run.step(_("Creating the system disk on %(host)s"), past(run, 20), host=host.name)
    backends.volumes(to.disk.cluster, run, host=host).ensure_volume(volume_spec(to.disk))
    run.step(_("Replacing the system disk"), past(run, 80))
    run.no_stop_now()
    backends.hypervisor(host, run).ensure_vm(reinstalled_spec(vm, to))
    return lambda: _settle(vm, to)


def _settle(vm: Vm, to: Reinstallation) -> None:
    """Give a VM from `load_vm` its new system disk and first-boot data; have the old disk deleted."""
    old, new = vm.system_disk, to.disk
    assert old is not None, "it is held by the operation"
    Disk.objects.filter(pk=old.pk).update(vm=None, slot=None, standby=True)
    Disk.objects.filter(pk=new.pk).update(vm=vm, slot=SYSTEM_SLOT, standby=False, replaces=None)
    # The VM may have been moved to another project meanwhile.
    project = Resource.objects.filter(pk=vm.pk).values_list("project", flat=True).get()
    Resource.objects.filter(pk=new.pk).update(
        project=project, state=State.READY, observed_generation=F("generation")
    )
    Vm.objects.filter(pk=vm.pk).update(
        image=to.image,
        firmware=to.image.firmware,
        sealed_password_hash=to.sealed_password_hash,
        ssh_keys=to.ssh_keys,
        key_pairs=to.key_pairs,
        sealed_user_data=to.sealed_user_data,
        user_data_sha256=to.user_data_sha256,
        first_boot_done_at=None,
    )
    to.delete()
    push.resource_changed(new)
    discard(old)
    if vm.tenant_id is not None:
        release_quota(vm.tenant_id, {"disk_gib": growth(old.size_gib, new.size_gib)})
