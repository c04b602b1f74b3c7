"""What the pages of elastic NICs ask for. They check shape only; rules are the services'."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.access import visible, visible_projects
from apps.accounts.labels import MAX_NAME
from apps.api import limits
from apps.lifecycle.models import State
from apps.network.models import ExternalSegment, SecurityGroup, Subnet
from apps.network.segment_plan import MOST_MBIT
from apps.network.segment_texts import segment_pick, usual_segment
from apps.network.selectors import visible_segments, visible_subnets
from apps.portal.forms import BaseForm, RowForm
from apps.portal.pickers import Pick, PickField

INTERNAL, EXTERNAL = "internal", "external"
NO_GROUP = gettext_lazy("No security group: all traffic is allowed")


def _speed(label: Any) -> forms.IntegerField:
    return forms.IntegerField(label=label, min_value=0, max_value=MOST_MBIT, required=False)


def _group_field() -> forms.ModelChoiceField:  # type: ignore[type-arg]  # no generic at run time
    return forms.ModelChoiceField(
        SecurityGroup.objects.none(),
        label=gettext_lazy("Security group"),
        required=False,
        empty_label=NO_GROUP,
    )


class EniForm(BaseForm):
    """A new elastic NIC, in a subnet or outside."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=MAX_NAME)
    role = forms.ChoiceField(
        label=gettext_lazy("Type"),
        choices=(
            (INTERNAL, gettext_lazy("Internal: in a subnet of a VPC")),
            (EXTERNAL, gettext_lazy("External: in an external segment")),
        ),
        initial=INTERNAL,
        widget=forms.RadioSelect(attrs={"data-eni-role": ""}),
    )
    subnet = PickField(
        Subnet.objects.none(),
        label=gettext_lazy("Subnet"),
        required=False,
        empty_label=None,
        headings=[gettext_lazy("Free addresses")],
    )
    segment = PickField(
        ExternalSegment.objects.none(),
        label=gettext_lazy("External segment"),
        required=False,
        empty_label=None,
        headings=[gettext_lazy("Free addresses")],
    )
    address = forms.CharField(
        label=gettext_lazy("IP address"),
        max_length=limits.ADDRESS,
        required=False,
        help_text=gettext_lazy(
            "Leave empty for any free address. The NIC keeps its address until it is deleted."
        ),
    )
    address6 = forms.CharField(
        label=gettext_lazy("IPv6 address"),
        max_length=limits.ADDRESS,
        required=False,
        help_text=gettext_lazy("For a subnet with an IPv6 prefix. Leave empty to have one assigned."),
    )
    security_group = _group_field()
    mbit_in = _speed(gettext_lazy("Inbound bandwidth (Mbit/s)"))
    mbit_out = _speed(gettext_lazy("Outbound bandwidth (Mbit/s)"))
    project = forms.TypedChoiceField(label=gettext_lazy("Project"), coerce=UUID)
    description = forms.CharField(label=gettext_lazy("Description"), max_length=255, required=False)

    def prepare(self) -> None:
        """Offer the projects, subnets, segments and groups that the actor may use."""
        projects, groups = self.fields["project"], self.fields["security_group"]
        assert isinstance(projects, forms.TypedChoiceField) and isinstance(groups, forms.ModelChoiceField)
        projects.choices = list(visible_projects(self.actor, "manage").values_list("uid", "name"))
        groups.queryset = _groups(self)
        ready = {"state": State.READY}
        subnets = visible_subnets(self.actor).filter(**ready).order_by("region__name", "vpc__name", "name")
        segments = visible_segments(self.actor).filter(**ready).order_by("region__name", "name")
        self._offer("subnet", subnets.select_related("region"), _subnet)
        self._offer("segment", segments, segment_pick)
        if self.fields["segment"].queryset.first() is None:  # type: ignore[attr-defined]
            self.fields["segment"].help_text = _(
                "You have no access to any external segment. Ask the administrator."
            )
        self.fields["subnet"].make = (  # type: ignore[attr-defined]
            reverse("portal:vpc.create"),
            _("Create a VPC with a subnet"),
        )
        role = str((self.data if self.is_bound else self.initial).get("role") or INTERNAL)
        place = self.fields["segment" if role == EXTERNAL else "subnet"].initial
        if place is not None:  # without a group everything is allowed: never what happens by itself
            groups.initial = groups.queryset.filter(region=place.region).order_by("created_at").first()
        for name, needed in (("subnet", role == INTERNAL), ("segment", role == EXTERNAL)):
            self.fields[name].required = needed
        for name in ("mbit_in", "mbit_out"):
            self.fields[name].help_text = _(
                "Leave empty for the default: unlimited in a subnet, limited in an external segment."
            )

    def _offer(self, name: str, rows: QuerySet[Any], describe: Any) -> None:
        field = self.fields[name]
        assert isinstance(field, PickField)
        field.queryset, field.describe = rows, describe
        field.initial = usual_segment(rows) if name == "segment" else rows.first()

    def clean(self) -> dict[str, Any]:
        """Keep of subnet and segment the one that was chosen, and give the service ids."""
        data = super().clean() or {}
        kept = "segment" if data.pop("role", INTERNAL) == EXTERNAL else "subnet"
        for name in ("subnet", "segment", "security_group"):
            row = data.pop(name, None)
            if row is not None and name in (kept, "security_group"):
                data[name] = row.pk
        if kept == "segment":
            data.pop("address6", None)  # hidden
        return data


def _groups(form: BaseForm) -> QuerySet[SecurityGroup]:
    return visible(form.actor, SecurityGroup.objects.filter(state=State.READY)).order_by("name")


def _subnet(subnet: Any) -> Pick:
    place = " · ".join(str(part) for part in (subnet.cidr, subnet.cidr6, subnet.region.label) if part)
    return Pick(f"{subnet.vpc.name} / {subnet.name}", place, [f"{subnet.free_addresses:,}"])


class UnbindEniForm(RowForm):
    """The VM that it was bound to when the question was shown: it is not unbound from another one."""

    vm = forms.UUIDField(required=False, widget=forms.HiddenInput())

    def prepare(self) -> None:
        """Remember the VM."""
        self.initial["vm"] = self.row.vm_id if self.row is not None else None


class EniGroupForm(RowForm):
    """Which group an elastic NIC, or several, are in."""

    security_group = _group_field()

    def prepare(self) -> None:
        """Offer the groups the actor sees; the service refuses those of another region or tenant."""
        groups = _groups(self)
        if self.row is not None:
            groups = groups.filter(region=self.row.region_id, tenant=self.row.tenant_id)
            self.initial["security_group"] = self.row.nic.security_group_id
        field = self.fields["security_group"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = groups

    def clean(self) -> dict[str, Any]:
        """Give the service the group's id."""
        data = super().clean() or {}
        group = data.get("security_group")
        data["security_group"] = group.pk if group else None
        return data

    def says(self) -> Sequence[str]:
        """Say what becomes of open connections."""
        return [_("The rules apply at once. Open connections that they do not accept are cut.")]


class EniBandwidthForm(RowForm):
    mbit_in = forms.IntegerField(
        label=gettext_lazy("Inbound bandwidth (Mbit/s)"), min_value=0, max_value=MOST_MBIT
    )
    mbit_out = forms.IntegerField(
        label=gettext_lazy("Outbound bandwidth (Mbit/s)"), min_value=0, max_value=MOST_MBIT
    )

    def prepare(self) -> None:
        """Say how much is possible."""
        if self.row is None:
            return
        nic, segment = self.row.nic, self.row.segment
        self.initial.update({"mbit_in": nic.mbit_in, "mbit_out": nic.mbit_out})
        if segment is None:
            text = _("0: unlimited.")
        else:
            text = _("1 to %(most)s in this segment.") % {"most": f"{segment.ceiling_mbit:,}"}
        for name in ("mbit_in", "mbit_out"):
            self.fields[name].help_text = text
