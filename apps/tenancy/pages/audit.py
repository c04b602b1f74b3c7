"""The operation log as a list."""

from __future__ import annotations

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.accounts.operation_log import (
    CANCELLED,
    FAILED,
    REFUSED,
    RUNNING,
    duration_of,
    reason_of,
    result_of,
    visible_entries,
)
from apps.audit.models import DONE, AuditEntry
from apps.lifecycle.state_labels import StateLabel
from apps.lifecycle.verbs import all_verbs
from apps.portal import html
from apps.portal.columns import TENANT, Column
from apps.portal.facets import Choices, choice_facet, tenant_facet
from apps.portal.kind_registry import kind_word
from apps.portal.kinds import PageKind, resource_url
from apps.portal.lists import Empty, ListPage
from apps.portal.templatetags.kit import took
from apps.portal.timeline import label_of
from apps.tenancy.audit_filter import RESULTS, SECONDS, AuditFilter

AUDIT = PageKind(
    "audit",
    "audit",
    one=_("log entry"),
    many=_("Operation log"),
    icon="history",
    help="tasks#operation-log",
    visible=visible_entries,
    converter="int",
)

_TONES = {DONE: "ok", RUNNING: "busy", FAILED: "error", CANCELLED: "off", REFUSED: "warn"}
_WORDS = dict(RESULTS)


def _when(row: AuditEntry, page: ListPage) -> SafeString:
    return html.moment(row.at)


def _what(row: AuditEntry, page: ListPage) -> SafeString:
    """What was done, and why where a reason was requested."""
    label, reason = format_html("{}", label_of(row.verb)), row.args.get("reason", "")
    return format_html('{}<div class="row-description">{}</div>', label, reason) if reason else label


def _target(row: AuditEntry, page: ListPage) -> SafeString:
    url = resource_url(page.area, row.target_kind, row.target_id) if row.target_id else ""
    return html.link(url, row.target_name or row.target_id or "–")


#: How somebody came in.
_VIA = {"portal": _("portal"), "api": _("API"), "system": _("platform")}


def _origin(row: AuditEntry, page: ListPage) -> SafeString:
    return format_html('<span class="mono">{}</span> {}', row.ip or "–", _VIA.get(row.via, row.via))


def _result(row: AuditEntry, page: ListPage) -> SafeString:
    result = result_of(row)
    pill = html.pill(StateLabel(_WORDS[result], _TONES[result], reason=reason_of(row)))
    url = resource_url(page.area, "operation", row.operation_id) if row.operation_id else ""
    return html.link(url, pill) if url else pill


def _took(row: AuditEntry, page: ListPage) -> str:
    return took(duration_of(row)) if row.operation_id else ""


def _result_word(row: AuditEntry, page: ListPage) -> object:
    return _WORDS[result_of(row)]


def _seconds(row: AuditEntry, page: ListPage) -> float | None:
    length = duration_of(row) if row.operation_id else None
    return length.total_seconds() if length is not None else None


def _verbs(page: ListPage) -> Choices:
    return sorted(((verb.name, str(verb.label)) for verb in all_verbs()), key=lambda each: each[1])


def _kinds(page: ListPage) -> Choices:
    return [(kind, str(kind_word(kind))) for kind in sorted({verb.kind for verb in all_verbs()})]


class AuditList(ListPage):
    of = AUDIT
    columns = (
        Column("at", _("Time"), _when, sort="at", width="time", wide=False, text=lambda row, page: row.at),
        Column(
            "who", _("User"), lambda row, page: row.actor_name, sort="actor_name", wide=False, filter="user"
        ),
        Column(
            "verb",
            _("Action"),
            _what,
            sort="verb",
            width="name",
            wide=False,
            facet=choice_facet("verb", _("Action"), _verbs),
        ),
        Column("kind", _("Kind"), lambda row, page: str(kind_word(row.target_kind)), sort="target_kind"),
        Column("target", _("Target"), _target, sort="target_name", filter="target_name"),
        TENANT,
        Column("origin", _("Source"), _origin, sort="ip"),
        Column("api_key", _("API key"), lambda row, page: row.api_key_name, sort="api_key_name"),
        # What has an operation by how that stands; a refusal has none, and its code stands in the line itself.
        Column("result", _("Result"), _result, sort=("operation__status", "outcome"), text=_result_word),
        Column("took", _("Duration"), _took, sort=SECONDS, end=True, text=_seconds),
        Column("request", _("Request ID"), lambda row, page: row.request_id, sort="request_id", hidden=True),
    )
    filter = AuditFilter
    facets = (
        choice_facet("result", _("Result"), lambda page: RESULTS),
        choice_facet("kind", _("Kind"), _kinds),
        tenant_facet,
    )
    related = ("operation", "tenant")
    order = ("-at", "-pk")
    has_detail = False
    empty = Empty(_("No entries yet"), _("Every change is logged: user, time, source and result."))
