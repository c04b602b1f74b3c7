"""Which VMs, images, SSH keys and instance types a user may see and use."""

from __future__ import annotations

from django.db.models import F, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.fields.json import KT

from apps.accounts.access import visible
from apps.compute.models import Image, ImageCopy, InstanceType, KeyPair, Vm
from apps.compute.models.vm_template import VmTemplate, VmTemplateVersion
from apps.infrastructure.selectors import (
    in_usable_compute,
    in_usable_storage,
    visible_compute_clusters,
    visible_storage_clusters,
)
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Resource, State
from apps.network.models import Eip, Nic
from apps.storage.models import Disk

_NOT_SHOWN = {
    *("sealed_user_data", "sealed_password_hash", "sealed_new_password"),
    *("ssh_keys", "first_boot_done_at", "guest_uid", "resize_host"),
}
# Of what a VM refers to, lists show little more than names: reading whole rows would cost more than all the rest.
_SHOWN = [
    *(field.name for field in Vm._meta.concrete_fields if field.name not in _NOT_SHOWN),
    "host__name",
    "host__last_report_at",
    "cluster__name",
    "cluster__alias",
    "image__name",
    "instance_type__name",
    *(f"{related}__{column}" for related in ("tenant", "project") for column in ("uid", "name")),
    "region__name",
    "region__label",
]
#: Of a resource that is named beside another: its name, and what says whether the reader may open it.
_NAMED = ("name", "kind", "tenant", "project")
_NICS = (
    Nic.objects.select_related("subnet__vpc", "security_group")
    .only(
        *(field.name for field in Nic._meta.concrete_fields),
        "subnet__name",
        "subnet__kind",
        "subnet__cidr",
        "subnet__cidr6",
        *(f"subnet__vpc__{column}" for column in _NAMED),
        *(f"security_group__{column}" for column in _NAMED),
    )
    .order_by("-role")  # the internal one first
)
_EIPS = (
    Eip.objects.select_related("segment", "segment_address")
    .only(
        "carrier",
        "bound_at",
        "mbit",
        "delivery",
        "delivery_chosen",
        "is_egress",
        *_NAMED,
        *(f"segment__{column}" for column in (*_NAMED, "cidr", "routes")),
        "segment_address__ip",
        "segment_address__holder",
    )
    .order_by("bound_at", "pk")
)
_DISKS = (
    Disk.objects.select_related("cluster")
    .only("vm", *_NAMED, "role", "size_gib", "slot", "created_at", "cluster__name", "cluster__alias")
    .order_by("slot")
)


def visible_vms(actor: Actor) -> QuerySet[Vm]:
    """Return the VMs the actor may see, with what lists and details show; first-boot data stays in the database.

    NICs, EIPs and disks are in `shown_…`: lists, since a manager per row would cost a third of the page.
    """
    return (
        # All rows of this table are VMs, but only with the kind named can PostgreSQL walk the index of lists.
        visible(actor, Vm.objects.filter(kind="vm"))  # type: ignore[no-redef]  # declared on Vm for callers
        .select_related("host", "cluster", "image", "instance_type")
        .only(*_SHOWN)
        .prefetch_related(
            "resize_type",  # few have one, and beyond 12 tables PostgreSQL plans for long
            Prefetch("nics", _NICS, to_attr="shown_nics"),
            Prefetch("eips", _EIPS, to_attr="shown_eips"),
            Prefetch("disks", _DISKS, to_attr="shown_disks"),
        )
    )


def with_system_disk(vm: Vm) -> QuerySet[Resource]:
    """Return what is always in the project of a VM: its system disk and the snapshots of it."""
    system = Disk.objects.filter(vm=vm.pk, role=Disk.Role.SYSTEM).values("pk")
    return Resource.objects.filter(Q(pk__in=system) | Q(as_snapshot__disk__in=system))


def visible_images(actor: Actor) -> QuerySet[Image]:
    """Return the tenant's own images and the base images; those on clusters it may not use are left out (CL-4).

    Copies in clusters that the actor may see are in `shown_copies`.
    """
    copies = ImageCopy.objects.filter(cluster__in=visible_storage_clusters(actor))
    copies = copies.select_related("cluster", "operation").order_by("cluster__name", "pk")
    rows = Image.objects.select_related("cluster__region", "tenant", "project", "region")
    shown = Prefetch("copies", copies, to_attr="shown_copies")
    rows = rows.prefetch_related(shown)  # type: ignore[no-redef]  # declared on Image for callers
    if actor.is_system or (actor.is_admin and actor.tenant is None):
        return rows
    if actor.tenant is None:
        return rows.none()
    own = visible(actor, Image.objects.all()).values("pk")
    base = Q(tenant__isnull=True, region__open_to_tenants=True) & in_usable_storage(actor.tenant.pk)
    return rows.filter(base | Q(pk__in=own))


def usable_images(actor: Actor, tenant_id: int) -> QuerySet[Image]:
    """Return the images from which a tenant can make VMs."""
    own = visible(actor, Image.objects.filter(tenant_id=tenant_id)).values("pk")
    return Image.objects.select_related("cluster", "region").filter(
        Q(tenant__isnull=True) | Q(pk__in=own), in_usable_storage(tenant_id)
    )


def ready_images(actor: Actor, tenant_id: int) -> QuerySet[Image]:
    """Return the usable images whose import has finished, base images first."""
    ready = usable_images(actor, tenant_id).filter(state=State.READY, region__open_to_tenants=True)
    return ready.order_by("-tenant", "name")


def visible_key_pairs(actor: Actor) -> QuerySet[KeyPair]:
    """Return the SSH keys the actor may see."""
    return visible(actor, KeyPair.objects.all()).select_related("tenant", "project")


def visible_vm_templates(actor: Actor) -> QuerySet[VmTemplate]:
    """Return the VM templates the actor may see, each with its newest version in `shown_versions`."""
    newest = VmTemplateVersion.objects.filter(number=F("template__version"))
    rows = visible(actor, VmTemplate.objects.filter(kind="vm_template"))
    rows = rows.select_related("tenant", "project")
    # To be narrowed and sorted by: what was chosen may have gone.
    of_row = VmTemplateVersion.objects.filter(template=OuterRef("pk"), number=OuterRef("version"))
    rows = rows.annotate(
        type_name=Subquery(of_row.values_list(KT("names__instance_type"))),
        image_name=Subquery(of_row.values_list(KT("names__image"))),
    )
    shown = Prefetch("versions", newest, to_attr="shown_versions")
    return rows.prefetch_related(shown)  # type: ignore[no-redef]  # declared on VmTemplate for callers


def usable_types(tenant_id: int) -> QuerySet[InstanceType]:
    """Return the instance types of the clusters a tenant may use (IT-3), in regions that are open."""
    types = InstanceType.objects.filter(in_usable_compute(tenant_id), cluster__region__open_to_tenants=True)
    return types.select_related("cluster__region")


def visible_types(actor: Actor) -> QuerySet[InstanceType]:
    """Return the instance types of the clusters the actor may see."""
    allowed = visible_compute_clusters(actor)
    return InstanceType.objects.filter(cluster__in=allowed).select_related("cluster__region")
