"""The task centre: what was asked for, how it goes, why it failed and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.api.operation_api import CANCEL
from apps.api.operation_filter import SECONDS, OperationFilter
from apps.lifecycle.actor import Actor
from apps.lifecycle.legality import Possibility
from apps.lifecycle.models import Operation, OperationStatus
from apps.lifecycle.told import told, told_error
from apps.lifecycle.verbs import all_verbs, verb_named
from apps.lifecycle.words import StateWord
from apps.portal import feedback, pieces
from apps.portal.columns import TENANT, Column
from apps.portal.detail import DetailPage, Properties, Property, Tab
from apps.portal.facets import Choices, Facet, choice_facet, tenant_facet
from apps.portal.feedback import Toast
from apps.portal.kinds import Do, PageKind, Text, resource_url
from apps.portal.lists import Empty, ListPage
from apps.portal.page import Page
from apps.portal.templatetags.kit import took
from apps.portal.timeline import TONES, duration, label_of
from apps.tenancy.operation_access import cancel_operation, visible_operations
from apps.tenancy.rights import Rights

STATUS_WORDS: dict[str, Text] = {
    OperationStatus.QUEUED: gettext_lazy("Queued"),
    OperationStatus.RUNNING: gettext_lazy("Running"),
    OperationStatus.DONE: gettext_lazy("Done"),
    OperationStatus.FAILED: gettext_lazy("Failed"),
    OperationStatus.CANCELLED: gettext_lazy("Cancelled"),
}


def operation_word(operation: Operation) -> StateWord:
    """Return an operation's status as shown."""
    running = operation.status == OperationStatus.RUNNING
    return StateWord(
        STATUS_WORDS[operation.status],
        TONES[OperationStatus(operation.status)],
        reason=told(operation.error, "message"),
        percent=operation.progress if running and operation.progress else None,
    )


def _visible(actor: Actor) -> QuerySet[Operation]:
    return visible_operations(actor).select_related("actor", "tenant", "resource")


class _OperationKind(PageKind):
    """Cancel is judged here: operations are no resources and have no verb table."""

    def judge(self, rights: Rights, row: Any) -> list[Possibility]:
        """Judge cancel, possible until a worker begins."""
        if not row.is_open:
            return []
        if not rights.covers(verb_named(row.verb), row.resource and row.resource.project_id, row.tenant_id):
            return []
        begun = row.status != OperationStatus.QUEUED or row.attempt > 0
        reason = _("It has begun already.") if begun else ""
        return [Possibility(CANCEL, "state.not_allowed" if begun else "", reason)]


OPERATION = _OperationKind(
    kind="operation",
    plural="operations",
    one=gettext_lazy("task"),
    many=gettext_lazy("Tasks"),
    icon="list-check",
    visible=_visible,
    actions=(Do(CANCEL, cancel_operation),),
)


def _what(row: Operation, page: ListPage) -> SafeString:
    return pieces.link(page.of.url(page.area, "one", row), label_of(row.verb), "row-name")


def _target(row: Operation, page: ListPage) -> SafeString:
    return target_link(row, page.area)


def target_link(row: Operation, area: str) -> SafeString:
    """Return the resource acted on, linked while it exists."""
    url = resource_url(area, row.target_kind, row.target_id) if row.resource_id else ""
    return pieces.link(url, row.target_name)


def _outcome(row: Operation, page: ListPage) -> object:
    if row.is_open:
        return told(row.steps[-1]) if row.steps else ""
    return told(row.error, "message") if row.status != OperationStatus.DONE else ""


def _took(row: Operation, page: ListPage) -> str:
    return took(duration(row))


def _seconds(row: Operation, page: ListPage) -> float | None:
    length = duration(row)
    return length.total_seconds() if length is not None else None


def _kinds(page: ListPage) -> Choices:
    return [(kind, kind.replace("_", " ")) for kind in sorted({verb.kind for verb in all_verbs()})]


def _verbs(page: ListPage) -> Choices:
    return sorted(((verb.name, str(verb.label)) for verb in all_verbs()), key=lambda each: each[1])


class OperationList(ListPage):
    of = OPERATION
    in_search = False  # they bear their target's name: a search for a machine would find little else
    columns = (
        Column(
            "what",
            gettext_lazy("Task"),
            _what,
            sort="verb",
            wide=False,
            filter="verb",
            facet=choice_facet("verb", gettext_lazy("Task"), _verbs),
        ),
        Column("target", gettext_lazy("On"), _target, sort="target_name", wide=False, filter="target_name"),
        Column(
            "status",
            gettext_lazy("Status"),
            lambda row, page: pieces.pill(operation_word(row)),
            sort="status",
            wide=False,
            text=lambda row, page: operation_word(row).word,
        ),
        Column(
            "outcome",
            gettext_lazy("Last step or cause"),
            _outcome,
            sort=KeyTextTransform("message", "error"),
        ),
        TENANT,
        Column(
            "actor",
            gettext_lazy("By"),
            lambda row, page: row.actor.username if row.actor else _("platform"),
            sort="actor__username",
        ),
        Column(
            "created",
            gettext_lazy("Asked"),
            lambda row, page: pieces.moment(row.created_at),
            sort="created_at",
            text=lambda row, page: row.created_at,
        ),
        Column("took", gettext_lazy("Took"), _took, sort=SECONDS, end=True, text=_seconds),
    )
    filter = OperationFilter
    facets: ClassVar[Sequence[Facet]] = (
        choice_facet("status", gettext_lazy("Status"), lambda page: STATUS_WORDS.items()),
        choice_facet("kind", gettext_lazy("Kind"), _kinds),
        tenant_facet,
    )
    related = ()
    empty = Empty(
        gettext_lazy("No tasks yet"), gettext_lazy("Whatever you create, start or delete is followed here.")
    )


def _steps(page: DetailPage, row: Operation) -> dict[str, Any]:
    return {"groups": page.properties(row), "steps": row.steps, "word": operation_word(row)}


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
                    Property(_("On"), target_link(row, self.area)),
                    Property(_("Tenant"), row.tenant.name if row.tenant else ""),
                    Property(_("By"), who),
                    Property(_("Request id"), row.request_id, copy=True),
                    Property(_("Asked"), pieces.moment(row.created_at)),
                    Property(_("Begun"), pieces.moment(row.started_at)),
                    Property(_("Finished"), pieces.moment(row.finished_at)),
                    Property(_("Deadline"), pieces.moment(row.deadline)),
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
        word, error = STATUS_WORDS[row.status], told_error(row.error if failed else {})
        toast = Toast(
            f"{label_of(row.verb)}: {row.target_name} – {word}",
            "error" if failed else "ok",
            detail=error["message"],
            hint=error["hint"],
            code=error["code"],
            url=OPERATION.url(self.area, "one", row),
        )
        return feedback.show(request, toast)
