"""Verbs about projects."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Project
from apps.accounts.verbs.declaring import declare_account
from apps.lifecycle.verbs import Text, VerbClass


def _default(project: Project) -> Text | None:
    return _("The default project cannot be deleted.") if project.is_default else None


# Projects part resources. Who may do what in them is the members' roles.
PROJECT_CREATE = declare_account(
    "project.create", _("Create project"), "owner", "plus", verb_class=VerbClass.RESOURCE
)
PROJECT_EDIT = declare_account("project.edit", _("Edit"), "owner", "pencil", verb_class=VerbClass.RESOURCE)
PROJECT_DELETE = declare_account(
    "project.delete",
    _("Delete"),
    "owner",
    "trash",
    verb_class=VerbClass.RESOURCE,
    destructive=True,
    obstacle=_default,
)
