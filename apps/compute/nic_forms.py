"""What is asked for about the NICs of an existing VM, or of several."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _text
from django.utils.translation import gettext_lazy as _

from apps.accounts.access import visible
from apps.lifecycle.models import State
from apps.network.models import Nic, NicRole, SecurityGroup
from apps.network.pages.enis import limits_text
from apps.network.segment_plan import MOST_MBIT
from apps.portal.forms import RowForm

ROLES = [(role.value, role.label) for role in (NicRole.INTERNAL, NicRole.EXTERNAL)]


class NicForm(RowForm):
    """Of which NIC."""

    role = forms.ChoiceField(label=_("NIC"), choices=ROLES, initial=NicRole.INTERNAL, required=False)

    def prepare(self) -> None:
        """Say of each NIC what it has now."""
        nics = {nic.role: self.now(nic) for nic in (self.row.shown_nics if self.row is not None else [])}
        field = self.fields["role"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            (role, f"{label} · {nics[role]}" if role in nics else label) for role, label in ROLES
        ]

    def now(self, nic: Nic) -> str:
        """Return what a NIC has now; for subclasses."""
        raise NotImplementedError

    def clean_role(self) -> str:
        """Take the internal one where none was named."""
        return str(self.cleaned_data.get("role") or NicRole.INTERNAL)

    def nic(self) -> Any:
        """Return the NIC that is asked about first, of a row as lists have it."""
        role = self.initial.get("role", NicRole.INTERNAL)
        nics = self.row.shown_nics if self.row is not None else []
        return next((nic for nic in nics if nic.role == role), None)


class SecurityGroupForm(NicForm):
    """Which security group a NIC is in."""

    security_group = forms.ModelChoiceField(
        SecurityGroup.objects.none(),
        label=_("Security group"),
        required=False,
        empty_label=_("No security group: all traffic is allowed"),
        help_text=_("The security group of the external NIC covers all EIPs delivered in the guest."),
    )

    def now(self, nic: Nic) -> str:
        """Return its security group."""
        return nic.security_group.name if nic.security_group else _text("no security group")

    def prepare(self) -> None:
        """Offer the groups the actor sees; the service refuses those of another region or tenant."""
        super().prepare()
        groups = visible(self.actor, SecurityGroup.objects.filter(state=State.READY)).order_by("name")
        self.fields["security_group"].queryset = groups  # type: ignore[attr-defined]
        if (nic := self.nic()) is not None:
            self.initial["security_group"] = nic.security_group_id

    def clean(self) -> dict[str, Any]:
        """Give the service the group's id."""
        data = super().clean() or {}
        group = data.get("security_group")
        data["security_group"] = group.pk if group else None
        return data


class NicBandwidthForm(NicForm):
    """How much a NIC receives and sends."""

    mbit_in = forms.IntegerField(
        label=_("Inbound (Mbit/s)"), min_value=0, max_value=MOST_MBIT, initial=0, help_text=_("0: unlimited.")
    )
    mbit_out = forms.IntegerField(
        label=_("Outbound (Mbit/s)"),
        min_value=0,
        max_value=MOST_MBIT,
        initial=0,
        help_text=_("0: unlimited."),
    )

    def now(self, nic: Nic) -> str:
        """Return its bandwidth."""
        return limits_text(nic)

    def prepare(self) -> None:
        """Show what the NIC has now."""
        super().prepare()
        if (nic := self.nic()) is not None:
            self.initial.update(mbit_in=nic.mbit_in, mbit_out=nic.mbit_out)
