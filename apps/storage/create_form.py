"""The forms of new disks and new snapshots."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from django.forms.models import ModelChoiceIterator
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.access import visible_projects
from apps.accounts.labels import MAX_NAME
from apps.api import limits
from apps.infrastructure.models import StorageCluster
from apps.infrastructure.pages.figures import size
from apps.infrastructure.regions import ranked_regions
from apps.infrastructure.selectors import visible_storage_clusters
from apps.infrastructure.space import space_left
from apps.lifecycle.models import State
from apps.lifecycle.times import written
from apps.portal.forms import BaseForm
from apps.portal.pickers import Pick, PickField
from apps.storage.limits import disk_limits
from apps.storage.models import Disk, Snapshot
from apps.storage.qos import MIB
from apps.storage.selectors import visible_disks, visible_snapshots
from apps.storage.services.create_plan import LEAST_GIB, MOST_AT_ONCE

BLANK, FROM_SNAPSHOT, FROM_DISK = "blank", "snapshot", "disk"
#: So many disks or snapshots are offered, the newest; any other is named by the link that leads here.
MOST_OFFERED = 100


class _NewestFirst(ModelChoiceIterator):  # type: ignore[type-arg]  # no generic at run time
    """Offers the newest rows, with the chosen one among them."""

    def __iter__(self) -> Any:
        if self.field.empty_label is not None:
            yield ("", self.field.empty_label)
        rows = list(self.queryset.order_by("-created_at", "pk")[:MOST_OFFERED])
        chosen = getattr(self.field, "chosen", None)
        if chosen is not None and chosen.pk not in {row.pk for row in rows}:
            rows.insert(0, chosen)
        for row in rows:
            yield self.choice(row)


class NewestField(PickField):
    """One row of many: the newest are offered, any may be sent."""

    iterator = _NewestFirst
    chosen: Any = None


class _Chooses(BaseForm):
    """Fields that offer rows."""

    def offer(self, name: str, rows: QuerySet[Any], describe: Any) -> None:
        """Offer rows in a field, with the one that is chosen already."""
        field = self.fields[name]
        assert isinstance(field, PickField)
        field.queryset, field.describe = rows, describe
        key = self.data.get(name) if self.is_bound else self.initial.get(name)
        if isinstance(field, NewestField) and key and _is_uuid(key):
            field.chosen = rows.filter(pk=key).first()


class DiskForm(_Chooses):
    """A new disk. What it is created from decides its storage cluster."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=MAX_NAME)
    count = forms.IntegerField(label=gettext_lazy("How many"), min_value=1, max_value=MOST_AT_ONCE, initial=1)
    source = forms.ChoiceField(
        label=gettext_lazy("Content"),
        choices=(
            (BLANK, gettext_lazy("Blank")),
            (FROM_SNAPSHOT, gettext_lazy("From a snapshot")),
            (FROM_DISK, gettext_lazy("From a disk, as it is now")),
        ),
        initial=BLANK,
        widget=forms.RadioSelect(attrs={"data-source": ""}),
    )
    snapshot = NewestField(
        Snapshot.objects.none(),
        label=gettext_lazy("Snapshot"),
        required=False,
        empty_label=None,
        headings=[gettext_lazy("Size")],
    )
    disk = NewestField(
        Disk.objects.none(),
        label=gettext_lazy("Disk"),
        required=False,
        empty_label=None,
        headings=[gettext_lazy("Size")],
    )
    cluster = PickField(
        StorageCluster.objects.none(),
        label=gettext_lazy("Storage cluster"),
        required=False,
        empty_label=None,
        headings=[gettext_lazy("Free")],
    )
    size_gib = forms.IntegerField(
        label=gettext_lazy("Size (GiB)"), min_value=1, max_value=limits.INTEGER, required=False
    )
    project = forms.TypedChoiceField(label=gettext_lazy("Project"), coerce=UUID)
    description = forms.CharField(label=gettext_lazy("Description"), max_length=255, required=False)

    def prepare(self) -> None:
        """Offer what the actor may use, and choose the cluster with most of the tenant's things around it."""
        projects = self.fields["project"]
        assert isinstance(projects, forms.TypedChoiceField)
        projects.choices = list(visible_projects(self.actor, "manage").values_list("uid", "name"))
        clusters = visible_storage_clusters(self.actor).filter(accepts_disks=True)
        self.offer("cluster", clusters.order_by("region__name", "name"), _cluster)
        ready = {"state": State.READY}
        self.offer(
            "snapshot",
            visible_snapshots(self.actor, "manage").filter(**ready, taken_at__isnull=False),
            _snapshot,
        )
        self.offer("disk", visible_disks(self.actor, "manage").filter(**ready), _disk)
        self._ask_for(str((self.data if self.is_bound else self.initial).get("source") or BLANK))
        if not self.is_bound:
            self.fields["cluster"].initial = self._first(list(clusters))

    def clean(self) -> dict[str, Any]:
        """Keep of the sources the one that was chosen, and give the service ids."""
        data = super().clean() or {}
        source = data.pop("source", BLANK)
        kept = "cluster" if source == BLANK else source
        for name in ("cluster", FROM_SNAPSHOT, FROM_DISK):
            row = data.pop(name, None)
            if name == kept and row is not None:
                data[name] = row.pk
        if source != BLANK and data.get("size_gib") == LEAST_GIB:
            data["size_gib"] = None  # as proposed for a blank disk: a copy gets the size of its source
        return data

    def _ask_for(self, source: str) -> None:
        """Require what the source needs: of a copy, what to copy; of a blank disk, where and how large."""
        gib = self.fields["size_gib"]
        for name in ("cluster", "size_gib"):
            self.fields[name].required = source == BLANK
        for name in (FROM_SNAPSHOT, FROM_DISK):
            self.fields[name].required = source == name
        gib.initial = LEAST_GIB if source == BLANK else None
        gib.help_text = _("%(least)s GiB or more. For a copy, leave empty for the size of its source.") % {
            "least": LEAST_GIB
        }

    def _first(self, clusters: list[StorageCluster]) -> StorageCluster | None:
        regions = list({cluster.region_id: cluster.region for cluster in clusters}.values())
        if len(regions) > 1 and self.actor.tenant:
            regions = ranked_regions(regions, self.actor.tenant.pk)
        return next((each for region in regions for each in clusters if each.region_id == region.pk), None)


class SnapshotForm(_Chooses):
    """A new snapshot of any disk."""

    disk = NewestField(
        Disk.objects.none(), label=gettext_lazy("Disk"), empty_label=None, headings=[gettext_lazy("Size")]
    )
    name = forms.CharField(label=gettext_lazy("Name"), max_length=MAX_NAME)
    description = forms.CharField(label=gettext_lazy("Description"), max_length=255, required=False)

    def prepare(self) -> None:
        """Offer the disks."""
        self.offer("disk", visible_disks(self.actor, "manage").filter(state=State.READY), _disk)
        field = self.fields["disk"]
        assert isinstance(field, PickField)
        field.make = (reverse("portal:disk.create"), _("Create disk"))

    def clean(self) -> dict[str, Any]:
        """Give the service the disk's id."""
        data = super().clean() or {}
        if data.get("disk") is not None:
            data["disk"] = data["disk"].pk
        return data


def _cluster(row: StorageCluster) -> Pick:
    left = space_left(row)
    iops, bytes_per_second = disk_limits(row, 100)
    speed = _("%(media)s · 100 GiB: %(iops)s IOPS, %(mib)s MiB/s") % {
        "media": row.get_media_display(),
        "iops": f"{iops:,}",
        "mib": f"{bytes_per_second // MIB:,}",
    }
    return Pick(
        str(row),
        f"{row.region.label} · {speed}",
        figures=["–" if left is None else size(max(left, 0))],
        warning=_("full") if left is not None and left < LEAST_GIB else "",
    )


def _snapshot(row: Snapshot) -> Pick:
    return Pick(row.name, f"{row.disk.name} · {written(row.taken_at)}", figures=[f"{row.size_gib:,} GiB"])


def _disk(row: Disk) -> Pick:
    where = row.vm.name if row.vm else _("not attached")
    return Pick(row.name, f"{where} · {row.cluster}", figures=[f"{row.size_gib:,} GiB"])


def _is_uuid(text: object) -> bool:
    try:
        UUID(str(text))
    except ValueError:
        return False
    return True
