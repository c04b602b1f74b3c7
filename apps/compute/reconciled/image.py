"""What is reconciled of images: their files in storage clusters."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from apps.compute.models import Image
from apps.compute.verbs import IMAGE_FORCE_CLEAN
from apps.drivers.protocols import Volumes
from apps.drivers.specs import ImageSpec, PoolKind, PoolSpec
from apps.lifecycle.models import Resource
from apps.reconciliation.declared import Clean, Reconciled, declare
from apps.reconciliation.models import Rule
from apps.reconciliation.places import InPool
from apps.reconciliation.previews import file_removed
from apps.reconciliation.rules import AT_REST, PARTIAL

GIB = 1 << 30

_ROWS = f"""
    SELECT r.id, r.name, r.tenant_id, r.id AS resource, 0 AS size_gib, r.id AS lost
      FROM compute_image k JOIN lifecycle_resource r ON r.id = k.resource_id
     WHERE k.cluster_id = %(cluster)s AND {AT_REST}
    UNION ALL SELECT c.id, r.name, r.tenant_id, r.id, 0, r.id
      FROM compute_imagecopy c JOIN lifecycle_resource r ON r.id = c.image_id
     WHERE c.cluster_id = %(cluster)s AND c.state = 'ready' AND {AT_REST}
"""  # noqa: S608 -- constants

_COPIES = "SELECT id FROM compute_imagecopy"


def _remove(volumes: Volumes, id: str, pool: PoolSpec) -> None:
    volumes.ensure_image_absent(ImageSpec(id, pool))


def _users(key: UUID) -> QuerySet[Resource]:
    return Resource.objects.filter(as_disk__image=key)


def _cleaned(resource: Resource) -> Clean:
    size = -(-Image.objects.get(pk=resource.pk).virtual_bytes // GIB)
    return Clean([], [_("The image: %(size)s GiB.") % {"size": size}], {"image": 1})


declare(
    Reconciled(
        "image",
        Image,
        InPool(PoolKind.IMAGE, _ROWS, _remove, known=_COPIES),
        stale=gettext_noop("The image file is missing in %(place)s."),
        orphan=gettext_noop("%(place)s contains this image, but it is not in the database."),
        removed=file_removed,
        safe=frozenset({(Rule.ORPHAN, PARTIAL)}),
        no_remake=gettext_lazy(
            "The image file is missing. Import it again as a new image. "
            "If a copy is missing, delete the copy and make it again."
        ),
        force_clean=IMAGE_FORCE_CLEAN,
        users=_users,
        cleaned=_cleaned,
    )
)
