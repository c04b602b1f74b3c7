"""What is requested in the pages of networks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.access import visible_projects
from apps.api import limits
from apps.infrastructure.regions import offered_regions
from apps.network.free_blocks import next_free
from apps.network.prefixes import AUTOMATIC
from apps.network.ranges import VpcRange, allowed_ranges
from apps.network.selectors import visible_vpcs
from apps.network.services.default_network import SUBNET_PREFIX, default_blocks
from apps.portal.forms import BaseForm, RowForm

_IPV6_HELP = gettext_lazy("A /64 such as fd12:3456:789a:1::/64, or “auto” for a free unique local one.")


class PlacedForm(BaseForm):
    """Name, description, and where it goes: a project the actor may create in, and a region."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=63)
    description = forms.CharField(label=gettext_lazy("Description"), max_length=255, required=False)
    project = forms.TypedChoiceField(label=gettext_lazy("Project"), coerce=UUID)
    region = forms.ChoiceField(label=gettext_lazy("Region"))

    def prepare(self) -> None:
        """Offer projects and regions."""
        self._offer("project", visible_projects(self.actor, "manage").values_list("uid", "name"))
        self._offer("region", [(region.name, region.label) for region in offered_regions(self.actor)])

    def _offer(self, name: str, choices: Any) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = list(choices)


class SuggestingSelect(forms.Select):
    """A list whose options suggest the value of another field: `data-suggest`, which create.js puts there."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.suggestions: dict[str, str] = {}

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Add the option's suggestion."""
        option: dict[str, Any] = super().create_option(name, value, *args, **kwargs)
        if suggestion := self.suggestions.get(str(value)):
            option["attrs"]["data-suggest"] = suggestion
        return option


class VpcForm(PlacedForm):
    cidr = forms.CharField(label=gettext_lazy("CIDR block"), max_length=43)
    subnet_cidr = forms.CharField(
        label=gettext_lazy("CIDR block of the first subnet"),
        max_length=43,
        required=False,
        help_text=gettext_lazy("Inside the VPC’s CIDR block, /29 or larger. You can add more subnets later."),
    )

    def prepare(self) -> None:
        """Propose blocks and say which are allowed."""
        super().prepare()
        block, part = default_blocks()
        cidr, subnet = self.fields["cidr"], self.fields["subnet_cidr"]
        cidr.initial, subnet.initial = str(block), str(part)
        subnet.widget.attrs |= {"data-first-of": "cidr", "data-prefix": str(SUBNET_PREFIX)}
        listed = ", ".join(str(allowed) for allowed in allowed_ranges())
        cidr.help_text = _("Allowed: %(ranges)s.") % {"ranges": listed}


class SubnetForm(BaseForm):
    vpc = forms.TypedChoiceField(
        label=gettext_lazy("VPC"), coerce=UUID, widget=SuggestingSelect(attrs={"data-suggests": "cidr"})
    )
    name = forms.CharField(label=gettext_lazy("Name"), max_length=63)
    cidr = forms.CharField(
        label=gettext_lazy("CIDR block"),
        max_length=43,
        help_text=gettext_lazy("Inside the VPC’s CIDR block, /29 or larger. Must not overlap other subnets."),
    )
    cidr6 = forms.CharField(
        label=gettext_lazy("IPv6 prefix"),
        max_length=43,
        required=False,
        help_text=format_lazy("{} {}", _IPV6_HELP, gettext_lazy("Leave empty for IPv4 only.")),
    )
    description = forms.CharField(label=gettext_lazy("Description"), max_length=255, required=False)

    def prepare(self) -> None:
        """Offer the VPCs with their blocks, and suggest the next free block of the one chosen."""
        field = self.fields["vpc"]
        assert isinstance(field, forms.ChoiceField) and isinstance(field.widget, SuggestingSelect)
        vpcs = list(visible_vpcs(self.actor).order_by("name").prefetch_related("subnets"))
        field.choices = [(vpc.pk, f"{vpc.name} ({vpc.cidr})") for vpc in vpcs]
        free = {vpc.pk: next_free(vpc.cidr, [subnet.cidr for subnet in vpc.subnets.all()]) for vpc in vpcs}
        field.widget.suggestions = {str(key): str(block) for key, block in free.items() if block is not None}
        chosen = str(self.initial.get("vpc") or (vpcs[0].pk if vpcs else ""))
        self.fields["cidr"].initial = field.widget.suggestions.get(chosen, "")


class SubnetIpv6Form(RowForm):
    cidr6 = forms.CharField(label=gettext_lazy("IPv6 prefix"), max_length=43, help_text=_IPV6_HELP)

    def prepare(self) -> None:
        """Suggest a free one."""
        self.initial["cidr6"] = AUTOMATIC


class SecurityGroupForm(PlacedForm):
    """The group itself; its rules are typed in the rule editor."""


class RangesForm(BaseForm):
    """The allowed blocks, one a line: "10.0.0.0/16 16-29"."""

    ranges = forms.CharField(
        label=gettext_lazy("Allowed CIDR blocks"),
        max_length=limits.SETTING,
        required=False,
        widget=forms.Textarea(attrs={"rows": 8, "class": "mono", "spellcheck": "false"}),
        help_text=gettext_lazy(
            "One per line: the CIDR block, then the prefix lengths a VPC may have. Leave empty for the "
            "defaults."
        ),
    )

    def clean_ranges(self) -> list[dict[str, Any]]:
        """Return the lines as the service takes them."""
        lines = [line for line in self.cleaned_data["ranges"].splitlines() if line.strip()]
        return [self._entry(line) for line in lines]

    def _entry(self, line: str) -> dict[str, Any]:
        cidr, _space, masks = line.strip().partition(" ")
        first, _dash, last = masks.replace("/", "").partition("-")
        if not (first.strip().isdecimal() and last.strip().isdecimal()) or len(masks) > 20:
            raise forms.ValidationError(_("Not in the form 10.0.0.0/16 16-29: %(line)s") % {"line": line})
        return {"cidr": cidr, "min_prefix": int(first), "max_prefix": int(last)}


def ranges_text(ranges: list[VpcRange]) -> str:
    """Return ranges as typed in `RangesForm`."""
    return "\n".join(f"{r.cidr} {r.min_prefix}-{r.max_prefix}" for r in ranges)
