"""Looking up what a create form or call named. What the asker may not use does not exist."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Case, When
from django.utils.translation import gettext as _

from apps.accounts.access import visible
from apps.accounts.models import Project
from apps.compute import selectors
from apps.compute.models import Image, InstanceType, KeyPair
from apps.infrastructure.disk_speed import SPEED_COLUMNS
from apps.infrastructure.models import Region, StorageCluster
from apps.infrastructure.selectors import usable
from apps.infrastructure.space import SPACE_COLUMNS, ensure_accepts_disks
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid
from apps.network.models import SecurityGroup, Subnet
from apps.network.services.default_network import NAME as DEFAULT_NETWORK

# Of each row only what a create reads: most of the time of a small query is spent on the columns nobody looks at.
_TYPE = (
    "name",
    "vcpu",
    "memory_gib",
    "cluster__name",
    "cluster__alias",
    "cluster__architecture",
    "cluster__region__name",
    "cluster__region__label",
)
_IMAGE = (
    "name",
    "os_family",
    "architecture",
    "min_disk_gib",
    "default_disk_gib",
    "uefi",
    "secure_boot",
    "virtual_bytes",
    "stored_bytes",
    "cluster__name",
    "cluster__alias",
    "cluster__max_disk_gib",
    "cluster__accepts_disks",
    "cluster__driver",
    *(f"cluster__{column}" for column in SPACE_COLUMNS),
    *(f"cluster__{column}" for column in SPEED_COLUMNS),
    "region__label",
)


def instance_type(project: Project, pk: int) -> InstanceType:
    """Return a type of a cluster the project's tenant may use (CL-4). Raises Invalid."""
    found = selectors.usable_types(project.tenant_id).only(*_TYPE).filter(pk=pk).first()
    if found is None:
        raise Invalid(
            {"instance_type": [_("Instance type not found, or you have no access to its cluster.")]}
        )
    return found


def image(actor: Actor, project: Project, pk: UUID) -> Image:
    """Return a base image or one of the tenant's own, on a storage cluster it may use (CL-4). Raises Invalid."""
    found = selectors.usable_images(actor, project.tenant_id).only(*_IMAGE).filter(pk=pk).first()
    if found is None:
        raise Invalid({"image": [_("Image not found, or you have no access to its storage cluster.")]})
    return found


def system_cluster(project: Project, image: Image, pk: int | None) -> StorageCluster:
    """Return where a system disk is created, by default the image's storage cluster. Raises Invalid, Refused."""
    if pk is None or pk == image.cluster_id:
        ensure_accepts_disks(image.cluster, "image")
        return image.cluster
    rows = usable(project.tenant_id, StorageCluster.objects.select_related("region"))
    found = rows.filter(pk=pk).first()
    if found is None:
        raise Invalid({"disk_cluster": [_("Storage cluster not found, or you have no access to it.")]})
    ensure_accepts_disks(found, "disk_cluster")
    return found


def subnet(actor: Actor, project: Project, pk: UUID) -> Subnet:
    """Return a subnet of the project's tenant. Raises Invalid."""
    rows = visible(actor, Subnet.objects.select_related("region", "vpc"))
    rows = rows.only("name", "cidr", "cidr6", "region__label", "vpc__name")
    found = rows.filter(pk=pk, tenant_id=project.tenant_id).first()
    if found is None:
        raise Invalid({"subnet": [_("Subnet not found.")]})
    return found


def security_group(
    actor: Actor, project: Project, pk: UUID | None, field: str = "security_group"
) -> SecurityGroup | None:
    """Return a security group of the project's tenant; None for none. Raises Invalid at `field`."""
    if pk is None:
        return None
    rows = visible(actor, SecurityGroup.objects.select_related("region").only("name", "region__label"))
    found = rows.filter(pk=pk, tenant_id=project.tenant_id).first()
    if found is None:
        raise Invalid({field: [_("Security group not found.")]})
    return found


def default_group(actor: Actor, project: Project, region: Region) -> SecurityGroup:
    """Return the group named "default" in a region: the project's own, else another of its tenant. Raises Invalid."""
    rows = visible(actor, SecurityGroup.objects.select_related("region").only("name", "region__label"))
    here = rows.filter(tenant_id=project.tenant_id, region=region, name=DEFAULT_NETWORK)
    found = here.order_by(Case(When(project=project, then=0), default=1), "created_at").first()
    if found is None:
        text = _("There is no security group named “default” in region %(region)s.") % {
            "region": region.label
        }
        hint = _("Specify a security group, or send null for none. Without one, traffic is not filtered.")
        raise Invalid({"security_group": [text]}, hint=hint)
    return found


def public_keys(actor: Actor, project: Project, pks: Sequence[UUID]) -> list[str]:
    """Return the public keys of the tenant's SSH keys. Raises Invalid."""
    if not pks:
        return []
    rows = visible(actor, KeyPair.objects.all()).filter(pk__in=pks, tenant_id=project.tenant_id)
    keys = list(rows.values_list("public_key", flat=True))
    if len(keys) != len(set(pks)):
        raise Invalid({"key_pairs": [_("SSH key not found.")]})
    return keys
