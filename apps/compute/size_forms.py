"""What resizing a VM asks for."""

from __future__ import annotations

from collections.abc import Sequence

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.compute.models import Vm
from apps.compute.services.resize import shown, size_of
from apps.compute.size_choices import SizeChoice, hot_add_choices, resize_choices
from apps.infrastructure.need import Need
from apps.portal.forms import RowForm
from apps.portal.selects import SelectWithReasons


class SizeForm(RowForm):
    """The new instance type; those that do not fit are named with the reason. Subclass with `offered`."""

    instance_type = forms.TypedChoiceField(
        label=gettext_lazy("New instance type"), coerce=int, widget=SelectWithReasons()
    )

    def offered(self, vm: Vm) -> list[SizeChoice]:
        """Return the types of the VM's cluster, judged."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Offer the types of the VM's cluster; none is chosen."""
        field = self.fields["instance_type"]
        assert isinstance(field, forms.TypedChoiceField) and isinstance(field.widget, SelectWithReasons)
        self.initial.pop("instance_type", None)
        found = self.offered(self.row) if self.row is not None else []
        field.choices = [
            ("", _("Choose an instance type")),
            *((each.type.pk, _label(each)) for each in found),
        ]
        field.widget.reasons = {str(each.type.pk): each.reason for each in found if each.reason}


class ResizeForm(SizeForm):
    def offered(self, vm: Vm) -> list[SizeChoice]:
        """Offer larger and smaller ones."""
        return resize_choices(vm)

    def says(self) -> Sequence[str]:
        """Say when it takes effect, and what is reserved."""
        if self.row is None:
            return []
        now = _("Size now: %(size)s.") % {"size": shown(self.row.size)}
        if not self.row.is_on:
            return [now, _("The VM is stopped. It is resized at once.")]
        return [
            now,
            _("The VM is running. The new size takes effect when you restart it here."),
            _("A reboot inside the guest does not apply it."),
            _("Quota and room for the larger size are reserved until then."),
        ]


class HotAddForm(SizeForm):
    def offered(self, vm: Vm) -> list[SizeChoice]:
        """Offer what it can grow to."""
        return hot_add_choices(vm)

    def says(self) -> Sequence[str]:
        """Say up to what, and what the guest must do."""
        if self.row is None:
            return []
        most = Need(self.row.hot_vcpu, self.row.hot_memory_mib)
        return [
            _("Size now: %(size)s. It can grow to %(most)s while it runs.")
            % {"size": shown(self.row.size), "most": shown(most)},
            _("The VM keeps running. It can get smaller only by a resize and a restart."),
        ]


def _label(choice: SizeChoice) -> str:
    name = f"{choice.type.name} · {shown(size_of(choice.type))}"
    return _("%(type)s (moves to another host)") % {"type": name} if choice.moves else name
