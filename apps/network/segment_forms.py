"""What the pages of external segments ask for. They check shape only; rules are the services'."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.labels import MAX_NAME
from apps.accounts.models import Tenant
from apps.api import limits
from apps.infrastructure.models import Region
from apps.infrastructure.pages.cluster_parts import PermitForm
from apps.network.models import ExternalSegment
from apps.network.models.external import LAST_VLAN
from apps.network.segment_plan import MOST_MBIT
from apps.network.services.external_segment import DEFAULT_CEILING_MBIT
from apps.portal.forms import BaseForm, RowForm

_CEILING_HELP = gettext_lazy("Maximum bandwidth of an address, in each direction.")


class LinesField(forms.CharField):
    """One entry a line."""

    def __init__(self, rows: int = 3, **kwargs: Any) -> None:
        widget = forms.Textarea(attrs={"rows": rows, "class": "mono", "spellcheck": "false"})
        super().__init__(max_length=limits.SETTING, required=False, widget=widget, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """Show what is stored as lines."""
        return "\n".join(map(str, value)) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        """Return the lines that are not empty."""
        text: str = super().clean(value) or ""
        return [line.strip() for line in text.replace(",", "\n").splitlines() if line.strip()]


def _ranges(label: Any, help_text: Any) -> LinesField:
    return LinesField(label=label, help_text=help_text)


def _given_out() -> LinesField:
    return _ranges(
        gettext_lazy("Allocation ranges"),
        gettext_lazy("One per line, such as 203.0.113.10 - 203.0.113.99. Leave empty for all addresses."),
    )


def _reserved() -> LinesField:
    return _ranges(
        gettext_lazy("Reserved ranges"),
        gettext_lazy("Never assigned to tenants, such as addresses of other machines. One range per line."),
    )


def _routes() -> LinesField:
    return LinesField(
        label=gettext_lazy("Routes"),
        help_text=gettext_lazy(
            "Destinations that VMs reach through this segment, one per line. 0.0.0.0/0 or ::/0 is "
            "the default route. Without it, enter the CIDR block too, or VMs only answer machines in it."
        ),
    )


def _ceiling() -> forms.IntegerField:
    return forms.IntegerField(
        label=gettext_lazy("Bandwidth ceiling (Mbit/s)"),
        min_value=1,
        max_value=MOST_MBIT,
        help_text=_CEILING_HELP,
    )


class _WithRanges(BaseForm):
    def clean(self) -> dict[str, Any]:
        """Return both kinds of ranges together, as the service takes them."""
        data = super().clean() or {}
        given, kept = data.pop("ranges", None), data.pop("reserved", None)
        if given is not None and kept is not None:
            data["ranges"] = [_range(line) for line in given]
            data["ranges"] += [{**_range(line), "reserved": True} for line in kept]
        return data


class SegmentForm(_WithRanges):
    """A new segment."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=MAX_NAME)
    region = forms.ModelChoiceField(Region.objects.none(), label=gettext_lazy("Region"))
    description = forms.CharField(label=gettext_lazy("Description"), max_length=255, required=False)
    physical_network = forms.CharField(
        label=gettext_lazy("Physical network"),
        max_length=63,
        help_text=gettext_lazy("Its name in the bridge mappings of the hosts, such as physnet1."),
    )
    vlan = forms.IntegerField(
        label=gettext_lazy("VLAN"),
        min_value=0,
        max_value=LAST_VLAN,
        help_text=gettext_lazy("0 for untagged."),
    )
    cidr = forms.CharField(
        label=gettext_lazy("CIDR block"),
        max_length=43,
        help_text=gettext_lazy(
            "IPv4 or IPv6, such as 203.0.113.0/24 or 2001:db8:1::/64. VMs whose VPC has a subnet that overlaps "
            "get no address of it."
        ),
    )
    gateway = forms.CharField(
        label=gettext_lazy("Gateway"),
        max_length=limits.ADDRESS,
        help_text=gettext_lazy("The router outside the platform."),
    )
    router_address = forms.CharField(
        label=gettext_lazy("Router address"),
        max_length=limits.ADDRESS,
        required=False,
        help_text=gettext_lazy("The platform’s own address in the block. Leave empty for the last one."),
    )
    ranges = _given_out()
    reserved = _reserved()
    routes = _routes()
    ceiling_mbit = _ceiling()
    open_to_all = forms.BooleanField(label=gettext_lazy("Open to all tenants"), required=False, initial=True)
    tenants = forms.ModelMultipleChoiceField(
        Tenant.objects.none(),
        label=gettext_lazy("Otherwise only to"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def prepare(self) -> None:
        """Offer regions and tenants."""
        regions = Region.objects.all()
        self.fields["region"].queryset = regions  # type: ignore[attr-defined]
        self.fields["region"].initial = regions.first()
        self.fields["tenants"].queryset = Tenant.objects.all()  # type: ignore[attr-defined]
        self.fields["ceiling_mbit"].initial = DEFAULT_CEILING_MBIT


class ChangeSegmentForm(_WithRanges, RowForm):
    """Ranges, routes and bandwidth ceiling of a segment."""

    ranges = _given_out()
    reserved = _reserved()
    routes = _routes()
    ceiling_mbit = _ceiling()

    def prepare(self) -> None:
        """Show what holds now."""
        if self.row is None:
            return
        segment: ExternalSegment = self.row
        self.initial.update(
            {
                "ranges": range_lines(segment, reserved=False),
                "reserved": range_lines(segment, reserved=True),
                "routes": [str(route) for route in segment.routes],
                "ceiling_mbit": segment.ceiling_mbit,
            }
        )
        self.fields["ceiling_mbit"].help_text = _("EIPs above the new ceiling keep their bandwidth.")


class PermitSegmentForm(PermitForm):
    """Who may have addresses of a segment."""

    def prepare(self) -> None:
        """Say what becomes of those of others."""
        super().prepare()
        self.fields["tenants"].help_text = _(
            "Other tenants keep the EIPs and NICs that they have in the segment."
        )


class FreeAddressForm(RowForm):
    """An address that is in conflict or in quarantine."""

    address = forms.CharField(label=gettext_lazy("IP address"), max_length=limits.ADDRESS)


def range_lines(segment: ExternalSegment, *, reserved: bool) -> list[str]:
    """Return the ranges of one sort as lines."""
    return list(_lines((r.first, r.last) for r in segment.ranges.all() if r.reserved == reserved))


def _lines(spans: Iterable[tuple[Any, Any]]) -> Iterable[str]:
    for first, last in spans:
        yield str(first) if first == last else f"{first} - {last}"


def _range(line: str) -> dict[str, str]:
    first, _dash, last = line.replace("–", "-").partition("-")
    return {"first": first.strip(), "last": (last or first).strip()}
