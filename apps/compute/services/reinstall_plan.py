"""What a reinstallation asks for, looked up and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from apps.accounts.models import Project
from apps.compute.models import Image, Vm
from apps.compute.services import first_boot, references
from apps.compute.services.guest_password import family_of
from apps.compute.services.user_data import UserDataEncoding, read_user_data
from apps.infrastructure.models import StorageCluster
from apps.infrastructure.regions import ensure_one_region
from apps.lifecycle.actor import Actor
from apps.lifecycle.dry_run import ErrorCollector
from apps.lifecycle.errors import Invalid, Refused
from apps.storage.models import Disk


@dataclass(frozen=True)
class ReinstallRequest:
    """A call as it came in."""

    image: UUID
    disk_gib: int | None = None
    password: str = ""
    key_pairs: Sequence[UUID] = ()
    user_data: str = ""
    user_data_encoding: str = UserDataEncoding.PLAIN


@dataclass(frozen=True)
class ReinstallPlan:
    """What was requested, all of it there and checked. The new system disk is created where the old one is."""

    image: Image
    cluster: StorageCluster
    disk_gib: int
    ssh_keys: list[str]
    user_data: str


def look_up(actor: Actor, vm: Vm, old: Disk, asked: ReinstallRequest) -> ReinstallPlan:
    """Return the plan. Raises what is refused of it, all at once."""
    refusals = ErrorCollector()
    project = vm.project
    assert project is not None, "every VM is in a project"
    image = refusals.attempt(_image, actor, project, vm, asked.image)
    cluster = refusals.attempt(references.system_cluster, project, image, old.cluster_id) if image else None
    keys = refusals.attempt(references.public_keys, actor, project, asked.key_pairs)
    family = image.os_family if image else None
    user_data = refusals.attempt(read_user_data, asked.user_data, asked.user_data_encoding, family)
    size = asked.disk_gib or max(old.size_gib, image.min_disk_gib if image else 1)
    refusals.attempt(_check, asked, image, cluster, size)
    refusals.raise_any()
    assert image is not None and cluster is not None
    return ReinstallPlan(image, cluster, size, keys or [], user_data or "")


def _image(actor: Actor, project: Project, vm: Vm, pk: UUID) -> Image:
    """Return an image that the VM can be reinstalled from. Raises Invalid, Refused."""
    image = references.image(actor, project, pk)
    ensure_one_region(vm.cluster, image, field="image")
    family = family_of(vm)
    if image.os_family != family:
        raise Refused(
            _("Image %(image)s is for %(has)s, but VM %(name)s is a %(family)s VM.")
            % {
                "image": image.name,
                "has": image.get_os_family_display(),
                "name": vm.name,
                "family": family.label,
            },
            code="image.os_family",
            field="image",
            hint=_("Choose an image of the same OS family, or create a new VM."),
        )
    if image.architecture != vm.cluster.architecture:
        raise Refused(
            _("Image %(image)s needs %(arch)s CPUs, but cluster %(cluster)s has %(has)s CPUs.")
            % {
                "image": image.name,
                "arch": image.get_architecture_display(),
                "cluster": vm.cluster,
                "has": vm.cluster.get_architecture_display(),
            },
            code="image.architecture",
            field="image",
            hint=_("Choose an image for the cluster’s CPUs."),
        )
    return image


def _check(asked: ReinstallRequest, image: Image | None, cluster: StorageCluster | None, size: int) -> None:
    """Raise Invalid with everything that is wrong with what was typed."""
    wrong: dict[str, list[str]] = {}
    if asked.password:
        wrong["password"] = first_boot.password_errors(asked.password)
    if image and cluster and not image.min_disk_gib <= size <= cluster.max_disk_gib:
        wrong["disk_gib"] = [
            _("%(least)s to %(most)s GiB for this image.")
            % {"least": image.min_disk_gib, "most": cluster.max_disk_gib}
        ]
    if image is not None:
        given = [name for name in first_boot.FIELDS if getattr(asked, name, None)]
        wrong |= first_boot.unread_errors(image, given)
    wrong = {field: messages for field, messages in wrong.items() if messages}
    if wrong:
        raise Invalid(wrong)
