"""The form of an import. It checks shape only; rules live in the service."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.api import limits
from apps.compute.forms import ProjectForm
from apps.compute.models import Image
from apps.compute.models.image import DEFAULT_DISK_GIB
from apps.compute.owner_field import OwnerForm
from apps.infrastructure.models import ComputeCluster, StorageCluster
from apps.infrastructure.selectors import visible_storage_clusters
from apps.portal.forms import BaseForm
from apps.uploads.models import Upload
from apps.uploads.selectors import complete_uploads

#: What an image is imported from, in the order of the page.
SOURCES = ("upload", "url", "sha256")


class ImageForm(BaseForm):
    """What both ask for."""

    upload = forms.ModelChoiceField(
        Upload.objects.none(),
        label=_("Uploaded file"),
        required=False,
        empty_label=_("None"),
        help_text=_("Uploads that are complete. They are deleted after the import."),
    )
    url = forms.CharField(
        label=_("URL"),
        max_length=2048,
        required=False,
        help_text=_("http or https, of a source that the administrator allows."),
    )
    sha256 = forms.CharField(
        label=_("SHA-256 checksum"),
        max_length=64,
        required=False,
        help_text=_("Of the whole file. Compared before the import."),
    )
    name = forms.CharField(label=_("Name"), max_length=63)
    cluster = forms.ModelChoiceField(
        StorageCluster.objects.none(), label=_("Storage cluster"), empty_label=None
    )
    os_family = forms.ChoiceField(label=_("OS family"), choices=Image.Family.choices)
    os_name = forms.CharField(label=_("Operating system"), max_length=63, required=False)
    architecture = forms.ChoiceField(label=_("CPU architecture"), choices=ComputeCluster.Architecture.choices)
    default_disk_gib = forms.IntegerField(
        label=_("Suggested system disk (GiB)"),
        min_value=1,
        max_value=limits.INTEGER,
        initial=DEFAULT_DISK_GIB,
    )
    cloud_init = forms.BooleanField(label=_("Supports cloud-init"), required=False, initial=True)
    guest_agent = forms.BooleanField(label=_("Guest agent installed"), required=False)
    hot_upgrade = forms.BooleanField(label=_("Supports CPU and memory hot-add"), required=False)
    uefi = forms.BooleanField(label=_("Boots with UEFI"), required=False)
    secure_boot = forms.BooleanField(label=_("Boots with Secure Boot"), required=False)
    description = forms.CharField(label=_("Description"), max_length=255, required=False)

    def prepare(self) -> None:
        """Offer storage clusters and uploads."""
        super().prepare()
        clusters = visible_storage_clusters(self.actor).select_related("region")
        self.fields["cluster"].queryset = clusters  # type: ignore[attr-defined]
        self.fields["upload"].queryset = complete_uploads(self.actor)  # type: ignore[attr-defined]


class AdminImageForm(ImageForm, OwnerForm):
    """An administrator's: a base image or one for a tenant, also of a file in the pool."""

    file = forms.CharField(
        label=_("File in the pool"),
        max_length=255,
        required=False,
        help_text=_("Name of a file in the pool’s import directory."),
    )


class TenantImageForm(ImageForm, ProjectForm):
    """A tenant's: an image of its own."""
