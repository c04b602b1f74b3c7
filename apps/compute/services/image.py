"""Importing and deleting images."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.access import allow
from apps.accounts.acts import changes, renames
from apps.accounts.labels import MAX_NAME, clean_labels
from apps.accounts.references import chosen_project
from apps.accounts.single_line import clean_line
from apps.compute.models import Image
from apps.compute.models.image import DEFAULT_DISK_GIB
from apps.compute.services.image_capture import ensure_not_copied, hold_origin, is_derived
from apps.compute.services.image_copy import stop_copying
from apps.compute.services.image_source import (
    IMPORT_DIRECTORY,
    chosen_source,
    ensure_usable_cluster,
    source_again,
)
from apps.compute.services.image_traits import check_firmware
from apps.compute.verbs import IMAGE_DELETE, IMAGE_IMPORT, IMAGE_RENAME, IMAGE_RETRY
from apps.infrastructure.models import ComputeCluster, StorageCluster
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.errors import InUse, Invalid
from apps.lifecycle.models import Operation, Resource
from apps.lifecycle.requests import Change
from apps.quotas.services import reserve_quota

__all__ = ["IMPORT_DIRECTORY", "delete_image", "import_image", "rename_image", "retry_image"]


@serves(IMAGE_IMPORT)
@transaction.atomic
def import_image(
    actor: Actor,
    *,
    name: str,
    cluster: StorageCluster,
    file: str = "",
    upload: UUID | None = None,
    url: str = "",
    sha256: str = "",
    os_family: str = Image.Family.LINUX,
    os_name: str = "",
    architecture: str = ComputeCluster.Architecture.X86,
    default_disk_gib: int = DEFAULT_DISK_GIB,
    cloud_init: bool = True,
    guest_agent: bool = False,
    hot_upgrade: bool = False,
    uefi: bool = False,
    secure_boot: bool = False,
    project: UUID | None = None,
    description: str = "",
) -> Operation:
    """Make an image of a file: an upload, what a URL leads to, or one in the pool's import directory.

    For a project's tenant; an administrator who names no project makes a base image. Only administrators import from
    the import directory. Raises Invalid, Forbidden, QuotaExceeded, or Refused by a storage cluster that takes no disks.
    """
    into = chosen_project(actor, project) if project or actor.tenant is not None else None
    allowed = allow(actor, IMAGE_IMPORT, project=into, tenant_id=into.tenant_id if into else None)
    name, description = clean_labels(name, description)
    check_firmware(architecture, uefi=uefi, secure_boot=secure_boot)
    source = chosen_source(actor, cluster, into, file=file, upload=upload, url=url, sha256=sha256)
    ensure_usable_cluster(actor, cluster, into)
    if not 1 <= default_disk_gib <= cluster.max_disk_gib:
        most = {"most": cluster.max_disk_gib, "cluster": cluster}
        raise Invalid({"default_disk_gib": [_("1 to %(most)s GiB, the largest disk of %(cluster)s.") % most]})
    if into is not None:
        reserve_quota(into.tenant_id, {"image": 1})
    image = Image(
        kind="image",
        name=name,
        description=description,
        tenant_id=into.tenant_id if into else None,
        project=into,
        region_id=cluster.region_id,
        cluster=cluster,
        os_family=os_family,
        os_name=clean_line("os_name", os_name, MAX_NAME),
        architecture=architecture,
        default_disk_gib=default_disk_gib,
        cloud_init=cloud_init,
        guest_agent=guest_agent,
        hot_upgrade=hot_upgrade,
        uefi=uefi,
        secure_boot=secure_boot,
    )
    image.save(force_insert=True)
    operation = allowed.request(image, args=source.args)
    source.held_by(operation)
    return operation


@changes(IMAGE_RETRY, shared=True)
def retry_image(
    change: Change[Image], *, source: str = "", upload: str = "", url: str = "", sha256: str = ""
) -> Operation:
    """Create once more what failed: import the same file, or copy what the VM's disk holds now.

    The values are those of the attempt that failed, where known. Raises NotNow.
    """
    if is_derived(change.row):
        hold_origin(change.row)
        return change.request()
    imports = Operation.objects.filter(target_id=change.row.pk, verb=IMAGE_IMPORT.name)
    named = {"source": source, "upload": upload, "url": url, "sha256": sha256}
    args = {name: value for name, value in named.items() if value}
    again = source_again(change.actor, change.row, args or imports.latest("created_at").args)
    operation = change.request(args=again.args)
    again.held_by(operation)
    return operation


rename_image = renames(IMAGE_RENAME)


@changes(IMAGE_DELETE, shared=True)
def delete_image(change: Change[Image]) -> Operation:
    """Delete an image from which no disk was cloned, and its copies. Raises InUse with the disks' VMs."""
    image = change.row
    disks = list(image.disks.select_related("vm")[:50])
    if disks:
        raise InUse(
            _("%(count)s system disks still depend on this image.") % {"count": image.disks.count()},
            hint=_("Delete the VMs that use the image first."),
            details={"resources": [_user(disk.vm or disk) for disk in disks]},
        )
    ensure_not_copied(image)
    stop_copying(change)
    change.bump()
    return change.request()


def _user(resource: Resource) -> dict[str, str]:
    return {"kind": resource.kind, "id": str(resource.pk), "name": resource.name}
