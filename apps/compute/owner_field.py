"""For whom an administrator makes something: a tenant's project, found by typing; there may be thousands."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.access import visible_projects
from apps.accounts.labels import MAX_NAME
from apps.accounts.models import Project
from apps.compute.disk_widgets import Suggestions
from apps.portal.forms import BaseForm

#: Of so many the field suggests some; others are typed.
MOST_SUGGESTED = 100
SEPARATOR = " / "


class OwnerForm(BaseForm):
    """Asks for the tenant, or one of its projects; nothing: nobody's, so everybody's."""

    project = forms.CharField(
        label=gettext_lazy("Tenant"),
        max_length=2 * MAX_NAME + len(SEPARATOR),
        required=False,
        widget=Suggestions([]),
        help_text=gettext_lazy(
            "Name of the tenant that will own the image, or “tenant / project”. Empty: base image for all tenants."
        ),
    )

    def prepare(self) -> None:
        """Suggest projects by their tenant's name."""
        super().prepare()
        some = self._projects().order_by("tenant__name", "-is_default", "name")[:MOST_SUGGESTED]
        field = self.fields["project"]
        assert isinstance(field.widget, Suggestions)
        field.widget.suggestions = [(f"{row.tenant.name}{SEPARATOR}{row.name}", "") for row in some]

    def clean_project(self) -> Project | None:
        """Return the project that was named; None when none was."""
        given = self.cleaned_data["project"].strip()
        if not given:
            return None
        found = self._projects().filter(_named(given)).order_by("-is_default").first()
        if found is None:
            raise forms.ValidationError(_("Tenant or project not found."))
        return found

    def _projects(self) -> QuerySet[Project]:
        return visible_projects(self.actor, "manage").select_related("tenant")


def _named(given: str) -> Q:
    """Return what finds a project by its ID, by its tenant's and its own name, or a tenant's default one."""
    try:
        return Q(uid=UUID(given))
    except ValueError:
        pass
    found = Q(tenant__name=given, is_default=True)
    parts = given.split(SEPARATOR)
    for at in range(1, len(parts)):  # names may have the separator in them
        found |= Q(tenant__name=SEPARATOR.join(parts[:at]), name=SEPARATOR.join(parts[at:]))
    return found
