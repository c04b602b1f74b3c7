"""What is asked for where VMs and disks meet: attaching, and deleting a VM with some of its disks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.accounts.access import visible
from apps.accounts.labels import MAX_NAME
from apps.accounts.rights import Rights
from apps.compute.disk_widgets import SelectWithReasons, Suggestions
from apps.compute.models import Vm
from apps.compute.services.disk_attachment import MOST_DISKS
from apps.infrastructure.models import ComputeCluster
from apps.lifecycle.models import State
from apps.portal.forms import RowForm
from apps.storage.forms import NAMED, some_of
from apps.storage.models import Disk, Snapshot
from apps.storage.verbs import DISK_ATTACH

#: Of so many VMs one is chosen from a list; of more, one is found by typing its name or ID.
MOST_OFFERED = 100


def attaching(disk: Disk) -> list[str]:
    """Say what attaching needs, and how to find the disk afterwards."""
    return [
        _("The VM can be running or stopped."),
        _("In the guest, the disk has serial number %(serial)s.") % {"serial": disk.serial},
    ]


class AttachForm(RowForm):
    """The VM that a disk, or several, are attached to."""

    vm = forms.TypedChoiceField(
        label=gettext_lazy("Virtual machine"), coerce=UUID, widget=SelectWithReasons()
    )

    def prepare(self) -> None:
        """Offer the VMs of the disk's region; name those that cannot have it, and why."""
        field, disk = self.fields["vm"], self.row
        assert isinstance(field, forms.TypedChoiceField) and isinstance(field.widget, SelectWithReasons)
        own = visible(self.actor, Vm.objects.filter(kind="vm"))
        here = own if disk is None else own.filter(tenant=disk.tenant, region=disk.region)
        self.here = here
        vms = list(_described(here).order_by("name", "pk")[: MOST_OFFERED + 1])
        if len(vms) > MOST_OFFERED:
            self._search(vms[:MOST_OFFERED])
            return
        rights = Rights(self.actor)
        reasons = {str(vm.pk): reason for vm in vms if (reason := _why_not(rights, vm))}
        vms.sort(key=lambda vm: str(vm.pk) in reasons)
        named = [(vm.pk, vm.name if disk is not None else _full_name(vm)) for vm in vms]
        field.choices = [("", _("Choose a VM")), *named]
        field.widget.reasons = reasons
        field.help_text = " ".join([] if disk is None else self._elsewhere(disk, own))

    def _search(self, some: Sequence[Vm]) -> None:
        """Find the VM by what is typed: a list of all would be longer than anybody reads."""
        if self.row is not None and self.row.vm_id:
            self.initial["vm"] = self.row.vm_id
        self.fields["vm"] = forms.CharField(
            label=self.fields["vm"].label,
            max_length=MAX_NAME,
            widget=Suggestions([(vm.name, vm.region.label if vm.region else "") for vm in some]),
            help_text=_("Name or ID of a VM."),
        )

    def clean_vm(self) -> UUID:
        """Return the ID of the VM that was chosen or typed."""
        given = self.cleaned_data["vm"]
        if isinstance(given, UUID):
            return given
        with suppress(ValueError):
            return UUID(given)
        found = list(self.here.filter(name=given).order_by("pk").values_list("pk", flat=True)[:2])
        if not found:
            raise forms.ValidationError(_("VM not found."))
        if len(found) > 1:
            raise forms.ValidationError(
                _("Several VMs have the name %(name)s. Enter the ID.") % {"name": given}
            )
        return found[0]

    def _elsewhere(self, disk: Disk, own: QuerySet[Vm]) -> list[str]:
        """Say which VMs are offered, and how many are in other regions; choose the one it is attached to in part."""
        self.initial["vm"] = disk.vm_id or self.initial.get("vm")
        said = [_("VMs in region %(region)s.") % {"region": disk.region.label if disk.region else ""}]
        elsewhere = own.filter(tenant=disk.tenant).exclude(region=disk.region).count()
        if elsewhere:
            text = ngettext(
                "%(n)s VM in another region cannot use this disk.",
                "%(n)s VMs in other regions cannot use this disk.",
                elsewhere,
            )
            said.append(text % {"n": elsewhere})
        return said


def _described(vms: QuerySet[Vm]) -> QuerySet[Vm]:
    """Return VMs with what is asked of each here."""
    counted = vms.annotate(disk_count=Count("disks", filter=Q(disks__role=Disk.Role.DATA)))
    return counted.select_related("cluster", "region", "tenant").only(
        "name",
        "kind",
        "tenant",
        "project",
        "state",
        "cluster__architecture",
        "region__label",
        "tenant__name",
    )


def _full_name(vm: Vm) -> str:
    """Return the name of a VM among those of all regions."""
    place = [vm.tenant.name if vm.tenant else "", vm.region.label if vm.region else ""]
    return " · ".join([vm.name, *filter(None, place)])


def _why_not(rights: Rights, vm: Any) -> str:
    most = MOST_DISKS[ComputeCluster.Architecture(vm.cluster.architecture)]
    if not rights.covers_row(DISK_ATTACH, vm):
        return rights.why_not(DISK_ATTACH)
    if vm.state != State.READY:
        return _("not ready")
    if vm.disk_count >= most:
        return _("already has %(most)s data disks") % {"most": most}
    return ""


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

    def prepare(self) -> None:
        """Name the VM's data disks; ask of snapshots only where there are any."""
        if self.row is None:
            del self.fields["delete_disks"]  # of many VMs none is deleted: which ones cannot be named here
            return
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
