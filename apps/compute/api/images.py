"""/api/v1/images"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers

from apps.api import limits
from apps.api.bodies import LineField, NumberId
from apps.api.declarations import Action, Create, Update
from apps.api.representation import ReferenceOut, ResourceOut
from apps.api.views import ResourceApi
from apps.compute import selectors
from apps.compute.filters import ImageFilter
from apps.compute.models import Image, ImageCopy
from apps.compute.models.image import DEFAULT_DISK_GIB
from apps.compute.services.image import import_image
from apps.compute.services.image_traits import edit_traits
from apps.compute.sorting import IS_BASE
from apps.compute.verbs import (
    IMAGE_COPY,
    IMAGE_COPY_TO_BASE,
    IMAGE_DELETE,
    IMAGE_DELETE_COPY,
    IMAGE_EDIT_TRAITS,
    IMAGE_EXPORT,
    IMAGE_IMPORT,
    IMAGE_RENAME,
    IMAGE_RETRY,
)
from apps.infrastructure.models import ComputeCluster, StorageCluster
from apps.infrastructure.selectors import get_cluster
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Operation
from apps.lifecycle.stored_messages import rendered_message
from apps.storage.models import Consistency


class ImageBody(serializers.Serializer[Any]):
    name = LineField(max_length=63)
    description = LineField(max_length=255, required=False, allow_blank=True, default="")
    cluster = NumberId(help_text="Storage cluster.")
    upload = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="A complete upload; or give `url`."
    )
    url = serializers.CharField(
        max_length=2048,
        required=False,
        allow_blank=True,
        default="",
        help_text="http or https, of a source that the administrator allows.",
    )
    sha256 = serializers.CharField(
        max_length=64,
        required=False,
        allow_blank=True,
        default="",
        help_text="Of the whole file, of `upload` or `url`; compared before the import.",
    )
    file = serializers.CharField(
        max_length=255,
        required=False,
        allow_blank=True,
        default="",
        help_text="Administrators: file name in the pool's import directory.",
    )
    project = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Project that owns the image. An administrator who names none imports a base image.",
    )
    os_family = serializers.ChoiceField(choices=Image.Family.choices, default=Image.Family.LINUX)
    os_name = LineField(max_length=63, required=False, allow_blank=True, default="")
    architecture = serializers.ChoiceField(
        choices=ComputeCluster.Architecture.choices, default=ComputeCluster.Architecture.X86
    )
    default_disk_gib = serializers.IntegerField(
        default=DEFAULT_DISK_GIB, min_value=1, max_value=limits.INTEGER
    )
    cloud_init = serializers.BooleanField(default=True)
    guest_agent = serializers.BooleanField(default=False)
    hot_upgrade = serializers.BooleanField(default=False)
    uefi = serializers.BooleanField(default=False, help_text="Boots with UEFI. Arm images always do.")
    secure_boot = serializers.BooleanField(default=False, help_text="x86 only; needs `uefi`.")


class ImageTraitsBody(serializers.Serializer[Any]):
    """What is left out stays. VMs keep the firmware they were created with."""

    os_family = serializers.ChoiceField(choices=Image.Family.choices, required=False)
    os_name = LineField(max_length=63, required=False, allow_blank=True)
    cloud_init = serializers.BooleanField(required=False)
    guest_agent = serializers.BooleanField(required=False)
    hot_upgrade = serializers.BooleanField(required=False)
    uefi = serializers.BooleanField(required=False)
    secure_boot = serializers.BooleanField(required=False, help_text="x86 only; needs `uefi`.")


class NewImageBody(serializers.Serializer[Any]):
    """Name of an image that is created from a VM or from another image."""

    name = LineField(max_length=63)
    description = LineField(max_length=255, required=False, allow_blank=True, default="")


class ImageClusterBody(serializers.Serializer[Any]):
    cluster = NumberId(help_text="Storage cluster.")


class ImageCopyOut(serializers.Serializer[Any]):
    cluster = ReferenceOut(help_text="Storage cluster.")
    state = serializers.ChoiceField(choices=ImageCopy.State.choices)
    progress = serializers.IntegerField(
        allow_null=True, help_text="Percent copied; null unless it is being copied."
    )
    stored_bytes = serializers.IntegerField()
    error = serializers.CharField(
        allow_blank=True, help_text="Why it was not made or deleted; empty otherwise."
    )


class ImageOut(ResourceOut):
    base = serializers.BooleanField(help_text="Available to all tenants.")
    os_family = serializers.ChoiceField(choices=Image.Family.choices)
    os_name = serializers.CharField()
    architecture = serializers.ChoiceField(choices=ComputeCluster.Architecture.choices)
    min_disk_gib = serializers.IntegerField()
    default_disk_gib = serializers.IntegerField()
    stored_bytes = serializers.IntegerField()
    source_format = serializers.CharField()
    cloud_init = serializers.BooleanField()
    guest_agent = serializers.BooleanField()
    hot_upgrade = serializers.BooleanField()
    uefi = serializers.BooleanField()
    secure_boot = serializers.BooleanField()
    consistency = serializers.ChoiceField(
        choices=Consistency.choices,
        allow_blank=True,
        help_text="State of the data of an image created from a VM; empty for others.",
    )
    cluster = ReferenceOut(help_text="Storage cluster.")
    copies = ImageCopyOut(many=True, help_text="In other storage clusters that you have access to.")

    @staticmethod
    def own(row: Image) -> dict[str, Any]:
        """Return the image's values."""
        return {
            "base": row.is_base,
            "os_family": row.os_family,
            "os_name": row.os_name,
            "architecture": row.architecture,
            "min_disk_gib": row.min_disk_gib,
            "default_disk_gib": row.default_disk_gib,
            "stored_bytes": row.stored_bytes,
            "source_format": row.source_format,
            "cloud_init": row.cloud_init,
            "guest_agent": row.guest_agent,
            "hot_upgrade": row.hot_upgrade,
            "uefi": row.uefi,
            "secure_boot": row.secure_boot,
            "consistency": row.consistency,
            "cluster": {"id": str(row.cluster_id), "name": row.cluster.name},
            "copies": [_copy(copy) for copy in row.shown_copies],
        }


def _copy(copy: ImageCopy) -> dict[str, Any]:
    return {
        "cluster": {"id": str(copy.cluster_id), "name": str(copy.cluster)},
        "state": copy.state,
        "progress": copy.progress,
        "stored_bytes": copy.stored_bytes,
        "error": rendered_message(copy.error, "message") if copy.error else "",
    }


def import_from_api(actor: Actor, *, cluster: int, project: UUID | None, **rest: Any) -> Operation:
    """Import an image on the storage cluster of this id."""
    pool = get_cluster(actor, StorageCluster.objects.all(), cluster)
    return import_image(actor, cluster=pool, project=project, **rest)


def edit_from_api(actor: Actor, row: Image, **traits: Any) -> Image:
    """Set the traits and return the image with what its representation reads."""
    edit_traits(actor, row, **traits)
    return selectors.visible_images(actor).get(pk=row.pk)


class ImageApi(ResourceApi):
    """Images: base images for all tenants, and private images of a tenant."""

    model = Image
    out = ImageOut
    filterset_class = ImageFilter
    sorts = {"base": IS_BASE}
    create = Create(IMAGE_IMPORT, ImageBody, import_from_api)
    update = Update(IMAGE_RENAME)
    delete = Action(IMAGE_DELETE)
    actions = (
        Action(IMAGE_RETRY),
        Action(IMAGE_COPY_TO_BASE, NewImageBody),
        Action(IMAGE_EDIT_TRAITS, ImageTraitsBody, edit_from_api, immediate=True, bulk=False),
        Action(IMAGE_EXPORT),
        Action(IMAGE_COPY, ImageClusterBody),
        Action(IMAGE_DELETE_COPY, ImageClusterBody),
    )

    def visible(self, actor: Actor) -> QuerySet[Image]:
        """Return the images the actor may see."""
        return selectors.visible_images(actor)
