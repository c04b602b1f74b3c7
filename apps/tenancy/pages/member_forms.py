"""Forms about members: a new one, a role, ownership."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import Project, Role
from apps.lifecycle.actor import Actor
from apps.portal.forms import BaseForm


def _projects(actor: Actor) -> list[tuple[str, str]]:
    projects = Project.objects.filter(tenant=actor.tenant) if actor.tenant else Project.objects.none()
    return [(str(project.uid), project.name) for project in projects]


class RoleForm(BaseForm):
    project = forms.ChoiceField(label=gettext_lazy("Project"))
    role = forms.ChoiceField(
        label=gettext_lazy("Role"), choices=[*Role.choices, ("", gettext_lazy("none"))], required=False
    )

    def prepare(self) -> None:
        """Offer the projects of the tenant."""
        self.fields["project"].choices = _projects(self.actor)  # type: ignore[attr-defined]


class OwnerForm(BaseForm):
    owner = forms.BooleanField(
        label=gettext_lazy("Owner: can do everything in the tenant and manages its accounts"), required=False
    )


class MemberForm(BaseForm):
    username = forms.CharField(label=gettext_lazy("Username"), max_length=63)
    email = forms.EmailField(label=gettext_lazy("Email"), required=False)
    project = forms.ChoiceField(
        label=gettext_lazy("Project"),
        required=False,
        help_text=gettext_lazy("A separate project comes with a default network."),
    )
    role = forms.ChoiceField(
        label=gettext_lazy("Role"),
        choices=[*Role.choices, ("", gettext_lazy("none"))],
        initial=Role.MANAGER,
        required=False,
        help_text=gettext_lazy(
            "Without a role and a project, you can grant roles on single resources later."
        ),
    )

    def prepare(self) -> None:
        """Offer a new project before those of the tenant."""
        own = ("", _("a new separate project"))
        self.fields["project"].choices = [own, *_projects(self.actor)]  # type: ignore[attr-defined]
