"""Choosing the VM that something is attached to: a disk, an elastic NIC."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.accounts.access import visible
from apps.accounts.labels import MAX_NAME
from apps.accounts.rights import Rights
from apps.compute.disk_widgets import Suggestions
from apps.compute.models import Vm
from apps.lifecycle.models import State
from apps.lifecycle.verbs import Verb
from apps.portal.forms import RowForm
from apps.portal.selects import SelectWithReasons

#: Of so many VMs one is chosen from a list; of more, one is found by typing its name or ID.
MOST_OFFERED = 100


class VmChoiceForm(RowForm):
    """The VM that the row, or several rows, are attached to. Subclass with `verb`, `counted` and `full`."""

    verb: Verb

    vm = forms.TypedChoiceField(
        label=gettext_lazy("Virtual machine"), coerce=UUID, widget=SelectWithReasons()
    )

    def counted(self, vms: QuerySet[Vm]) -> QuerySet[Vm]:
        """Count what `full` reads."""
        return vms

    def full(self, vm: Any) -> str:
        """Return why the VM can have no more, "" when it can."""
        return ""

    def prepare(self) -> None:
        """Offer the VMs of the row's region; name those that cannot have it, and why."""
        field, row = self.fields["vm"], self.row
        assert isinstance(field, forms.TypedChoiceField) and isinstance(field.widget, SelectWithReasons)
        own = visible(self.actor, Vm.objects.filter(kind="vm"))
        here = own if row is None else own.filter(tenant=row.tenant, region=row.region)
        self.here = here
        vms = list(self._described(here).order_by("name", "pk")[: MOST_OFFERED + 1])
        if len(vms) > MOST_OFFERED:
            self._search(vms[:MOST_OFFERED])
            return
        rights = Rights(self.actor)
        reasons = {str(vm.pk): reason for vm in vms if (reason := self._why_not(rights, vm))}
        vms.sort(key=lambda vm: str(vm.pk) in reasons)
        named = [(vm.pk, vm.name if row is not None else _full_name(vm)) for vm in vms]
        field.choices = [("", _("Choose a VM")), *named]
        field.widget.reasons = reasons
        field.help_text = " ".join([] if row is None else self._elsewhere(row, own))

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

    def elsewhere(self, count: int) -> str:
        """Say that so many VMs of other regions cannot be chosen."""
        text = ngettext("%(n)s VM is in another region.", "%(n)s VMs are in other regions.", count)
        return text % {"n": count}

    def _elsewhere(self, row: Any, own: QuerySet[Vm]) -> list[str]:
        """Say which VMs are offered, and how many are in other regions; choose the one it is attached to in part."""
        self.initial["vm"] = row.vm_id or self.initial.get("vm")
        said = [_("VMs in region %(region)s.") % {"region": row.region.label if row.region else ""}]
        count = own.filter(tenant=row.tenant).exclude(region=row.region).count()
        if count:
            said.append(self.elsewhere(count))
        return said

    def _described(self, vms: QuerySet[Vm]) -> QuerySet[Vm]:
        """Return VMs with what is asked of each here."""
        return (
            self.counted(vms)
            .select_related("cluster", "region", "tenant")
            .only(
                "name",
                "kind",
                "tenant",
                "project",
                "state",
                "cluster__architecture",
                "region__label",
                "tenant__name",
            )
        )

    def _why_not(self, rights: Rights, vm: Any) -> str:
        if not rights.covers_row(self.verb, vm):
            return rights.why_not(self.verb)
        if vm.state != State.READY:
            return _("not ready")
        return self.full(vm)


def _full_name(vm: Vm) -> str:
    """Return the name of a VM among those of all regions."""
    place = [vm.tenant.name if vm.tenant else "", vm.region.label if vm.region else ""]
    return " · ".join([vm.name, *filter(None, place)])
