"""The dialogs about copies of an image: to which storage cluster, and in which."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.compute.models import ImageCopy
from apps.infrastructure.models import StorageCluster
from apps.infrastructure.selectors import usable, visible_storage_clusters
from apps.portal.forms import RowForm


class _ClusterForm(RowForm):
    cluster = forms.TypedChoiceField(label=gettext_lazy("Storage cluster"), coerce=int)
    #: Said where there is nothing to choose.
    none_text = gettext_lazy("No storage cluster to choose.")

    def prepare(self) -> None:
        """Offer what makes sense for the image."""
        field = self.fields["cluster"]
        assert isinstance(field, forms.TypedChoiceField)
        if self.row is None:
            return
        rows = self.offered().order_by("name", "pk")
        field.choices = [(row.pk, str(row)) for row in rows]
        if not field.choices:
            field.help_text = str(self.none_text)
        # The image's own cluster is no choice: it is what the dialog found on the row under this name.
        if isinstance(self.initial.get("cluster"), StorageCluster):
            del self.initial["cluster"]

    def offered(self) -> QuerySet[StorageCluster]:
        """Return the storage clusters to choose from."""
        raise NotImplementedError


class ImageCopyForm(_ClusterForm):
    """To which storage cluster the image is copied."""

    none_text = gettext_lazy(
        "The image is stored in all storage clusters of its region that you have access to."
    )

    def offered(self) -> QuerySet[StorageCluster]:
        """Return those of the region that take disks and do not have the image."""
        rows = visible_storage_clusters(self.actor).filter(region=self.row.region_id, accepts_disks=True)
        if self.row.tenant_id is not None:
            rows = usable(self.row.tenant_id, rows)
        there = ImageCopy.objects.filter(image=self.row.pk).exclude(state=ImageCopy.State.ERROR)
        return rows.exclude(pk=self.row.cluster_id).exclude(pk__in=there.values("cluster"))

    def says(self) -> list[Any]:
        """Say how much is copied."""
        size = f"{self.row.stored_bytes / (1 << 30):,.1f}"
        return [
            _("%(size)s GiB are copied. VMs can be created from the image meanwhile.") % {"size": size},
            _("VMs with their system disk in that storage cluster then start without waiting for the copy."),
        ]


class ImageDeleteCopyForm(_ClusterForm):
    """In which storage cluster the copy is deleted."""

    none_text = gettext_lazy("The image has no copies in other storage clusters.")

    def offered(self) -> QuerySet[StorageCluster]:
        """Return those that have a copy."""
        copies = ImageCopy.objects.filter(image=self.row.pk).values("cluster")
        return visible_storage_clusters(self.actor).filter(pk__in=copies)
