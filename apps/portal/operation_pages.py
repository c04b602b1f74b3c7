"""The task centre: what was asked for, how it goes, why it failed and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

import django_filters as filters
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_filters import FilterSet

from apps.api.operation_api import CANCEL
from apps.lifecycle.actor import Actor
from apps.lifecycle.legality import Possibility
from apps.lifecycle.models import Operation, OperationStatus
from apps.lifecycle.verbs import verb_named
from apps.lifecycle.words import StateWord
from apps.portal import feedback, pieces
from apps.portal.columns import Column
from apps.portal.detail import DetailPage, Properties, Property, Tab
from apps.portal.facets import Facet, choice_facet
from apps.portal.feedback import Toast
from apps.portal.kinds import Do, Offer, PageKind, Text, resource_url
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
        reason=operation.error.get("message", ""),
        percent=operation.progress if running and operation.progress else None,
    )


def _visible(actor: Actor) -> QuerySet[Operation]:
    return visible_operations(actor).select_related("actor", "tenant", "resource")


class _OperationKind(PageKind):
    """Cancel is judged here: operations are no resources and have no verb table."""

    def offers(self, rights: Rights, row: Any, area: str) -> list[Offer]:
        """Return cancel, possible until a worker begins."""
        if not row.is_open:
            return []
        if not rights.covers(verb_named(row.verb), row.resource and row.resource.project_id, row.tenant_id):
            return []
        begun = row.status != OperationStatus.QUEUED or row.attempt > 0
        reason = _("It has begun already.") if begun else ""
        judged = Possibility(CANCEL, "state.not_allowed" if begun else "", reason)
        return [Offer(self.actions[0], judged, self.url(area, "cancel", row))]


OPERATION = _OperationKind(
    kind="operation",
    plural="operations",
    one=gettext_lazy("task"),
    many=gettext_lazy("Tasks"),
    icon="list-check",
    visible=_visible,
    actions=(Do(CANCEL, cancel_operation),),
)


class OperationFilter(FilterSet):
    q = filters.CharFilter(method="search")
    status = filters.MultipleChoiceFilter(choices=OperationStatus.choices)
    kind = filters.CharFilter(field_name="target_kind")

    def search(self, queryset: QuerySet[Operation], name: str, value: str) -> QuerySet[Operation]:
        """Find by the target's name, or by a whole id: of the operation, its target or its request."""
        value = value.strip()
        condition = Q(target_name__icontains=value) | Q(request_id=value)
        if _is_uuid(value):
            condition |= Q(pk=value) | Q(target_id=value)
        return queryset.filter(condition)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


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
        return row.steps[-1]["text"] if row.steps else ""
    return row.error.get("message", "") if row.status != OperationStatus.DONE else ""


def _took(row: Operation, page: ListPage) -> str:
    return took(duration(row))


class OperationList(ListPage):
    of = OPERATION
    columns = (
        Column("what", gettext_lazy("Task"), _what, sort="verb", wide=False),
        Column("target", gettext_lazy("On"), _target, sort="target_name", wide=False),
        Column(
            "status", gettext_lazy("Status"), lambda row, page: pieces.pill(operation_word(row)), wide=False
        ),
        Column("outcome", gettext_lazy("Last step or cause"), _outcome),
        Column(
            "tenant", gettext_lazy("Tenant"), lambda row, page: row.tenant and row.tenant.name, admin=True
        ),
        Column(
            "actor", gettext_lazy("By"), lambda row, page: row.actor.username if row.actor else _("platform")
        ),
        Column(
            "created",
            gettext_lazy("Asked"),
            lambda row, page: pieces.moment(row.created_at),
            sort="created_at",
        ),
        Column("took", gettext_lazy("Took"), _took, end=True),
    )
    filter = OperationFilter
    facets: ClassVar[Sequence[Facet]] = (
        choice_facet("status", gettext_lazy("Status"), lambda page: STATUS_WORDS.items()),
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
        word = STATUS_WORDS[row.status]
        toast = Toast(
            f"{label_of(row.verb)}: {row.target_name} – {word}",
            "error" if failed else "ok",
            detail=row.error.get("message", "") if failed else "",
            hint=row.error.get("hint", "") if failed else "",
            code=row.error.get("code", "") if failed else "",
            url=OPERATION.url(self.area, "one", row),
        )
        return feedback.show(request, toast)
