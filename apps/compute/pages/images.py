"""Images."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from apps.compute import selectors
from apps.compute.filters import ImageFilter
from apps.compute.image_copy_forms import ImageCopyForm, ImageDeleteCopyForm
from apps.compute.image_dialogs import CopyToBaseForm, ImageTraitsForm
from apps.compute.models import Image, Vm
from apps.compute.models.vm import Firmware
from apps.compute.pages.image_copies import image_copies
from apps.compute.pages.image_download import image_download
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
from apps.infrastructure.models import StorageCluster
from apps.portal.columns import CREATED, DESCRIPTION, ID, NAME, REGION, STATE, TENANT, UPDATED, Column
from apps.portal.dependencies import Related
from apps.portal.detail import ACTIVITY, OVERVIEW, DetailPage, Properties, Property, Tab
from apps.portal.facets import choice_facet, region_facet, status_facet, tenant_facet
from apps.portal.forms import LabelsForm
from apps.portal.kinds import Do, PageKind
from apps.portal.lists import Empty, ListPage
from apps.portal.status_filter import with_status
from apps.storage.models import Consistency, Disk


def _goes(image: Image) -> list[str]:
    return [
        _("Image %(name)s is deleted from all its storage clusters.") % {"name": image.name},
        _("An image cannot be deleted while system disks depend on it."),
    ]


def _copy_goes(image: Image) -> list[str]:
    return [
        _("The copy is deleted. Image %(name)s and its other copies are kept.") % {"name": image.name},
        _("A copy cannot be deleted while system disks depend on it."),
    ]


_OWN = (
    Do(IMAGE_RETRY),
    Do(IMAGE_COPY, form=ImageCopyForm),
    Do(IMAGE_COPY_TO_BASE, form=CopyToBaseForm),
    Do(IMAGE_EXPORT),
    Do(IMAGE_EDIT_TRAITS, form=ImageTraitsForm),
    Do(IMAGE_RENAME, form=LabelsForm),
    Do(IMAGE_DELETE_COPY, form=ImageDeleteCopyForm, says=_copy_goes, typed_name=True),
    Do(IMAGE_DELETE, says=_goes, typed_name=True),
)

IMAGE = PageKind(
    "image",
    "images",
    one=gettext_lazy("image"),
    many=gettext_lazy("Images"),
    icon="disc",
    help="images-and-disks#images",
    visible=selectors.visible_images,
    create=IMAGE_IMPORT,
    actions=_OWN,
)


def _system(row: Image, page: ListPage) -> str:
    return row.os_name or row.get_os_family_display()


_KINDS = (("true", gettext_lazy("Base image")), ("false", gettext_lazy("Own")))


def _origin(row: Image) -> Property:
    """Where its data is from: the format of a file, or the state of a VM's disk."""
    states = {
        Consistency.FILESYSTEM: _("File systems frozen by the guest agent"),
        Consistency.CRASH: _("As after a power cut"),
        Consistency.OFFLINE: _("The VM was stopped"),
    }
    if row.consistency:
        return Property(_("State of the data"), states[Consistency(row.consistency)])
    return Property(_("Imported from"), row.source_format)


class ImageList(ListPage):
    of = IMAGE
    columns = (
        NAME,
        STATE,
        Column(
            "kind",
            gettext_lazy("Kind"),
            lambda row, page: dict(_KINDS)["true" if row.is_base else "false"],
            sort=IS_BASE,
            filter="base",
            facet=choice_facet("base", gettext_lazy("Kind"), lambda page: _KINDS),
        ),
        Column("system", gettext_lazy("Operating system"), _system, sort=("os_family", "os_name")),
        Column(
            "arch",
            gettext_lazy("CPUs"),
            lambda row, page: row.get_architecture_display(),
            sort="architecture",
        ),
        Column(
            "disk",
            gettext_lazy("System disk"),
            lambda row, page: f"≥ {row.min_disk_gib} GiB",
            sort="min_disk_gib",
            end=True,
            text=lambda row, page: row.min_disk_gib,
        ),
        REGION,
        TENANT,
        CREATED,
        UPDATED,
        ID,
        DESCRIPTION,
    )
    filter = with_status(ImageFilter, Image, "image")
    facets = (
        status_facet,
        choice_facet("os_family", gettext_lazy("OS family"), lambda page: Image.Family.choices),
        tenant_facet,
        region_facet,
    )
    empty = Empty(
        gettext_lazy("No images yet"),
        gettext_lazy("Upload a disk image to create VMs from it."),
    )


class ImageDetail(DetailPage):
    of = IMAGE
    tabs = (
        OVERVIEW,
        Tab("copies", gettext_lazy("Copies"), "compute/image_copies.html", image_copies),
        Tab(
            "download",
            pgettext_lazy("of an image", "Download"),
            "compute/image_download.html",
            image_download,
            admin=True,
        ),
        ACTIVITY,
    )

    def properties(self, row: Image) -> Sequence[Properties]:
        """What it holds."""
        traits = [
            (row.cloud_init, _("supports cloud-init")),
            (row.guest_agent, _("guest agent installed")),
            (row.hot_upgrade, _("supports CPU and memory hot-add")),
        ]
        return [
            Properties(
                _("OS"),
                [
                    Property(_("Operating system"), row.os_name or row.get_os_family_display()),
                    Property(_("CPU architecture"), row.get_architecture_display()),
                    Property(_("Firmware"), Firmware(row.firmware.value).label),
                    Property(_("Features"), ", ".join(text for has, text in traits if has)),
                ],
            ),
            Properties(
                _("Storage"),
                [
                    Property(_("Storage cluster"), str(row.cluster)),
                    Property(_("Minimum system disk"), f"{row.min_disk_gib} GiB"),
                    Property(_("Suggested system disk"), f"{row.default_disk_gib} GiB"),
                    Property(_("Stored"), f"{row.stored_bytes / (1 << 20):,.0f} MiB"),
                    _origin(row),
                ],
            ),
        ]

    def uses(self, row: Image) -> Sequence[Related]:
        """Where it is stored, and what it was created from."""
        clusters = [row.cluster_id, *(copy.cluster_id for copy in row.shown_copies)]
        return [
            Related("storage_cluster", StorageCluster.objects.filter(pk__in=clusters)),
            Related("vm", Vm.objects.filter(disks__in=[row.source_disk_id])),
            Related("image", Image.objects.filter(pk__in=[row.source_image_id])),
        ]

    def used_by(self, row: Image) -> Sequence[Related]:
        """What was made from it: disks go on reading from it."""
        return [
            Related("vm", Vm.objects.filter(image=row), f"image={row.pk}"),
            Related("disk", Disk.objects.filter(image=row)),
        ]
