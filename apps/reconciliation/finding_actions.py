"""Which actions are possible on a finding or on a resource in trouble, and why not. Judged from the row in hand."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.lifecycle.legality import open_operation, possibility
from apps.lifecycle.models import Resource
from apps.reconciliation.declared import counts, kind_of
from apps.reconciliation.models import Finding, FindingState, Rule
from apps.reconciliation.retry_failed import why_not_retry
from apps.reconciliation.rules import DOUBLED, MISPLACED, PARTIAL, POWER

#: A finding, or a resource that `selectors.in_trouble` lists.
Subject = Finding | Resource


class Action(models.TextChoices):
    """What can be done.

    resync: make what is there match the rows. retry: the failed operation again. roll_back: make the row match what is
    there. force_clean: remove the row, or what is there without one, for good; give quota and addresses back.
    """

    RESYNC = "resync", gettext_lazy("Resync")
    RETRY = "retry", gettext_lazy("Retry")
    ROLL_BACK = "roll_back", gettext_lazy("Roll back")
    FORCE_CLEAN = "force_clean", gettext_lazy("Force clean")


@dataclass(frozen=True)
class Choice:
    """An action and the reason why it is not possible now ("" when it is)."""

    action: Action
    reason: str = ""

    @property
    def allowed(self) -> bool:
        """Whether the action is possible now."""
        return not self.reason


def actions(subject: Subject) -> list[Choice]:
    """Return all four actions with the reason why not. No query if `selectors` fetched the subject."""
    return [choice_of(subject, action) for action in Action]


def choice_of(subject: Subject, action: Action) -> Choice:
    """Judge one action."""
    if isinstance(subject, Finding):
        return Choice(action, _why_settled(subject) or _why_not(subject, action))
    return Choice(action, _why_not_on(subject, action))


def removes_only_a_copy(finding: Finding) -> bool:
    """Whether force clean takes away what is on a host that is not the VM's own, and leaves the VM itself."""
    return finding.aspect in (MISPLACED, DOUBLED)


def _why_settled(finding: Finding) -> str:
    if finding.state == FindingState.REPAIRING:
        return _("An operation is running.")
    if finding.state not in (FindingState.OPEN, FindingState.DISMISSED):
        return _("This inconsistency is resolved.")
    return ""


def _why_not(finding: Finding, action: Action) -> str:
    resource = finding.resource
    if resource is None:
        return _why_not_orphan(finding, action)
    match action:
        case Action.RESYNC:
            return _why_no_resync(finding) or _why_not_on(resource, action)
        case Action.ROLL_BACK:
            return _why_no_way_back(finding) or _why_not_on(resource, action)
        case Action.FORCE_CLEAN:
            return _why_no_cleaning(finding) or _why_not_on(resource, action)
    return _why_not_on(resource, action)


def _why_not_orphan(finding: Finding, action: Action) -> str:
    if finding.rule != Rule.ORPHAN:
        return _("Its database record no longer exists.")
    if action != Action.FORCE_CLEAN:
        return _("No database record defines the expected state.")
    if finding.aspect != PARTIAL and finding.host is not None and not finding.host.in_reach:
        return _("Host %(host)s is unreachable.") % {"host": finding.host.name}
    return ""


def _why_no_resync(finding: Finding) -> str:
    if finding.rule == Rule.MISCOUNTED:
        return str(counts()[finding.kind].no_resync)
    kind = kind_of(finding.kind)
    if finding.rule == Rule.STALE and kind is not None and kind.no_remake:
        return str(kind.no_remake)
    if removes_only_a_copy(finding):
        return _("Choose which one to keep: roll back, or force clean the one on this host.")
    return ""


def _why_no_way_back(finding: Finding) -> str:
    kind = kind_of(finding.kind)
    if kind is None or kind.roll_back is None or finding.rule != Rule.UNSYNCED:
        return _("No previous state to roll back to.")
    if finding.aspect == DOUBLED:
        return _("The VM is also on its own host. Force clean the stopped definition.")
    if finding.aspect not in (POWER, MISPLACED):
        return _("Its previous state is not stored.")
    return ""


def _why_no_cleaning(finding: Finding) -> str:
    if finding.rule == Rule.MISCOUNTED:
        return str(counts()[finding.kind].no_clean)
    if finding.rule == Rule.UNSYNCED and not removes_only_a_copy(finding):
        return _("Both the resource and its database record exist. Delete it instead.")
    return ""


def _why_not_on(resource: Resource, action: Action) -> str:
    kind = kind_of(resource.kind)
    if action == Action.RETRY:
        return why_not_retry(kind.row(resource) if kind is not None else resource)
    if kind is None or kind.force_clean is None:
        return _("Not possible for this type of resource.")
    if action == Action.ROLL_BACK and kind.roll_back is None:
        return _("Its previous state is not stored.")
    verb = {Action.RESYNC: kind.resync, Action.ROLL_BACK: kind.roll_back}.get(action, kind.force_clean)
    if verb is None:
        return _("Not possible for this type of resource.")
    return possibility(verb, kind.row(resource), open_operation(resource)).reason
