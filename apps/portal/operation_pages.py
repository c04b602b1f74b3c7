"""The task centre: what was requested, how it goes, why it failed and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db.models import Case, QuerySet, When
from django.db.models.fields.json import KeyTextTransform
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.operation_access import cancel_operation, visible_operations
from apps.accounts.rights import Rights
from apps.api.operation_api import CANCEL
from apps.api.operation_filter import SECONDS
from apps.lifecycle.actor import Actor
from apps.lifecycle.cancellation import why_not_cancel
from apps.lifecycle.legality import Possibility
from apps.lifecycle.models import Operation, OperationStatus
from apps.lifecycle.models.operation import Stopping
from apps.lifecycle.state_labels import StateLabel
from apps.lifecycle.stored_messages import rendered_error, rendered_message
from apps.lifecycle.verbs import all_verbs, no_tasks, verb_named
from apps.portal import html
from apps.portal.columns import TENANT, Column
from apps.portal.facets import Choices, Facet, choice_facet, tenant_facet
from apps.portal.kind_registry import kind_word
from apps.portal.kinds import Do, PageKind, resource_url
from apps.portal.lists import Empty, ListPage
from apps.portal.task_filter import SHOWN_WORDS, STOPPING, TaskFilter
from apps.portal.templatetags.kit import took
from apps.portal.timeline import TONES, duration, label_of
from apps.portal.view_tabs import ListView
from apps.portal.why import Why, with_why


def operation_word(operation: Operation) -> StateLabel:
    """Return an operation's status as shown."""
    running = operation.status == OperationStatus.RUNNING
    stopping = operation.is_open and operation.stopping == Stopping.ASKED
    return StateLabel(
        SHOWN_WORDS[STOPPING if stopping else operation.status],
        TONES[OperationStatus(operation.status)],
        reason=rendered_message(operation.error, "message"),
        percent=operation.progress if running and operation.progress else None,
    )


def _visible(actor: Actor) -> QuerySet[Operation]:
    return visible_operations(actor).select_related("actor", "tenant", "resource")


class _OperationKind(PageKind):
    """Cancel is judged here: operations are no resources and have no verb table."""

    def judge(self, rights: Rights, row: Any) -> list[Possibility]:
        """Judge cancel."""
        if not row.is_open:
            return []
        project_id = row.resource and row.resource.project_id
        if not rights.covers(verb_named(row.verb), project_id, row.tenant_id, row.resource_id):
            return []
        reason = why_not_cancel(row)
        return [Possibility(CANCEL, "state.not_allowed" if reason else "", reason)]


OPERATION = _OperationKind(
    kind="operation",
    plural="operations",
    one=gettext_lazy("task"),
    many=gettext_lazy("Tasks"),
    icon="list-check",
    help="tasks#tasks",
    visible=_visible,
    actions=(Do(CANCEL, adapter=cancel_operation),),
)


def tasks_of(actor: Actor) -> QuerySet[Any]:
    """Return the operations that are tasks. Opening a console, or connecting again, is none."""
    return OPERATION.rows(actor).exclude(verb__in=no_tasks())


def _what(row: Operation, page: ListPage) -> SafeString:
    return html.link(page.of.url(page.area, "one", row), label_of(row.verb), "row-name")


def _target(row: Operation, page: ListPage) -> SafeString:
    return target_link(row, page.area)


def target_link(row: Operation, area: str) -> SafeString:
    """Return the resource acted on, linked while it exists."""
    url = resource_url(area, row.target_kind, row.target_id) if row.resource_id else ""
    return html.link(url, row.target_name)


def _said(row: Operation, page: ListPage) -> str:
    if row.is_open:
        return rendered_message(row.steps[-1]) if row.steps else ""
    return rendered_message(row.error, "message") if row.status != OperationStatus.DONE else ""


def _outcome(row: Operation, page: ListPage) -> SafeString | str:
    said = _said(row, page)
    return format_html('<span class="row-note">{}</span>', said) if said else ""


def _status(row: Operation, page: ListPage) -> SafeString:
    word = operation_word(row)
    error = rendered_error(row.error)
    why = Why(word.reason, hint=error["hint"], code=error["code"]) if word.reason else None
    shown = with_why(word, str(row.pk), why)
    running = row.status == OperationStatus.RUNNING
    return format_html("{}{}", shown, html.progress(row.progress)) if running else shown


def _took(row: Operation, page: ListPage) -> str:
    return took(duration(row))


#: Sorted by status, failed tasks come first and done ones last; the newest of each first.
_ORDER = ("failed", "running", "queued", "cancelled", "done")
_FAILED_FIRST = Case(*(When(status=status, then=position) for position, status in enumerate(_ORDER)))


def _seconds(row: Operation, page: ListPage) -> float | None:
    length = duration(row)
    return length.total_seconds() if length is not None else None


def _kinds(page: ListPage) -> Choices:
    return [(kind, str(kind_word(kind))) for kind in sorted({verb.kind for verb in all_verbs()})]


def _verbs(page: ListPage) -> Choices:
    tasks = (verb for verb in all_verbs() if verb.is_task)
    return sorted(((verb.name, str(verb.label)) for verb in tasks), key=lambda each: each[1])


class OperationList(ListPage):
    of = OPERATION
    in_search = False  # they bear their target's name: a search for a machine would find little else
    columns = (
        Column(
            "what",
            gettext_lazy("Task"),
            _what,
            sort="verb",
            width="name",
            wide=False,
            filter="verb",
            facet=choice_facet("verb", gettext_lazy("Task"), _verbs),
        ),
        Column(
            "target",
            gettext_lazy("Target"),
            _target,
            sort="target_name",
            filter="target_name",
            brief=True,
            text=lambda row, page: row.target_name,
        ),
        Column(
            "status",
            gettext_lazy("Status"),
            _status,
            sort=(_FAILED_FIRST, "-created_at"),
            width="state",
            wide=False,
            text=lambda row, page: operation_word(row).word,
        ),
        Column(
            "outcome",
            gettext_lazy("Last step or cause"),
            _outcome,
            sort=KeyTextTransform("message", "error"),
            width="long",
            text=_said,
        ),
        TENANT,
        Column(
            "actor",
            gettext_lazy("Requested by"),
            lambda row, page: row.actor.username if row.actor else _("platform"),
            sort="actor__username",
        ),
        Column(
            "created",
            gettext_lazy("Requested"),
            lambda row, page: html.moment(row.created_at),
            sort="created_at",
            width="time",
            text=lambda row, page: row.created_at,
        ),
        Column("took", gettext_lazy("Duration"), _took, sort=SECONDS, end=True, text=_seconds),
    )
    filter = TaskFilter
    facets: ClassVar[Sequence[Facet]] = (
        choice_facet("status", gettext_lazy("Status"), lambda page: SHOWN_WORDS.items()),
        choice_facet("kind", gettext_lazy("Kind"), _kinds),
        tenant_facet,
    )
    views = (
        ListView("open", gettext_lazy("In progress"), "status=queued&status=running&status=stopping"),
        ListView("failed", gettext_lazy("Failed"), "status=failed"),
    )
    related = ()

    def all_rows(self) -> QuerySet[Any]:
        """Return the tasks: what only opens something and changes nothing is none."""
        return tasks_of(self.actor)

    empty = Empty(gettext_lazy("No tasks yet"), gettext_lazy("Actions you start appear here."))
