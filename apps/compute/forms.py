"""Compute's forms. They check shape only; rules live in the services."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.accounts.access import visible_projects
from apps.accounts.models import Project
from apps.api import limits
from apps.compute.models import HaPriority, Vm
from apps.compute.models.instance_type import MOST_MEMORY_GIB, MOST_VCPU
from apps.infrastructure.models import ComputeCluster
from apps.portal.forms import BaseForm, RowForm


class ProjectForm(BaseForm):
    """Asks in which project something is created."""

    project = forms.ModelChoiceField(
        Project.objects.none(), label=_("Project"), to_field_name="uid", empty_label=None
    )

    def prepare(self) -> None:
        """Offer the projects the actor may create in."""
        projects = visible_projects(self.actor, "manage")
        self.fields["project"].queryset = projects  # type: ignore[attr-defined]
        self.fields["project"].initial = projects.first()


class KeyPairForm(ProjectForm):
    name = forms.CharField(label=_("Name"), max_length=63)
    public_key = forms.CharField(
        label=_("Public key"),
        max_length=limits.PUBLIC_KEY,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=_(
            "The content of your .pub file. Leave empty to generate a key pair; the private key is shown once."
        ),
    )
    description = forms.CharField(label=_("Description"), max_length=255, required=False)
    field_order = ("name", "public_key", "description", "project")


class InstanceTypeForm(BaseForm):
    cluster = forms.ModelChoiceField(
        ComputeCluster.objects.none(), label=_("Compute cluster"), empty_label=None
    )
    vcpu = forms.IntegerField(
        label=_("vCPUs"), min_value=1, max_value=MOST_VCPU, help_text=_("1 or an even number up to 240.")
    )
    memory_gib = forms.IntegerField(
        label=_("Memory (GiB)"),
        min_value=1,
        max_value=MOST_MEMORY_GIB,
        help_text=_("1 or an even number up to 1024."),
    )
    name = forms.CharField(
        label=_("Name"), max_length=63, required=False, help_text=_("Leave empty for a name such as 2C4G.")
    )

    def prepare(self) -> None:
        """Offer the clusters."""
        clusters = ComputeCluster.objects.select_related("region")
        self.fields["cluster"].queryset = clusters  # type: ignore[attr-defined]


class HaPriorityForm(RowForm):
    """In which order VMs are started elsewhere."""

    priority = forms.ChoiceField(
        label=_("HA priority"),
        choices=[(each.word, each.label) for each in reversed(HaPriority)],
        initial=HaPriority.NORMAL.word,
        help_text=_(
            "If the host fails, VMs with a higher priority are started first on other hosts. "
            "“None”: the VM waits until its host is back."
        ),
    )

    def prepare(self) -> None:
        """Show what the VM has now."""
        if isinstance(self.row, Vm):
            self.initial["priority"] = HaPriority(self.row.ha_priority).word
