"""What became of each row of a bulk action: a page with an address of its own, live until the last task has ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.operation_access import visible_batches
from apps.api.operation_api import CANCEL
from apps.lifecycle.errors import NotFound
from apps.lifecycle.models import Batch, BatchItem, BatchOutcome, Operation, OperationStatus
from apps.lifecycle.state_labels import StateLabel
from apps.lifecycle.stored_messages import rendered_error
from apps.lifecycle.verbs import Text
from apps.portal.kinds import resource_url
from apps.portal.operation_pages import operation_word
from apps.portal.page import Page
from apps.portal.timeline import label_of

_WORDS: dict[str, StateLabel] = {
    BatchOutcome.WAITING: StateLabel(gettext_lazy("Not processed"), "off"),
    BatchOutcome.ACCEPTED: StateLabel(gettext_lazy("Accepted"), "ok"),
    BatchOutcome.DONE: StateLabel(gettext_lazy("Done"), "ok"),
    BatchOutcome.REFUSED: StateLabel(gettext_lazy("Refused"), "error"),
    BatchOutcome.NOT_FOUND: StateLabel(gettext_lazy("Deleted"), "off"),
}
_AGAIN = {OperationStatus.FAILED, OperationStatus.CANCELLED}


@dataclass(frozen=True)
class Line:
    """One row: how it stands, and where it was refused or failed, the cause, its code and the next step."""

    item: BatchItem
    word: StateLabel
    url: str
    task: str
    cause: str
    hint: str
    code: str


class OutcomePage(Page):
    """One bulk action that was carried out."""

    template_name = "portal/bulk_outcome.html"

    def get(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Show every row's outcome."""
        batch = visible_batches(self.actor).select_related("actor").filter(pk=key).first()
        if batch is None:
            raise NotFound(_("Bulk action not found."), hint=_("Results are kept for 30 days."))
        items = list(batch.items.select_related("operation").order_by("position"))
        open_tasks = [item.operation for item in items if item.operation and item.operation.is_open]
        context = {
            "title": _("%(label)s: %(n)s selected") % {"label": _label(batch), "n": len(items)},
            "label": _label(batch),
            "batch": batch,
            "lines": [self._line(batch, item) for item in items],
            "counts": _counts(items),
            "total": len(items),
            "ended": len(items) - len(open_tasks),
            "watched": " ".join(f"operation:{operation.pk}" for operation in open_tasks),
            "again": [item.target for item in items if _may_be_tried_again(item)],
            "again_action": batch.verb.partition(".")[2].replace("_", "-"),
            "again_url": self._url(f"{batch.kind}.bulk"),
            "list_url": self._url(f"{batch.kind}.list") or "/",
        }
        return self.show(context)

    def _line(self, batch: Batch, item: BatchItem) -> Line:
        operation = item.operation
        there = operation.resource_id is not None if operation else item.outcome == BatchOutcome.REFUSED
        error = rendered_error(operation.error if operation and not operation.is_open else {})
        return Line(
            item,
            operation_word(operation) if operation else _WORDS[item.outcome],
            url=resource_url(self.area, batch.kind, item.target) if there else "",
            task=resource_url(self.area, "operation", operation.pk) if operation else "",
            cause=item.message or error["message"],
            hint=item.hint or error["hint"],
            code=item.code or error["code"],
        )

    def _url(self, name: str) -> str:
        try:
            return reverse(f"{self.area}:{name}")
        except NoReverseMatch:
            return ""


def _label(batch: Batch) -> Text:
    return CANCEL.label if batch.verb == CANCEL.name else label_of(batch.verb)


def _may_be_tried_again(item: BatchItem) -> bool:
    if item.operation is not None:
        return item.operation.status in _AGAIN and item.operation.resource_id is not None
    return item.outcome in {BatchOutcome.REFUSED, BatchOutcome.WAITING}


def _counts(items: Sequence[BatchItem]) -> list[tuple[int, StateLabel]]:
    """Return how many stand how, for the line above the table."""
    words = {
        "ok": StateLabel(_("done"), "ok"),
        "busy": StateLabel(_("in progress"), "busy"),
        "error": StateLabel(_("refused or failed"), "error"),
        "off": StateLabel(_("cancelled, deleted or not processed"), "off"),
    }
    tones: Counter[str] = Counter(_tone(item.operation, item.outcome) for item in items)
    return [(tones[tone], word) for tone, word in words.items() if tones[tone]]


def _tone(operation: Operation | None, outcome: Any) -> str:
    return operation_word(operation).tone if operation else _WORDS[outcome].tone
