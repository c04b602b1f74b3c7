"""What the pages of EIPs ask for. They check shape only; rules are the services'."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Count, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.access import visible_projects
from apps.accounts.labels import MAX_NAME
from apps.accounts.rights import Rights
from apps.api import limits
from apps.lifecycle.models import State
from apps.network.carriers import CARRIERS, Carrier, limit_text
from apps.network.models import Eip, ExternalSegment
from apps.network.segment_plan import MOST_MBIT
from apps.network.segment_texts import segment_pick, usual_segment
from apps.network.selectors import visible_segments
from apps.network.services.eip import DEFAULT_MBIT, MOST_AT_ONCE
from apps.network.verbs.eip import EIP_BIND
from apps.portal.forms import BaseForm, RowForm
from apps.portal.kind_registry import kind_word
from apps.portal.pickers import PickField
from apps.portal.selects import SelectWithReasons

#: So many carriers of a kind are offered, by name; an EIP is bound to any other from that one's page.
MOST_OFFERED = 500
DELIVERIES = [("", gettext_lazy("Automatic")), *Eip.Delivery.choices]
DELIVERY_HELP = gettext_lazy("Automatic: in the guest if its image has a guest agent, else one-to-one NAT.")


class EipForm(BaseForm):
    """One or several new EIPs."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=MAX_NAME)
    count = forms.IntegerField(label=gettext_lazy("How many"), min_value=1, max_value=MOST_AT_ONCE, initial=1)
    segment = PickField(
        ExternalSegment.objects.none(),
        label=gettext_lazy("External segment"),
        empty_label=None,
        headings=[gettext_lazy("Free addresses")],
    )
    address = forms.CharField(
        label=gettext_lazy("IP address"),
        max_length=limits.ADDRESS,
        required=False,
        help_text=gettext_lazy("Leave empty for any free address."),
    )
    mbit = forms.IntegerField(
        label=gettext_lazy("Bandwidth (Mbit/s)"),
        min_value=1,
        max_value=MOST_MBIT,
        required=False,
        help_text=gettext_lazy("In each direction, up to the segment’s ceiling."),
    )
    project = forms.TypedChoiceField(label=gettext_lazy("Project"), coerce=UUID)
    description = forms.CharField(label=gettext_lazy("Description"), max_length=255, required=False)

    def prepare(self) -> None:
        """Offer the projects, and the segments that the tenant may use."""
        projects, segments = self.fields["project"], self.fields["segment"]
        assert isinstance(projects, forms.TypedChoiceField) and isinstance(segments, PickField)
        projects.choices = list(visible_projects(self.actor, "manage").values_list("uid", "name"))
        rows = visible_segments(self.actor).filter(state=State.READY)
        segments.queryset = rows.order_by("region__name", "name")
        segments.describe = segment_pick
        first = usual_segment(segments.queryset)
        segments.initial = first
        if first is None:
            segments.help_text = _("You have no access to any external segment. Ask the administrator.")
        self.fields["mbit"].initial = min(DEFAULT_MBIT, first.ceiling_mbit) if first else DEFAULT_MBIT

    def clean(self) -> dict[str, Any]:
        """Give the service the segment's id."""
        data = super().clean() or {}
        if data.get("segment") is not None:
            data["segment"] = data["segment"].pk
        return data


class BindForm(RowForm):
    """What an EIP, or several, are bound to."""

    carrier = forms.TypedChoiceField(label=gettext_lazy("Bind to"), coerce=UUID, widget=SelectWithReasons())

    delivery = forms.ChoiceField(
        label=gettext_lazy("Delivery"),
        required=False,
        choices=DELIVERIES,
        help_text=DELIVERY_HELP,
    )

    def prepare(self) -> None:
        """Offer what can carry EIPs in the region; name what cannot have this one, and why."""
        if all(len(kind.deliveries) == 1 for kind in CARRIERS):
            del self.fields["delivery"]
        field, eip = self.fields["carrier"], self.row
        if eip is not None and not (eip.carrier_id and eip.delivery_chosen):
            self.initial["delivery"] = ""  # what was chosen by itself for one carrier may not suit another
        assert isinstance(field, forms.TypedChoiceField) and isinstance(field.widget, SelectWithReasons)
        reasons: dict[str, str] = {}
        offered = [(kind, self._rows(kind, reasons)) for kind in CARRIERS]
        field.widget.reasons = reasons
        choices: list[Any] = [("", _("Choose"))]
        if len(offered) == 1:
            choices += offered[0][1]
        else:
            choices += [(str(kind_word(kind.kind)).capitalize(), rows) for kind, rows in offered if rows]
        field.choices = choices
        said = [] if eip is None else [_("In region %(region)s.") % {"region": eip.region.label}]
        if any(len(rows) == MOST_OFFERED for _kind, rows in offered):
            said.append(_("Only the first %(most)s are listed.") % {"most": MOST_OFFERED})
        field.help_text = " ".join(said)

    def _rows(self, kind: Carrier, reasons: dict[str, str]) -> list[tuple[UUID, str]]:
        rows = kind.rows(self.actor).select_related("region")
        if self.row is not None:
            here = {"tenant": self.row.tenant_id, "region": self.row.region_id}
            own = Q(eips__segment__cidr__family=self.row.version)
            rows = rows.filter(**here).annotate(eip_count=Count("eips", filter=own, distinct=True))
        found = list(rows.order_by("name", "pk")[:MOST_OFFERED])
        rights = Rights(self.actor)
        for row in found:
            if reason := self._why_not(kind, rights, row):
                reasons[str(row.pk)] = reason
        found.sort(key=lambda row: str(row.pk) in reasons)
        return [(row.pk, row.name) for row in found]

    def _why_not(self, kind: Carrier, rights: Rights, row: Any) -> str:
        if not rights.covers_row(EIP_BIND, row):
            return rights.why_not(EIP_BIND)
        if row.state != State.READY:
            return _("not ready")
        if self.row is not None:
            version = self.row.version
            again = self.row.error or self.row.leaving or len(kind.deliveries) > 1
            if row.pk == self.row.carrier_id and not again:
                return _("has this EIP")
            if row.pk != self.row.carrier_id and row.eip_count >= kind.most[version]:
                return _("already has %(limit)s") % {"limit": limit_text(version, kind.most[version])}
        return str(kind.obstacle(row) or "")

    def says(self) -> Sequence[str]:
        """Say what happens to connections when the EIP is moved."""
        if self.row is None or self.row.carrier is None:
            return []
        text = _("The EIP is moved from %(name)s. Its connections there end.")
        return [text % {"name": self.row.carrier.name}]


class UnbindForm(RowForm):
    """What the EIP was bound to when the question was shown: it is not unbound from anything else."""

    carrier = forms.UUIDField(required=False, widget=forms.HiddenInput())

    def prepare(self) -> None:
        """Remember the carrier."""
        self.initial["carrier"] = self.row.carrier_id if self.row is not None else None


class BandwidthForm(RowForm):
    mbit = forms.IntegerField(label=gettext_lazy("Bandwidth (Mbit/s)"), min_value=1, max_value=MOST_MBIT)

    def prepare(self) -> None:
        """Say how much is possible."""
        if self.row is None:
            return
        most = self.row.segment.ceiling_mbit
        self.initial["mbit"] = self.row.mbit
        self.fields["mbit"].widget.attrs["max"] = most
        self.fields["mbit"].help_text = _("In each direction, 1 to %(most)s.") % {"most": f"{most:,}"}
