"""Reinstalling VMs: a new system disk from an image, in place of the one they have."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from uuid import UUID

from django.utils.translation import gettext as _

from apps.accounts.acts import changes
from apps.compute.models import ImageCopy, Vm
from apps.compute.models.reinstallation import Reinstallation
from apps.compute.services import first_boot
from apps.compute.services.create_plan import LONGEST_NAME
from apps.compute.services.image_copy import hold_image
from apps.compute.services.reinstall_plan import ReinstallPlan, ReinstallRequest, look_up
from apps.compute.services.user_data import UserDataEncoding
from apps.compute.services.vm import kept_of
from apps.compute.verbs import VM_REINSTALL
from apps.infrastructure.space import reserve_space
from apps.lifecycle.bulk_insert import insert
from apps.lifecycle.errors import NotNow
from apps.lifecycle.in_use import ensure_unused
from apps.lifecycle.models import Operation, Resource
from apps.lifecycle.requests import Change
from apps.lifecycle.usable import hold_for_use
from apps.quotas.services import reserve_quota
from apps.storage.limits import disk_limits
from apps.storage.models import Disk
from apps.storage.quota import growth
from apps.storage.services.disk import ensure_deletable


@changes(VM_REINSTALL)
def reinstall_vm(
    change: Change[Vm],
    *,
    image: UUID,
    disk_gib: int | None = None,
    password: str = "",
    key_pairs: Sequence[UUID] = (),
    user_data: str = "",
    user_data_encoding: str = UserDataEncoding.PLAIN,
    delete_snapshots: bool = False,
) -> Operation:
    """Replace the system disk of a stopped VM by a new one from an image of the same OS family and architecture.

    All else stays: name, NICs, addresses, EIPs, security groups, data disks. `disk_gib`: by default the present size,
    if the image fits. Until the new disk has taken its place, the VM keeps the old one, and has it still if this
    fails. The snapshots of the old disk are deleted with it; without `delete_snapshots` it is refused while there are
    any. Raises Invalid, Refused, InUse, NotNow, Busy, QuotaExceeded, NoCapacity.
    """
    vm, old = change.row, _locked_system_disk(change.row)
    asked = ReinstallRequest(image, disk_gib, password, key_pairs, user_data, user_data_encoding)
    plan = look_up(change.actor, vm, old, asked)
    copy = hold_image(plan.image, plan.cluster)
    snapshots = _snapshots(old, delete=delete_snapshots)
    new = _new_disk(vm, old, plan, copy)
    if vm.tenant_id is not None and (more := growth(new.size_gib, old.size_gib)):
        reserve_quota(vm.tenant_id, {"disk_gib": more})
    insert([new])
    change.bump()
    args = {"image": plan.image.name, "disk_gib": new.size_gib}
    operation = change.request(args=args, also=[old, new, *snapshots])
    Reinstallation.objects.create(
        disk=new,
        operation=operation,
        image=plan.image,
        sealed_password_hash=first_boot.sealed_hash(password),
        ssh_keys=plan.ssh_keys,
        key_pairs=kept_of(key_pairs),
        sealed_user_data=first_boot.sealed_user_data(plan.user_data),
        user_data_sha256=sha256(plan.user_data.encode()).hexdigest() if plan.user_data else "",
    )
    reserve_space(plan.cluster.pk, new.size_gib)
    return operation


def _locked_system_disk(vm: Vm) -> Disk:
    """Return the system disk of a locked VM. Raises NotNow."""
    pk = vm.disks.filter(role=Disk.Role.SYSTEM).values_list("pk", flat=True).first()
    if pk is None:
        raise NotNow(_("The VM has no system disk."), hint=_("Create a new VM."))
    disk = Disk.objects.select_related("cluster").get(pk=pk)
    hold_for_use(disk)
    return disk


def _snapshots(old: Disk, *, delete: bool) -> list[Resource]:
    """Return the snapshots that go with the old disk, locked. Raises InUse naming them, or what reads from the disk."""
    if not delete:
        hint = _("Delete its snapshots first, or reinstall and delete them as well.")
        ensure_unused(old, Resource.objects.filter(as_snapshot__disk=old.pk), hint=hint)
    return ensure_deletable(old, with_snapshots=True)


def _new_disk(vm: Vm, old: Disk, plan: ReinstallPlan, copy: ImageCopy | None) -> Disk:
    iops, bytes_per_second = disk_limits(plan.cluster, plan.disk_gib)
    return Disk(
        kind="disk",
        name=f"{vm.name[: LONGEST_NAME - 7]}-system",
        tenant_id=vm.tenant_id,
        project_id=vm.project_id,
        region_id=vm.region_id,
        role=Disk.Role.SYSTEM,
        cluster=plan.cluster,
        size_gib=plan.disk_gib,
        standby=True,
        replaces=old,
        image=plan.image,
        image_copy=copy,
        iops=iops,
        bytes_per_second=bytes_per_second,
    )
