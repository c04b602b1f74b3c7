"""What is asked for where VMs and disks meet: attaching, and deleting a VM with some of its disks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.compute.models import Vm
from apps.compute.services.disk_attachment import MOST_DISKS
from apps.compute.vm_addresses import named_eips
from apps.compute.vm_choice import VmChoiceForm
from apps.infrastructure.models import ComputeCluster
from apps.portal.forms import RowForm
from apps.storage.forms import NAMED, some_of
from apps.storage.models import Disk, Snapshot
from apps.storage.verbs import DISK_ATTACH


def attaching(disk: Disk) -> list[str]:
    """Say what attaching needs, and how to find the disk afterwards."""
    return [
        _("The VM can be running or stopped."),
        _("In the guest, the disk has serial number %(serial)s.") % {"serial": disk.serial},
    ]


class AttachForm(VmChoiceForm):
    """The VM that a disk, or several, are attached to."""

    verb = DISK_ATTACH

    def counted(self, vms: QuerySet[Vm]) -> QuerySet[Vm]:
        """Count the data disks of each."""
        return vms.annotate(disk_count=Count("disks", filter=Q(disks__role=Disk.Role.DATA)))

    def full(self, vm: Any) -> str:
        """Return that it has as many data disks as it can have."""
        most = MOST_DISKS[ComputeCluster.Architecture(vm.cluster.architecture)]
        return _("already has %(most)s data disks") % {"most": most} if vm.disk_count >= most else ""

    def elsewhere(self, count: int) -> str:
        """Say that so many VMs of other regions cannot be chosen."""
        text = ngettext(
            "%(n)s VM in another region cannot use this disk.",
            "%(n)s VMs in other regions cannot use this disk.",
            count,
        )
        return text % {"n": count}


class DeleteVmForm(RowForm):
    """Which data disks are deleted with the VM: none of them is ticked."""

    delete_disks = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Delete these data disks as well"),
        coerce=UUID,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    with_snapshots = forms.BooleanField(
        label=gettext_lazy("Delete the snapshots of the deleted disks as well"), required=False
    )
    release_eips = forms.BooleanField(label=gettext_lazy("Release its EIPs as well"), required=False)

    def prepare(self) -> None:
        """Name the VM's data disks; ask of snapshots only where there are any."""
        if self.row is None:
            del self.fields["delete_disks"]  # of many VMs none is deleted: which ones cannot be named here
            return
        if addresses := named_eips(self.row):
            self.fields["release_eips"].help_text = _("EIPs: %(addresses)s.") % {"addresses": addresses}
        else:
            del self.fields["release_eips"]
        data = [disk for disk in self.row.shown_disks if not disk.is_system]
        field = self.fields["delete_disks"]
        assert isinstance(field, forms.TypedMultipleChoiceField)
        field.choices = [(disk.pk, f"{disk.name} ({disk.size_gib:,} GiB)") for disk in data]
        if not data:
            del self.fields["delete_disks"]
        snapshots = Snapshot.objects.filter(disk__in=[disk.pk for disk in self.row.shown_disks])
        names = list(snapshots.order_by("-created_at").values_list("name", flat=True)[: NAMED + 1])
        if not names:
            del self.fields["with_snapshots"]
            return
        total = len(names) if len(names) <= NAMED else snapshots.count()
        self.fields["with_snapshots"].help_text = _("Snapshots of its disks: %(names)s.") % {
            "names": some_of(names, total)
        }

    def says(self) -> Sequence[str]:
        """Say what becomes of its elastic NICs."""
        if self.row is None:
            return []
        names = list(self.row.elastic_nics.order_by("name").values_list("name", flat=True))
        return (
            [_("Its elastic NICs are unbound and kept: %(names)s.") % {"names": ", ".join(names)}]
            if names
            else []
        )
