"""Creating images from VMs, and base images from images of tenants."""

from __future__ import annotations

from uuid import UUID, uuid4

from django.utils.translation import gettext as _

from apps.accounts.access import allow
from apps.accounts.acts import changes
from apps.accounts.bound import busy_with
from apps.accounts.labels import clean_labels
from apps.compute.models import Image, Vm
from apps.compute.verbs import IMAGE_CAPTURE, IMAGE_COPY_TO_BASE, IMAGE_RETRY, VM_CREATE_IMAGE
from apps.infrastructure.space import ensure_accepts_disks
from apps.lifecycle.errors import NotNow
from apps.lifecycle.in_use import ensure_unused
from apps.lifecycle.legality import holding
from apps.lifecycle.models import Operation, Resource
from apps.lifecycle.requests import Change
from apps.lifecycle.usable import hold_for_use
from apps.quotas.services import reserve_quota
from apps.storage.models import Disk

#: What an image says of the system in it.
TRAITS = ("os_family", "os_name", "cloud_init", "guest_agent", "hot_upgrade", "uefi", "secure_boot")
_MAKING = (IMAGE_CAPTURE.name, IMAGE_COPY_TO_BASE.name, IMAGE_RETRY.name)


@changes(VM_CREATE_IMAGE)
def create_image(change: Change[Vm], *, name: str, description: str = "") -> Operation:
    """Create an image from the VM's system disk, running or not; return the operation of the image.

    The VM can be used meanwhile, but not deleted. Raises Invalid, NotNow, Busy, Refused, QuotaExceeded.
    """
    vm = change.row
    disk = _held_system_disk(vm)
    ensure_accepts_disks(disk.cluster, "")
    allowed = allow(change.actor, IMAGE_CAPTURE, project=vm.project, tenant_id=vm.tenant_id)
    name, description = clean_labels(name, description)
    if vm.tenant_id is not None:
        reserve_quota(vm.tenant_id, {"image": 1})
    image = Image(
        kind="image",
        name=name,
        description=description,
        tenant_id=vm.tenant_id,
        project=vm.project,
        region_id=disk.region_id,
        cluster=disk.cluster,
        architecture=vm.cluster.architecture,
        default_disk_gib=disk.size_gib,
        source_disk=disk,
        copy_point=uuid4(),
        **(_traits(vm.image) if vm.image else {}),
    )
    image.save(force_insert=True)
    return allowed.request(image, args={"vm": vm.name})


@changes(IMAGE_COPY_TO_BASE)
def copy_to_base(change: Change[Image], *, name: str, description: str = "") -> Operation:
    """Copy an image of a tenant to a new base image in its storage cluster; return the operation of that.

    Raises Invalid, NotNow, Refused.
    """
    source = change.row
    ensure_accepts_disks(source.cluster, "")
    name, description = clean_labels(name, description)
    base = Image(
        kind="image",
        name=name,
        description=description,
        region_id=source.region_id,
        cluster=source.cluster,
        architecture=source.architecture,
        default_disk_gib=source.default_disk_gib,
        min_disk_gib=source.min_disk_gib,
        source_image=source,
        **_traits(source),
    )
    base.save(force_insert=True)
    allowed = allow(change.actor, IMAGE_COPY_TO_BASE, project=None, tenant_id=None)
    return allowed.request(base, args={"image": source.name})


def is_derived(image: Image) -> bool:
    """Whether it was to be created from a VM or another image, whether or not that still exists."""
    verbs = (IMAGE_CAPTURE.name, IMAGE_COPY_TO_BASE.name)
    return Operation.objects.filter(target_id=image.pk, verb__in=verbs).exists()


def hold_origin(image: Image) -> None:
    """Have what an image is created from kept for another attempt. Raises NotNow when it is gone."""
    origin = image.source_disk or image.source_image
    if origin is None:
        raise NotNow(
            _("What image %(name)s was created from no longer exists.") % {"name": image.name},
            hint=_("Delete the image and create it from another source."),
        )
    machine = image.source_disk.vm if image.source_disk is not None else None
    hold_for_use(origin, *([machine] if machine is not None else []))
    if image.source_disk is not None:
        Image.objects.filter(pk=image.pk).update(consistency="", copy_point=image.copy_point or uuid4())


def ensure_not_captured(vm: Vm) -> None:
    """Raise InUse naming the images that are being created from a VM that is to be deleted."""
    hint = _("Its system disk is being copied to these images. Wait until this has finished, or cancel it.")
    ensure_unused(
        vm, Resource.objects.filter(as_image__source_disk__vm=vm.pk, pk__in=_being_made()), hint=hint
    )


def ensure_not_copied(image: Image) -> None:
    """Raise InUse naming the images that are being copied from one that is to be deleted."""
    hint = _("It is being copied to these images. Wait until this has finished, or cancel it.")
    ensure_unused(
        image, Resource.objects.filter(as_image__source_image=image.pk, pk__in=_being_made()), hint=hint
    )


def _being_made() -> list[UUID]:
    """Return the images that are being made from something: few at a time."""
    making = Operation.objects.open().filter(verb__in=_MAKING)
    return list(making.values_list("target_id", flat=True))


def _held_system_disk(vm: Vm) -> Disk:
    """Return the VM's system disk, locked until the transaction ends. Raises NotNow, Busy."""
    rows = Disk.objects.select_related("cluster")
    disk = rows.filter(vm=vm, role=Disk.Role.SYSTEM).first()
    if disk is None:
        raise NotNow(_("The VM has no disk."))
    hold_for_use(disk)
    for operation in holding([disk]):
        raise busy_with(vm, operation)
    return disk


def _traits(image: Image) -> dict[str, object]:
    return {trait: getattr(image, trait) for trait in TRAITS}
