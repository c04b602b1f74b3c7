"""One task: its steps, cause and next step, what can be done about it, and what was requested together with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.lifecycle.models import Operation, OperationStatus
from apps.lifecycle.retry import why_not_retry
from apps.lifecycle.stored_messages import rendered_error
from apps.portal import html, toasts
from apps.portal.detail import DetailPage, Properties, Property, Tab
from apps.portal.failures import retry_of
from apps.portal.kind_registry import list_pages
from apps.portal.kinds import Offer
from apps.portal.operation_pages import OPERATION, operation_word, target_link
from apps.portal.operation_steps import steps_of
from apps.portal.page import Page
from apps.portal.task_filter import STATUS_WORDS
from apps.portal.templatetags.kit import took
from apps.portal.timeline import duration, label_of
from apps.portal.toasts import Toast

#: So many of what was requested together are named.
TOGETHER = 50
#: One request is accepted within this time.
ONE_REQUEST = timedelta(hours=1)

UNSUCCESSFUL = (OperationStatus.FAILED, OperationStatus.CANCELLED)


def retry_offer(page: Page, operation: Operation) -> tuple[Offer | None, str]:
    """Return the action that does again what failed, and why there is none ("" where that needs no word)."""
    if operation.status not in UNSUCCESSFUL:
        return None, ""
    if reason := why_not_retry(operation):
        return None, reason
    kind = list_pages(page.area).get(operation.target_kind)
    row = kind.of.rows(page.actor).filter(pk=operation.target_id).first() if kind else None
    if kind is None or row is None:
        return None, _("The task’s target no longer exists.")
    return retry_of(row, operation.verb, kind.of.offers(page.rights, row, page.area)), ""


def _together(page: DetailPage, row: Operation) -> list[tuple[Operation, Any]]:
    """Return what else one click or call asked for."""
    if not row.request_id:
        return []
    near = (row.created_at - ONE_REQUEST, row.created_at + ONE_REQUEST)
    asked = OPERATION.rows(page.actor).filter(created_at__range=near, request_id=row.request_id)
    others = asked.exclude(pk=row.pk).order_by("created_at", "pk")[:TOGETHER]
    return [(other, operation_word(other)) for other in others]


def _steps(page: DetailPage, row: Operation) -> dict[str, Any]:
    retry, settled = retry_offer(page, row)
    return {
        "groups": page.properties(row),
        "steps": steps_of(row),
        "word": operation_word(row),
        "error": rendered_error(row.error) if row.error else None,
        "retry": retry,
        "settled": settled,
        "together": _together(page, row),
        "target": target_link(row, page.area),
        "elapsed": took(duration(row) or timezone.now() - row.created_at),
    }


class OperationDetail(DetailPage):
    of = OPERATION
    has_context = False
    template_name = "portal/operation.html"
    tabs = (Tab("", gettext_lazy("Steps"), "portal/operation_steps.html", _steps),)

    def properties(self, row: Operation) -> Sequence[Properties]:
        """Return who asked for what, when."""
        who = row.actor.username if row.actor else _("platform")
        return [
            Properties(
                _("Request"),
                [
                    Property(_("Tenant"), row.tenant.name if row.tenant else ""),
                    Property(_("Requested by"), who),
                    Property(_("Request ID"), row.request_id, copy=True),
                    Property(_("Requested"), html.moment(row.created_at)),
                    Property(_("Started"), html.moment(row.started_at)),
                    Property(_("Finished"), html.moment(row.finished_at)),
                    Property(_("Deadline"), html.moment(row.deadline)),
                    Property(_("Attempts"), format_html("{}", row.attempt)),
                ],
            )
        ]


class OperationToast(Page):
    """What became of an operation that a browser follows: nothing while it is open, a toast when it has settled."""

    def get(self, request: HttpRequest, key: object) -> HttpResponse:
        """Return 204 while it runs."""
        row: Operation = OPERATION.found(self.actor, key)
        if row.is_open:
            return HttpResponse(status=204)
        failed = row.status == OperationStatus.FAILED
        word, error = STATUS_WORDS[row.status], rendered_error(row.error if failed else {})
        toast = Toast(
            f"{label_of(row.verb)}: {row.target_name} – {word}",
            "error" if failed else "ok",
            detail=error["message"],
            hint=error["hint"],
            code=error["code"],
            url=OPERATION.url(self.area, "one", row),
        )
        return toasts.show(request, toast)
