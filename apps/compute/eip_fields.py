"""The fields of a new VM's EIP: one that exists, or a new one from a segment."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.lifecycle.models import State
from apps.network.eip_forms import DELIVERIES, DELIVERY_HELP
from apps.network.models import Eip
from apps.network.segment_plan import MOST_MBIT
from apps.network.segment_texts import free_text
from apps.network.selectors import usable_segments, visible_eips
from apps.portal.forms import BaseForm

#: Of so many unbound EIPs one is chosen here; any other is bound from its own page.
MOST_OFFERED = 100
NEW = "new:"


class EipFields(BaseForm):
    eip = forms.ChoiceField(label=gettext_lazy("EIP"), required=False)
    eip_mbit = forms.IntegerField(
        label=gettext_lazy("Bandwidth of the new EIP (Mbit/s)"),
        required=False,
        min_value=1,
        max_value=MOST_MBIT,
        help_text=gettext_lazy("In each direction. Leave empty for the default."),
    )
    eip_delivery = forms.ChoiceField(
        label=gettext_lazy("Delivery of the EIP"),
        required=False,
        choices=DELIVERIES,
        help_text=DELIVERY_HELP,
    )

    def prepare(self) -> None:
        """Offer the segments the tenant may use, and its unbound EIPs."""
        super().prepare()
        field, tenant = self.fields["eip"], self.actor.tenant
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", _("No EIP"))]
        if tenant is None:
            return
        segments = usable_segments(tenant.pk).filter(region__open_to_tenants=True).order_by("region", "name")
        new = [(f"{NEW}{row.pk}", _segment(row)) for row in segments]
        free = visible_eips(self.actor).filter(tenant=tenant, carrier=None, leaving=[], state=State.READY)
        own = [(str(row.pk), _eip(row)) for row in free.order_by("name", "pk")[:MOST_OFFERED]]
        groups: list[Any] = [(_("New EIP"), new), (_("Existing EIP"), own)]
        field.choices = [("", _("No EIP")), *(group for group in groups if group[1])]
        if not new:
            self.fields["eip_mbit"].widget = forms.HiddenInput()

    def clean(self) -> dict[str, Any]:
        """Give the service an EIP's id, or what a new one is made with."""
        data = super().clean() or {}
        chosen, mbit = str(data.pop("eip", "") or ""), data.pop("eip_mbit", None)
        if not chosen:
            data.pop("eip_delivery", None)
        if chosen.startswith(NEW):
            data["new_eip"] = {"segment": UUID(chosen.removeprefix(NEW)), "mbit": mbit}
        elif chosen:
            data["eip"] = UUID(chosen)
        return data


def _segment(row: Any) -> str:
    values = {"name": row.name, "cidr": row.cidr, "free": free_text(row), "region": row.region}
    return _("%(name)s (%(cidr)s), %(free)s free, %(region)s") % values


def _eip(row: Eip) -> str:
    return f"{row.address} ({row.name})"
