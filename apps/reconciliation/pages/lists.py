"""The two lists: what differs, and resources that no rule sees but that are in trouble."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import Max, Q
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.api.filter_fields import Text as ByText
from apps.infrastructure.models import Host, Region, StorageCluster
from apps.lifecycle.legality import open_operation
from apps.lifecycle.models import Resource
from apps.lifecycle.state_labels import StateLabel
from apps.lifecycle.stored_messages import rendered_message
from apps.lifecycle.times import written
from apps.lifecycle.verbs import verb_named
from apps.portal import html
from apps.portal.columns import CREATED, REGION, STATE, TENANT, UPDATED, Column
from apps.portal.facets import MOST_CHOICES, Choices, choice_facet, region_facet, status_facet, tenant_facet
from apps.portal.kind_registry import kind_word
from apps.portal.kinds import Text, resource_url
from apps.portal.lists import Empty, ListPage
from apps.portal.status_filter import with_status
from apps.portal.view_tabs import ListView
from apps.reconciliation.declared import counts, kinds, kinds_with_rows
from apps.reconciliation.filters import STATES, FindingFilter, TroubleFilter
from apps.reconciliation.models import Finding, FindingState, Look, Rule
from apps.reconciliation.pages.kinds import FINDING, TROUBLE

TONES = {
    FindingState.OPEN: "warn",
    FindingState.REPAIRING: "busy",
    FindingState.REPAIRED: "ok",
    FindingState.GONE: "ok",
    FindingState.DISMISSED: "off",
}


def finding_word(finding: Finding) -> StateLabel:
    """Return a finding's state as shown."""
    return StateLabel(finding.get_state_display(), TONES[FindingState(finding.state)])


def place_url(finding: Finding, area: str) -> str:
    """Return the page of where it was found."""
    for kind, row in (("host", finding.host), ("storage_cluster", finding.storage_cluster)):
        if row is not None:
            return resource_url(area, kind, row.pk)
    return resource_url(area, "region", finding.region.name) if finding.region is not None else ""


def _name(row: Finding, page: ListPage) -> SafeString:
    name = html.link(page.of.url(page.area, "one", row), row.name or str(row.target_id), "row-name")
    return format_html('{}<div class="finding-why">{}</div>', name, rendered_message(row.kept))


def _kinds(page: ListPage) -> Choices:
    return _named([*kinds(), *counts()])


def _kinds_in_trouble(page: ListPage) -> Choices:
    return _named([kind.kind for kind in kinds_with_rows()])


def _named(names: Iterable[str]) -> Choices:
    return sorted(((name, str(kind_word(name))) for name in set(names)), key=lambda choice: choice[1])


def _hosts(page: ListPage) -> Choices:
    return Host.objects.order_by("name").values_list("pk", "name")[:MOST_CHOICES]


def _pools(page: ListPage) -> Choices:
    return [(pool.pk, str(pool)) for pool in StorageCluster.objects.all()[:MOST_CHOICES]]


def _regions(page: ListPage) -> Choices:
    return Region.objects.values_list("name", "label")[:MOST_CHOICES]


class _Tabs(ListPage):
    """The two lists lead to each other."""

    template_name = "reconciliation/list.html"

    @property
    def siblings(self) -> list[tuple[Text, str, bool]]:
        """Label and path of both lists, and which one this is."""
        kinds = (FINDING, TROUBLE)
        return [(kind.many, reverse(f"admin:{kind.kind}.list"), kind is self.of) for kind in kinds]

    @property
    def last_look(self) -> datetime | None:
        """When something was last looked at: hosts as they report, networks and pools in turn."""
        seen = [
            Look.objects.aggregate(at=Max("at"))["at"],
            Host.objects.aggregate(at=Max("last_report_at"))["at"],
        ]
        return max((at for at in seen if at is not None), default=None)


def _in_place(value: str) -> Q:
    pool = Q(storage_cluster__name__icontains=value) | Q(storage_cluster__alias__icontains=value)
    return Q(host__name__icontains=value) | pool | Q(region__label__icontains=value)


class _FindingFilter(FindingFilter):
    by = {"place": ByText(_("Location"), where=_in_place)}


class FindingList(_Tabs):
    of = FINDING
    in_search = False
    columns = (
        Column(
            "name",
            _("Difference"),
            _name,
            sort="name",
            width="long",
            wide=False,
            text=lambda row, page: f"{row.name}: {rendered_message(row.kept)}",
        ),
        Column(
            "state",
            _("State"),
            lambda row, page: html.pill(finding_word(row)),
            sort="state",
            width="state",
            wide=False,
            text=lambda row, page: row.get_state_display(),
        ),
        Column("rule", _("Rule"), lambda row, page: row.get_rule_display(), sort="rule", brief=True),
        Column(
            "kind",
            _("Kind"),
            lambda row, page: str(kind_word(row.kind)),
            sort="kind",
            facet=choice_facet("kind", _("Kind"), _kinds),
        ),
        Column(
            "place",
            _("Location"),
            lambda row, page: html.link(place_url(row, page.area), row.place),
            sort=("host__name", "storage_cluster__name", "region__name"),
            brief=True,
        ),
        TENANT,
        Column("looks", _("Checks"), lambda row, page: row.looks, sort="looks", end=True, hidden=True),
        Column(
            "first_seen",
            _("Since"),
            lambda row, page: html.moment(row.first_seen_at),
            sort="first_seen_at",
            width="time",
            text=lambda row, page: row.first_seen_at,
        ),
        Column(
            "last_seen",
            _("Last seen"),
            lambda row, page: html.moment(row.last_seen_at),
            sort="last_seen_at",
            width="time",
            text=lambda row, page: row.last_seen_at,
            hidden=True,
        ),
    )
    filter = _FindingFilter
    more_filters = ("storage_cluster", "region", "resource")
    facets = (
        choice_facet("state", _("State"), lambda page: STATES),
        choice_facet("rule", _("Rule"), lambda page: Rule.choices),
        choice_facet("kind", _("Kind"), _kinds),
        choice_facet("host", _("Host"), _hosts),
        choice_facet("storage_cluster", _("Storage cluster"), _pools),
        choice_facet("region", _("Region"), _regions),
        tenant_facet,
    )
    views = (
        ListView("open", _("Open"), "state=open&state=repairing"),
        ListView("settled", _("Resolved"), "state=repaired&state=gone"),
        ListView("dismissed", _("Dismissed"), "state=dismissed"),
    )
    related = ()
    order = ("standing", "-first_seen_at", "pk")
    search_hint = _("Name or ID")
    empty = Empty(_("No inconsistencies"), _("The database and the actual state match."))


def _resource(row: Resource, page: ListPage) -> SafeString:
    name = html.link(resource_url(page.area, row.kind, row.pk), row.name, "row-name")
    said = _said(row, page)
    return format_html('{}<div class="finding-why">{}</div>', name, said) if said else name


def _said(row: Any, page: ListPage) -> str:
    running = open_operation(row)
    if running is not None:
        at = written(running.deadline)
        return gettext("%(doing)s; deadline: %(time)s") % {
            "doing": verb_named(running.verb).doing,
            "time": at,
        }
    return rendered_message(row.error, "message")


class TroubleList(_Tabs):
    of = TROUBLE
    in_search = False
    has_detail = False
    columns = (
        Column(
            "name",
            _("Name"),
            _resource,
            sort="name",
            width="long",
            wide=False,
            text=lambda row, page: row.name,
        ),
        STATE,
        Column(
            "kind",
            _("Kind"),
            lambda row, page: str(kind_word(row.kind)),
            sort="kind",
            facet=choice_facet("kind", _("Kind"), _kinds_in_trouble),
            brief=True,
        ),
        TENANT,
        REGION,
        CREATED,
        UPDATED,
    )
    filter = with_status(TroubleFilter, Resource, "*")
    facets: ClassVar = (
        status_facet,
        choice_facet("kind", _("Kind"), _kinds_in_trouble),
        tenant_facet,
        region_facet,
    )
    empty = Empty(_("No problems"), _("No resource has failed, and no task is past its deadline."))
