"""The fields of a new VM's disks: where they are created, and the sizes of data disks as a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.infrastructure.models import StorageCluster
from apps.infrastructure.selectors import visible_storage_clusters
from apps.portal.forms import BaseForm


class ClusterField(forms.ModelChoiceField):  # type: ignore[type-arg]  # no generic at run time
    """Storage clusters, each with its region."""

    def label_from_instance(self, obj: Any) -> str:
        """Name the cluster and its region."""
        return f"{obj} ({obj.region.label})"


class DataDiskFields(BaseForm):
    shown_at: ClassVar[Mapping[str, str]] = {"data_disks.cluster": "data_cluster"}

    disk_cluster = ClusterField(
        StorageCluster.objects.none(),
        label=gettext_lazy("Storage cluster of the system disk"),
        required=False,
        empty_label=gettext_lazy("Same as the image"),
        help_text=gettext_lazy(
            "If you choose another storage cluster, the image is copied there first. This happens once."
        ),
    )
    data_disks = forms.CharField(
        label=gettext_lazy("Data disks (GiB)"),
        max_length=63,
        required=False,
        help_text=gettext_lazy("Sizes separated by commas, such as 100, 200. The disks outlive the VM."),
    )
    data_cluster = ClusterField(
        StorageCluster.objects.none(),
        label=gettext_lazy("Storage cluster of the data disks"),
        required=False,
        empty_label=gettext_lazy("As the system disk"),
    )

    def prepare(self) -> None:
        """Offer the storage clusters that take new disks."""
        super().prepare()
        if self.actor.tenant is not None:
            rows = visible_storage_clusters(self.actor).filter(accepts_disks=True)
            for name in ("disk_cluster", "data_cluster"):
                self.fields[name].queryset = rows.order_by("region__name", "name")  # type: ignore[attr-defined]
            if len(rows) < 2:
                self.fields["disk_cluster"].widget = forms.HiddenInput()

    def clean_data_disks(self) -> list[int]:
        """Return the sizes."""
        parts = [part.strip() for part in str(self.cleaned_data["data_disks"]).split(",") if part.strip()]
        if not all(part.isascii() and part.isdecimal() and len(part) < 8 for part in parts):
            raise forms.ValidationError(_("Enter sizes in GiB, separated by commas: 100, 200."))
        return [int(part) for part in parts]

    def clean(self) -> dict[str, Any]:
        """Give the service a size and a storage cluster for each disk."""
        data = super().clean() or {}
        sizes, chosen = data.pop("data_disks", []), data.pop("data_cluster", None)
        image, system = data.get("image"), data.get("disk_cluster")
        if system is not None:
            data["disk_cluster"] = system.pk
        elif image is not None:
            system = image.cluster
        where = chosen or system
        if sizes and where is not None:
            data["data_disks"] = [{"size_gib": size, "cluster": where.pk} for size in sizes]
        return data
