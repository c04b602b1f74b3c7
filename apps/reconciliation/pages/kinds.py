"""What can be done about findings and resources in trouble, for the kit: judged and carried out by `services`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import Case, QuerySet, Value, When
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.rights import Rights
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import NotNow
from apps.lifecycle.legality import Possibility
from apps.lifecycle.models import Resource
from apps.lifecycle.verbs import Verb
from apps.portal.kinds import Do, PageKind, Text
from apps.reconciliation import services
from apps.reconciliation.finding_actions import Action
from apps.reconciliation.models import Finding, FindingState
from apps.reconciliation.selectors import in_trouble, visible_findings
from apps.reconciliation.verbs import (
    FINDING_DISMISS,
    FINDING_FORCE_CLEAN,
    FINDING_REOPEN,
    FINDING_RESYNC,
    FINDING_RETRY,
    FINDING_ROLL_BACK,
    TROUBLE_FORCE_CLEAN,
    TROUBLE_RESYNC,
    TROUBLE_RETRY,
)

ON_FINDING = {
    Action.RESYNC: FINDING_RESYNC,
    Action.RETRY: FINDING_RETRY,
    Action.ROLL_BACK: FINDING_ROLL_BACK,
    Action.FORCE_CLEAN: FINDING_FORCE_CLEAN,
}
ON_TROUBLE = {
    Action.RESYNC: TROUBLE_RESYNC,
    Action.RETRY: TROUBLE_RETRY,
    Action.FORCE_CLEAN: TROUBLE_FORCE_CLEAN,
}
#: What is true comes first, what is settled last.
_STANDING = (FindingState.OPEN, FindingState.REPAIRING, FindingState.DISMISSED)


def _says(action: Action) -> Callable[[Any], Sequence[Text]]:
    """Return what the question before an action says: what will be done, then what is lost for good."""

    def sentences(subject: Any) -> Sequence[Text]:
        seen = services.preview(subject, action)
        return [*seen.done, *(_("Permanently lost: %(what)s") % {"what": lost} for lost in seen.lost)]

    return sentences


def _do(verb: Verb, action: Action) -> Do:
    """Resync and retry may be requested on many; what takes back or removes wants a look at each."""
    ends = action == Action.FORCE_CLEAN
    many = action in (Action.RESYNC, Action.RETRY)
    return Do(verb, says=_says(action), typed_name=ends, bulk=many)


def _findings(actor: Actor) -> QuerySet[Finding]:
    order = [When(state=state, then=Value(place)) for place, state in enumerate(_STANDING)]
    return visible_findings(actor).annotate(standing=Case(*order, default=Value(len(order))))


class _FindingKind(PageKind):
    """Judged by `services.actions`: findings are no resources."""

    def judge(self, rights: Rights, row: Any) -> list[Possibility]:
        """Judge the four actions, and dismissing or listing again."""
        if not rights.everywhere:
            return []
        found = [_judged(ON_FINDING[choice.action], choice.reason) for choice in services.actions(row)]
        if row.state == FindingState.DISMISSED:
            return [*found, _judged(FINDING_REOPEN, "")]
        settled = "" if row.state == FindingState.OPEN else _("Only open inconsistencies can be dismissed.")
        return [*found, _judged(FINDING_DISMISS, settled)]


class _TroubleKind(PageKind):
    """Rows are resources of any kind; what can be done is what can be done about trouble."""

    def rows(self, actor: Actor) -> QuerySet[Resource]:
        """Return them as the selector gives them, open operations fetched."""
        return in_trouble(actor)

    def judge(self, rights: Rights, row: Any) -> list[Possibility]:
        """Judge the actions there are."""
        if not rights.everywhere:
            return []
        choices = services.actions(row)
        return [_judged(ON_TROUBLE[c.action], c.reason) for c in choices if c.action in ON_TROUBLE]


def _judged(verb: Verb, reason: str) -> Possibility:
    return Possibility(verb, NotNow.code if reason else "", reason)


FINDING = _FindingKind(
    "finding",
    "findings",
    one=gettext_lazy("inconsistency"),
    many=gettext_lazy("Inconsistencies"),
    icon="git-compare",
    help="administration#inconsistencies",
    visible=_findings,
    actions=(
        *(_do(verb, action) for action, verb in ON_FINDING.items()),
        Do(FINDING_DISMISS),
        Do(FINDING_REOPEN),
    ),
)
TROUBLE = _TroubleKind(
    "trouble",
    "in-trouble",
    one=gettext_lazy("resource with problems"),
    many=gettext_lazy("With problems"),
    icon="zoom-exclamation",
    help="administration#inconsistencies",
    visible=in_trouble,
    actions=tuple(_do(verb, action) for action, verb in ON_TROUBLE.items()),
)
