"""The forms of VM templates: those of a new VM, without what belongs to one VM only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.labels import MAX_NAME
from apps.compute import selectors
from apps.compute.eip_fields import NEW
from apps.compute.models import InstanceType
from apps.compute.services.template_choices import FIELDS
from apps.compute.vm_form import VmForm
from apps.portal.forms import RowForm

#: So many templates are offered to save a new version of.
MOST_OFFERED = 100


class VmTemplateForm(VmForm):
    """What a template keeps, its name and project."""

    count = None  # type: ignore[assignment]
    password = None  # type: ignore[assignment]
    hostname = None  # type: ignore[assignment]
    user_data = None  # type: ignore[assignment]
    user_data_encoding = None  # type: ignore[assignment]

    def prepare(self) -> None:
        """Offer new EIPs only: an existing one is for one VM."""
        super().prepare()
        field = self.fields["eip"]
        assert isinstance(field, forms.ChoiceField)
        groups: Any = field.choices
        field.choices = [each for each in groups if each[0] in ("", _("New EIP"))]

    def clean(self) -> dict[str, Any]:
        """Return what the service takes."""
        data = super().clean() or {}
        return {name: value for name, value in data.items() if name in (*FIELDS, *OWN)}


#: Fields of the template itself.
OWN = ("name", "description", "project")


class VmTemplateVersionForm(VmTemplateForm):
    """What a new version of a template keeps."""

    name = None  # type: ignore[assignment]
    description = None  # type: ignore[assignment]

    def prepare(self) -> None:
        """Its project is the template's."""
        super().prepare()
        del self.fields["project"]


class SaveTemplateForm(RowForm):
    """A new template's name, or the template that gets a new version."""

    template = forms.TypedChoiceField(
        label=gettext_lazy("Save as"), coerce=UUID, required=False, empty_value=None
    )
    name = forms.CharField(
        label=gettext_lazy("Name of the new template"), max_length=MAX_NAME, required=False
    )
    description = forms.CharField(label=gettext_lazy("Description"), max_length=255, required=False)

    def prepare(self) -> None:
        """Offer the tenant's templates, and propose the VM's name."""
        field = self.fields["template"]
        assert isinstance(field, forms.TypedChoiceField)
        field.choices = [("", _("New template"))]
        if self.row is None:
            return
        self.initial.update({"name": self.row.name, "description": ""})
        rows = (
            selectors.visible_vm_templates(self.actor).filter(tenant=self.row.tenant).order_by("name", "pk")
        )
        for row in rows[:MOST_OFFERED]:
            text = _("%(name)s, version %(number)s") % {"name": row.name, "number": row.version + 1}
            field.choices = [*field.choices, (row.pk, text)]

    def says(self) -> Sequence[str]:
        """Say what is kept."""
        return [
            _("Image, size, disks, network, security groups and SSH keys are saved."),
            _("Passwords and user data are not saved."),
        ]


def form_values(choices: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the form of a new VM for what a template keeps."""
    disks, eip = choices.get("data_disks", []), choices.get("new_eip")
    kind = (
        InstanceType.objects.select_related("cluster__region")
        .filter(pk__in=[choices.get("instance_type")])
        .first()
    )
    kept = {name: value for name, value in choices.items() if name not in ("data_disks", "new_eip")}
    return kept | {
        "region": kind and kind.cluster.region.name,
        "data_disks": ", ".join(str(disk["size_gib"]) for disk in disks),
        "data_cluster": disks[0]["cluster"] if disks else None,
        "eip": f"{NEW}{eip['segment']}" if eip else "",
        "eip_mbit": eip["mbit"] if eip else None,
    }
