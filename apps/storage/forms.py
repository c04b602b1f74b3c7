"""What the dialogs of disks and snapshots ask for. They check shape only; rules are the services'."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.access import may
from apps.accounts.labels import MAX_NAME
from apps.api import limits
from apps.lifecycle.forecast import quota_reader
from apps.lifecycle.models import State
from apps.lifecycle.times import written
from apps.portal.forms import RowForm
from apps.portal.movable import MovableForm
from apps.storage.models import Disk, Snapshot
from apps.storage.qos import MIB, bounds
from apps.storage.services.create_plan import LEAST_GIB
from apps.storage.verbs import SNAPSHOT_CREATE

#: So many of a disk's snapshots or copies are named in a dialog.
NAMED = 5


class SnapshotOfForm(RowForm):
    """Name and description of a new snapshot; proposes the row's name with the time."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=MAX_NAME)
    description = forms.CharField(label=gettext_lazy("Description"), max_length=255, required=False)

    def prepare(self) -> None:
        """Propose a name."""
        if self.row is not None:
            now = f"{timezone.localtime():%Y%m%d-%H%M}"
            self.initial.update(
                {"name": f"{self.row.name[: MAX_NAME - len(now) - 1]}-{now}", "description": ""}
            )


class DetachForm(RowForm):
    """The VM that the disk was attached to when the question was shown: it is not detached from another one."""

    vm = forms.UUIDField(required=False, widget=forms.HiddenInput())

    def prepare(self) -> None:
        """Remember the VM."""
        self.initial["vm"] = self.row.vm_id if self.row is not None else None


class ExpandForm(RowForm):
    size_gib = forms.IntegerField(label=gettext_lazy("New size (GiB)"), min_value=1, max_value=limits.INTEGER)

    def prepare(self) -> None:
        """Say what is possible."""
        if self.row is None:
            return
        disk, field = self.row, self.fields["size_gib"]
        field.widget.attrs["min"] = disk.size_gib + 1
        sizes = {"size": f"{disk.size_gib:,}", "most": f"{disk.cluster.max_disk_gib:,}"}
        said = [_("Now %(size)s GiB, at most %(most)s GiB. A disk cannot shrink.") % sizes]
        if disk.tenant_id is not None:
            said += [
                _("Quota: %(left)s GiB left.") % {"left": f"{max(line.limit - line.used, 0):,}"}
                for line in quota_reader().lines_for(disk.tenant_id, {"disk_gib": 1})
            ]
        field.help_text = " ".join(said)


class CloneForm(RowForm):
    """A new disk with the data that the row has now."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=MAX_NAME)
    size_gib = forms.IntegerField(
        label=gettext_lazy("Size (GiB)"), min_value=1, max_value=limits.INTEGER, required=False
    )
    description = forms.CharField(label=gettext_lazy("Description"), max_length=255, required=False)

    def prepare(self) -> None:
        """Propose a name; the size is that of the disk."""
        if self.row is None:
            return
        end = _("-copy")
        name = f"{self.row.name[: MAX_NAME - len(end)]}{end}"
        least = max(self.row.size_gib, LEAST_GIB)
        self.initial.update({"name": name, "description": "", "size_gib": least})
        self.fields["size_gib"].help_text = _("At least %(least)s GiB.") % {"least": f"{least:,}"}


class LimitsForm(RowForm):
    """Limits of one disk; empty follows the rule of its storage cluster."""

    iops = forms.IntegerField(
        label=gettext_lazy("IOPS"), min_value=1, max_value=limits.INTEGER, required=False
    )
    bytes_per_second = forms.IntegerField(
        label=gettext_lazy("Throughput (MiB/s)"), min_value=1, max_value=limits.INTEGER, required=False
    )

    def prepare(self) -> None:
        """Say what the rule grants, and within which bounds it can be set."""
        if self.row is None:
            return
        disk, within = self.row, bounds(self.row.cluster, self.row.size_gib)
        self.initial.update(
            {
                "iops": disk.iops_set,
                "bytes_per_second": disk.bytes_set // MIB if disk.bytes_set is not None else None,
            }
        )
        text = _("%(least)s to %(most)s. Leave empty for the storage cluster’s rule, now %(most)s.")
        for name, least, most in (
            ("iops", within.least_iops, within.most_iops),
            ("bytes_per_second", within.least_mib, within.most_mib),
        ):
            self.fields[name].help_text = text % {"least": f"{least:,}", "most": f"{most:,}"}

    def clean_bytes_per_second(self) -> int | None:
        """Return bytes, as the service takes them."""
        mib: int | None = self.cleaned_data["bytes_per_second"]
        return None if mib is None else mib * MIB


class RollBackForm(RowForm):
    """The snapshot to go back to, and whether what the disk holds now is kept."""

    snapshot = forms.TypedChoiceField(label=gettext_lazy("Snapshot"), coerce=UUID)
    snapshot_first = forms.BooleanField(
        label=gettext_lazy("Take a snapshot of the current data first"), initial=True, required=False
    )

    def prepare(self) -> None:
        """Offer the disk's snapshots, the newest first."""
        field = self.fields["snapshot"]
        assert isinstance(field, forms.TypedChoiceField)
        rows = Snapshot.objects.filter(disk=self.row, state=State.READY).order_by("-created_at", "pk")
        field.choices = [(row.pk, f"{row.name} ({written(row.taken_at or row.created_at)})") for row in rows]
        if not field.choices:
            field.help_text = _("This disk has no snapshots.")
        row = self.row
        if row is not None and not may(self.actor, SNAPSHOT_CREATE, row.project_id, row.tenant_id):
            del self.fields["snapshot_first"]


class RenameDiskForm(MovableForm):
    """Of a system disk the project is its VM's."""

    moves = gettext_lazy("Moves the disk to another project.")

    def may_move(self) -> bool:
        """Return False for a system disk: it is always in the project of its VM."""
        return self.row is not None and not self.row.is_system


class DeleteDiskForm(RowForm):
    """Whether the snapshots are deleted with the disk: asked only where there are any, or may be."""

    with_snapshots = forms.BooleanField(
        label=gettext_lazy("Delete the snapshots as well"), initial=False, required=False
    )

    def prepare(self) -> None:
        """Ask only where it makes a difference; name the snapshots."""
        if self.row is None:
            return
        if not self.row.snapshot_count:
            del self.fields["with_snapshots"]
            return
        names = self.row.snapshots.order_by("-created_at").values_list("name", flat=True)
        self.fields["with_snapshots"].help_text = _(
            "Snapshots of this disk: %(names)s. They are deleted for good."
        ) % {"names": some_of(list(names[: NAMED + 1]), self.row.snapshot_count)}

    def says(self) -> Sequence[str]:
        """Name the disks that were copied from it."""
        if self.row is None:
            return []
        copies = self.row.copies.order_by("name").values_list("name", flat=True)
        names = list(copies[: NAMED + 1])
        if not names:
            return []
        total = len(names) if len(names) <= NAMED else copies.count()
        return [_("Copies of it are kept: %(names)s.") % {"names": some_of(names, total)}]


def some_of(names: Sequence[str], total: int) -> str:
    """Return the first names, and how many more there are."""
    shown = ", ".join(names[:NAMED])
    more = total - NAMED
    return _("%(names)s and %(n)s more") % {"names": shown, "n": more} if more > 0 else shown


def limits_text(disk: Disk) -> str:
    """Return a disk's limits as a list shows them."""
    parts = [_("%(n)s IOPS") % {"n": f"{disk.iops:,}"}] if disk.iops else []
    if disk.bytes_per_second:
        parts.append(_("%(n)s MiB/s") % {"n": f"{disk.bytes_per_second / MIB:,.0f}"})
    return " · ".join(parts) or _("No limit")
