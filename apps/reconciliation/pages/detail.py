"""One finding: both sides beside each other, what the platform does by itself, and what each action would do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.lifecycle.state_labels import state_label
from apps.lifecycle.stored_messages import rendered_message
from apps.portal import html
from apps.portal.detail import DetailPage, Property, Tab
from apps.portal.kind_registry import kind_word
from apps.portal.kinds import Offer, Text, resource_url
from apps.reconciliation import services
from apps.reconciliation.declared import Fact, counts, kind_of
from apps.reconciliation.finding_actions import Action
from apps.reconciliation.models import Finding, FindingState, Rule
from apps.reconciliation.pages.kinds import FINDING, ON_FINDING
from apps.reconciliation.pages.lists import finding_word, place_url
from apps.reconciliation.rules import MOST_TRIES


@dataclass(frozen=True)
class Possible:
    """An action with its button, and what it would do."""

    offer: Offer
    done: Sequence[str]
    lost: Sequence[str]


#: What the platform does by itself about a finding in any other state than open.
_NOT_OPEN = {
    FindingState.REPAIRING: gettext_lazy("An operation is running. It is checked again afterwards."),
    FindingState.REPAIRED: gettext_lazy("No action: the inconsistency no longer exists."),
    FindingState.GONE: gettext_lazy("No action: the inconsistency no longer exists."),
    FindingState.DISMISSED: gettext_lazy(
        "No action: dismissed. It is removed from the list when it no longer exists."
    ),
}


def by_itself(finding: Finding) -> Text:
    """Say what the platform does about it without being asked, and when."""
    if finding.state in _NOT_OPEN:
        return _NOT_OPEN[FindingState(finding.state)]
    if finding.rule == Rule.MISCOUNTED and counts()[finding.kind].repaired:
        return _("Recalculated within a minute.")
    kind = kind_of(finding.kind)
    if kind is None or (finding.rule, finding.aspect) not in kind.safe:
        return _("No automatic repair: data or a running guest could be lost. An administrator must act.")
    if finding.tries >= MOST_TRIES:
        return _("Automatic repair failed %(tries)s times. An administrator must act.") % {
            "tries": finding.tries
        }
    if finding.rule == Rule.ORPHAN:
        return _("Deleted automatically after a day without writes.")
    return _("Resynced within a minute, if no other task is running.")


def row_says(finding: Finding, area: str) -> list[Property]:
    """Return what the platform's rows say of it."""
    if finding.resource is None:
        return [Property(_("Database record"), _("none"))]
    resource = finding.resource
    said = [
        Property(
            str(kind_word(resource.kind)),
            html.link(resource_url(area, resource.kind, resource.pk), resource.name),
        ),
        Property(_("State"), html.pill(state_label(resource))),
        Property(_("Generation"), resource.generation),
    ]
    kind = kind_of(resource.kind)
    if kind is not None:
        said += [_property(fact, area) for fact in kind.facts(resource)]
    if "wanted" in finding.seen:
        said.append(Property(_("Expected"), finding.seen["wanted"]))
    if "ip" in finding.seen:
        said.append(Property(_("Address"), finding.seen["ip"], copy=True))
    return said


def _property(fact: Fact, area: str) -> Property:
    if not fact.kind:
        return Property(fact.label, fact.value)
    return Property(fact.label, html.link(resource_url(area, fact.kind, fact.key), str(fact.value)))


def is_there(finding: Finding, area: str) -> list[Property]:
    """Return what was seen where it was looked for."""
    seen = [
        Property(_("Location"), html.link(place_url(finding, area), finding.place)),
        Property(_("Searched for"), str(kind_word(finding.kind))),
        Property(_("Found"), _("no") if finding.rule == Rule.STALE else _("yes")),
    ]
    if "found" in finding.seen:
        seen.append(Property(_("Actual"), finding.seen["found"]))
    seen.append(Property(_("Last seen"), html.moment(finding.last_seen_at)))
    return seen


def _possible(offers: Sequence[Offer], row: Finding) -> list[Possible]:
    found = []
    actions = {verb.name: action for action, verb in ON_FINDING.items()}
    for offer in offers:
        action: Action | None = actions.get(offer.do.verb.name)
        if action is not None and offer.judged.allowed:
            seen = services.preview(row, action)
            found.append(Possible(offer, seen.done, seen.lost))
    return found


def _overview(page: DetailPage, row: Finding) -> dict[str, Any]:
    offers = page.of.offers(page.rights, row, page.area)
    names = {verb.name for verb in ON_FINDING.values()}
    operation = resource_url(page.area, "operation", row.operation_id) if row.operation_id else ""
    return {
        "sentence": rendered_message(row.kept),
        "word": finding_word(row),
        "sides": [
            (_("Database"), row_says(row, page.area)),
            (_("Actual state"), is_there(row, page.area)),
        ],
        "by_itself": by_itself(row),
        "operation_url": operation,
        "possible": _possible(offers, row),
        "impossible": [o for o in offers if o.do.verb.name in names and not o.judged.allowed],
    }


class FindingDetail(DetailPage):
    of = FINDING
    has_context = False
    template_name = "reconciliation/finding.html"
    primary = ("resync", "retry", "roll_back")
    tabs = (Tab("", gettext_lazy("Overview"), "reconciliation/finding_overview.html", _overview),)

    def facts(self, row: Finding) -> Sequence[Property]:
        """Which rule, about what, how long."""
        tenant: Text = row.tenant.name if row.tenant is not None else ""
        return [
            Property(_("Rule"), row.get_rule_display()),
            Property(_("Location"), html.link(place_url(row, self.area), row.place)),
            Property(_("Since"), html.moment(row.first_seen_at)),
            Property(_("Consecutive checks"), row.looks),
            *([Property(_("Tenant"), tenant)] if tenant else []),
        ]

    def watch(self, row: Finding) -> Sequence[str]:
        """A look changes many at once; its operation moves on its own."""
        return ["finding", "operation"]
