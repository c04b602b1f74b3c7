"""Which VMs, images, key pairs and instance types a user may see and use."""

from __future__ import annotations

from django.db.models import Prefetch, Q, QuerySet

from apps.compute.models import Image, InstanceType, KeyPair, Vm
from apps.infrastructure.models import ComputeCluster, StorageCluster
from apps.infrastructure.selectors import usable, visible_compute_clusters
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import State
from apps.network.models import Nic
from apps.storage.models import Disk
from apps.tenancy.access import visible


def visible_vms(actor: Actor) -> QuerySet[Vm]:
    """Return the VMs the actor may see, with what lists and details show; first-boot data stays in the database."""
    return (
        visible(actor, Vm.objects.all())
        .select_related("host", "cluster", "image", "instance_type")
        .defer("user_data", "sealed_password_hash", "ssh_keys")
        .prefetch_related(
            Prefetch("nics", Nic.objects.select_related("subnet__vpc", "security_group").order_by("role")),
            Prefetch("disks", Disk.objects.select_related("cluster").order_by("-role", "created_at")),
        )
    )


def visible_images(actor: Actor) -> QuerySet[Image]:
    """Return the tenant's own images and the base images; those on clusters it may not use are left out (CL-4)."""
    rows = Image.objects.select_related("cluster__region", "tenant", "project", "region")
    if actor.is_system or (actor.is_admin and actor.tenant is None):
        return rows
    if actor.tenant is None:
        return rows.none()
    allowed = usable(actor.tenant.pk, StorageCluster.objects.all())
    own = visible(actor, Image.objects.all()).values("pk")
    base = Q(tenant__isnull=True, cluster__in=allowed)
    return rows.filter(base | Q(pk__in=own))


def usable_images(actor: Actor, tenant_id: int) -> QuerySet[Image]:
    """Return the images from which a tenant can make VMs."""
    own = visible(actor, Image.objects.filter(tenant_id=tenant_id)).values("pk")
    allowed = usable(tenant_id, StorageCluster.objects.all())
    return Image.objects.select_related("cluster", "region").filter(
        Q(tenant__isnull=True) | Q(pk__in=own), cluster__in=allowed
    )


def ready_images(actor: Actor, tenant_id: int) -> QuerySet[Image]:
    """Return the usable images whose import has finished, base images first."""
    return usable_images(actor, tenant_id).filter(state=State.READY).order_by("-tenant", "name")


def visible_key_pairs(actor: Actor) -> QuerySet[KeyPair]:
    """Return the key pairs the actor may see."""
    return visible(actor, KeyPair.objects.all()).select_related("tenant", "project")


def usable_types(tenant_id: int | None) -> QuerySet[InstanceType]:
    """Return the instance types of the clusters a tenant may use (IT-3)."""
    allowed = usable(tenant_id, ComputeCluster.objects.all())
    return InstanceType.objects.filter(cluster__in=allowed).select_related("cluster__region")


def visible_types(actor: Actor) -> QuerySet[InstanceType]:
    """Return the instance types of the clusters the actor may see."""
    allowed = visible_compute_clusters(actor)
    return InstanceType.objects.filter(cluster__in=allowed).select_related("cluster__region")
