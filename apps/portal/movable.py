"""Renaming what can be moved to another project of its tenant as well."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy

from apps.accounts.access import visible_projects
from apps.lifecycle.verbs import Text
from apps.portal.forms import LabelsForm, RowForm


class MovableForm(LabelsForm, RowForm):
    """Name, description, and the project where its user has several. `moves`: what choosing another one does."""

    moves: ClassVar[Text] = gettext_lazy("Moves it to another project.")

    project = forms.TypedChoiceField(label=gettext_lazy("Project"), coerce=UUID, required=False)

    def may_move(self) -> bool:
        """Return whether the row can be moved by itself."""
        return self.row is not None

    def prepare(self) -> None:
        """Offer the projects of the row's tenant."""
        if self.row is None:
            return
        row, field = self.row, self.fields["project"]
        rows = visible_projects(self.actor, "manage").filter(tenant=row.tenant_id)
        projects = list(rows.order_by("name").values_list("uid", "name"))
        if not self.may_move() or row.project_id is None or len(projects) < 2:
            del self.fields["project"]
            return
        assert isinstance(field, forms.TypedChoiceField)
        field.choices = projects
        self.initial["project"] = row.project.uid
        field.help_text = str(self.moves)

    def clean_project(self) -> UUID | None:
        """Return None for the project that the row is in."""
        chosen: UUID | None = self.cleaned_data["project"] or None
        return None if chosen == self.row.project.uid else chosen
