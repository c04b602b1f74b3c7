"""Saying what an action will do before it is requested, from rows alone."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.lifecycle.models import Resource
from apps.lifecycle.stored_messages import rendered_message
from apps.quotas.metrics import metrics
from apps.quotas.models import Quota
from apps.reconciliation.declared import Preview, Reconciled, kind_of
from apps.reconciliation.finding_actions import Action, Subject, removes_only_a_copy
from apps.reconciliation.models import Finding
from apps.reconciliation.retry_failed import verb_to_retry
from apps.reconciliation.rules import ABANDONED, MISPLACED, PARTIAL
from apps.reconciliation.usage import users_of


def preview(subject: Subject, action: Action) -> Preview:
    """Say what the action would do. It may be impossible: that is for `actions` to say."""
    if isinstance(subject, Finding):
        if subject.resource is None or (action == Action.FORCE_CLEAN and removes_only_a_copy(subject)):
            return _removal(subject)
        if action == Action.ROLL_BACK and subject.aspect == MISPLACED:
            return Preview(
                [
                    _(
                        "The database record of %(name)s changes to host %(host)s and the power "
                        "state reported there."
                    )
                    % {"name": subject.name, "host": subject.place},
                    _("Its reservation moves to that host."),
                ]
            )
        return _on_resource(subject.resource, action, subject.kind)
    return _on_resource(subject, action)


def file_removed(finding: Finding) -> Preview:
    """Say what the removal of an orphaned file does."""
    names = {"name": finding.name, "place": finding.place}
    size = int(finding.seen.get("found") or 0)
    lost = _("All data of %(name)s: at most %(size)s GiB.") % {"name": finding.name, "size": size}
    return Preview([_("File %(name)s is deleted from %(place)s.") % names], [lost])


def _on_resource(resource: Resource, action: Action, part: str = "") -> Preview:
    kind = kind_of(resource.kind)
    if kind is None:
        return _impossible()
    match action:
        case Action.RESYNC:
            return kind.resync_says(resource, part)
        case Action.RETRY:
            verb = verb_to_retry(resource)
            if not verb:
                return Preview([_("No failed operation to repeat.")])
            cause = rendered_message(resource.error, "message")
            return Preview(
                [
                    _("The failed operation is repeated for %(name)s: %(verb)s.")
                    % {"name": resource.name, "verb": verb.label},
                    *([_("Cause of the failure: %(cause)s") % {"cause": cause}] if cause else []),
                ]
            )
        case Action.ROLL_BACK:
            return Preview(
                [
                    _("The desired power state of %(name)s changes to the state its host reports.")
                    % {"name": resource.name},
                    _("Nothing changes on the host."),
                ]
            )
        case Action.FORCE_CLEAN:
            return _force_clean(kind, resource)


def _removal(finding: Finding) -> Preview:
    names = {"name": finding.name, "place": finding.place}
    if finding.aspect == PARTIAL:
        hours = int(ABANDONED.total_seconds() // 3600)
        return Preview(
            [
                _("The unfinished files %(name)s in %(place)s are deleted.") % names,
                _("Files changed within the last %(hours)s hours are kept.") % {"hours": hours},
            ]
        )
    if removes_only_a_copy(finding):
        return Preview(
            [
                _("The definition of %(name)s is deleted from host %(place)s if it is stopped there.")
                % names,
                _("Its disks, addresses and database record are kept."),
            ]
        )
    kind = kind_of(finding.kind)
    return kind.removed(finding) if kind is not None else _impossible()


def _impossible() -> Preview:
    return Preview([_("Not possible for this type of resource.")])


def _force_clean(kind: Reconciled, resource: Resource) -> Preview:
    users = users_of(resource).count()
    blocked = ngettext(
        "Refused while %(count)s resource depends on it.",
        "Refused while %(count)s resources depend on it.",
        users,
    ) % {"count": users}
    done = [
        *([blocked] if users else []),
        _("All reachable parts of %(name)s are deleted. Its database record is always deleted.")
        % {"name": resource.name},
        _("Parts that cannot be deleted are listed as orphans when they are found again."),
    ]
    cleaned = kind.cleaned(resource)
    given_back = _given_back(resource.tenant_id, cleaned.amounts)
    return Preview([*done, *cleaned.done, *given_back], cleaned.lost)


def _given_back(tenant_id: int | None, amounts: Mapping[str, int]) -> list[str]:
    rows = Quota.objects.filter(tenant_id=tenant_id, metric__in=amounts) if tenant_id else []
    return [
        _("Quota %(label)s: %(before)s used now, %(after)s afterwards.")
        % {
            "label": metrics()[row.metric].label,
            "before": row.used,
            "after": max(row.used - amounts[row.metric], 0),
        }
        for row in rows
    ]
