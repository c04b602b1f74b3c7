"""Narrowing the list of tasks by the words of its status column: "Stopping" is one of them, and no stored status."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.api.filter_fields import Choices
from apps.api.operation_filter import OperationFilter
from apps.lifecycle.models import OperationStatus
from apps.lifecycle.models.operation import OPEN, Stopping
from apps.lifecycle.verbs import Text

STOPPING = "stopping"
STATUS_WORDS: dict[str, Text] = {
    OperationStatus.QUEUED: _("Queued"),
    OperationStatus.RUNNING: _("Running"),
    OperationStatus.DONE: _("Done"),
    OperationStatus.FAILED: _("Failed"),
    OperationStatus.CANCELLED: _("Cancelled"),
}
#: What the column can show.
SHOWN_WORDS: dict[str, Text] = {**STATUS_WORDS, STOPPING: _("Stopping")}


def _showing(values: Sequence[str]) -> Q:
    stopping = Q(stopping=Stopping.ASKED, status__in=OPEN)
    found = Q(status__in=[value for value in values if value in STATUS_WORDS]) & ~stopping
    return found | stopping if STOPPING in values else found


class TaskFilter(OperationFilter):
    by = {"status": Choices(_("Status"), where=_showing)}
