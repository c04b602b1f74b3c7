"""What the administrator can do about a finding, or about a resource in trouble. The same calls behind pages and API.

Nothing here reaches a host or the network: `do` writes an operation, and a worker carries it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.access import allow
from apps.audit.record import record
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves, service_of
from apps.lifecycle.errors import NotFound, NotNow
from apps.lifecycle.models import Operation, Resource
from apps.lifecycle.requests import lock
from apps.lifecycle.verbs import Verb
from apps.reconciliation.declared import Preview, Reconciled, kind_of
from apps.reconciliation.finding_actions import (
    Action,
    Choice,
    Subject,
    actions,
    choice_of,
    removes_only_a_copy,
)
from apps.reconciliation.finding_writer import push_findings
from apps.reconciliation.models import Finding, FindingState
from apps.reconciliation.previews import preview
from apps.reconciliation.repair import request_on_finding, under_way
from apps.reconciliation.retry_failed import retry
from apps.reconciliation.rules import MISPLACED
from apps.reconciliation.selectors import fetched
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

__all__ = ["Action", "Choice", "Preview", "Subject", "actions", "dismiss", "do", "preview", "reopen"]


@transaction.atomic
def do(actor: Actor, subject: Subject, action: Action) -> Operation:
    """Ask for the action; return the operation that carries it out. Asked twice, the one under way is returned.

    Raises Forbidden (administrators only), NotFound, NotNow (with the `reason` of the choice), Busy, InUse.
    """
    _administrators_only(actor, FINDING_FORCE_CLEAN)
    if isinstance(subject, Finding):
        return _do_finding(actor, subject, action)
    return _do_resource(actor, subject, action)


serves(FINDING_RESYNC, TROUBLE_RESYNC)(partial(do, action=Action.RESYNC))
serves(FINDING_RETRY, TROUBLE_RETRY)(partial(do, action=Action.RETRY))
serves(FINDING_ROLL_BACK)(partial(do, action=Action.ROLL_BACK))
serves(FINDING_FORCE_CLEAN, TROUBLE_FORCE_CLEAN)(partial(do, action=Action.FORCE_CLEAN))


@serves(FINDING_DISMISS)
@transaction.atomic
def dismiss(actor: Actor, finding: Finding) -> Finding:
    """Do not list an open finding any more while it stays true. Raises Forbidden, NotFound, NotNow."""
    return _move(actor, FINDING_DISMISS, finding, FindingState.OPEN, FindingState.DISMISSED)


@serves(FINDING_REOPEN)
@transaction.atomic
def reopen(actor: Actor, finding: Finding) -> Finding:
    """List a dismissed finding again. Raises Forbidden, NotFound, NotNow."""
    return _move(actor, FINDING_REOPEN, finding, FindingState.DISMISSED, FindingState.OPEN)


def _do_finding(actor: Actor, finding: Finding, action: Action) -> Operation:
    finding = hold(finding)
    if (
        finding.state == FindingState.REPAIRING
        and finding.operation is not None
        and finding.operation.is_open
    ):
        return finding.operation
    if not (chosen := choice_of(finding, action)).allowed:
        raise NotNow(chosen.reason)
    operation = _ask(actor, finding, action)
    under_way(Finding.objects.filter(pk=finding.pk), operation)
    return operation


def _ask(actor: Actor, finding: Finding, action: Action) -> Operation:
    resource = finding.resource
    if resource is None or (action == Action.FORCE_CLEAN and removes_only_a_copy(finding)):
        also = [resource] if resource is not None else []
        return request_on_finding(actor, FINDING_FORCE_CLEAN, finding, also=also)
    host = {"host": str(finding.host_id)} if finding.aspect == MISPLACED else {}
    return _perform(actor, resource, action, [finding], host)


def _do_resource(actor: Actor, resource: Resource, action: Action) -> Operation:
    _locked_row(resource)
    resource = Resource.objects.select_related(*fetched()).get(pk=resource.pk)
    running = next((op for op in resource.operations.all() if op.is_open and op.exclusive), None)
    if running is not None and running.verb.partition(".")[2] == action:
        return running
    if not (chosen := choice_of(resource, action)).allowed:
        raise NotNow(chosen.reason)
    return _perform(actor, resource, action)


def _perform(
    actor: Actor,
    resource: Resource,
    action: Action,
    findings: Sequence[Finding] = (),
    rolled_back_to: dict[str, Any] | None = None,
) -> Operation:
    kind = kind_of(resource.kind)
    assert kind is not None, "kinds that are not declared have no actions"
    match action:
        case Action.RESYNC:
            return _on_resource(actor, kind, kind.resync, resource, kind.resync_args(findings, True))
        case Action.RETRY:
            return retry(actor, resource)
        case Action.ROLL_BACK:
            return _on_resource(actor, kind, kind.roll_back, resource, rolled_back_to or {})
        case Action.FORCE_CLEAN:
            return _on_resource(actor, kind, kind.force_clean, resource, {})


def hold(finding: Finding) -> Finding:
    """Lock a finding until the transaction ends, its resource first, as operations do; return it as it is now.

    Raises NotFound.
    """
    if finding.resource is not None:
        _locked_row(finding.resource)
    return _locked(finding)


def _on_resource(
    actor: Actor, kind: Reconciled, verb: Verb | None, resource: Resource, args: dict[str, Any]
) -> Operation:
    assert verb is not None, "a kind without the verb was refused before"
    operation: Operation = service_of(verb)(actor, kind.row(resource), **args)
    return operation


def _locked_row(resource: Resource) -> None:
    try:
        lock(resource, Resource.objects.all())
    except Resource.DoesNotExist:
        raise NotFound(_("The resource no longer exists.")) from None


def _locked(finding: Finding) -> Finding:
    """Return the finding read again under its lock."""
    rows = Finding.objects.shown().select_related(
        "host", "storage_cluster", "region", "resource", "operation", *fetched("resource__")
    )
    found = rows.select_for_update(of=("self",)).filter(pk=finding.pk).first()
    if found is None:
        raise NotFound(_("Inconsistency not found."))
    return found


def _move(actor: Actor, verb: Verb, finding: Finding, before: FindingState, after: FindingState) -> Finding:
    _administrators_only(actor, verb)
    finding = _locked(finding)
    if finding.state != before:
        raise NotNow(_("Its state is now %(state)s.") % {"state": finding.get_state_display()})
    finding.state = after
    Finding.objects.filter(pk=finding.pk).update(state=after)
    record(actor, verb.name, name=finding.name, target_id=finding.pk, args={"rule": finding.rule})
    push_findings()
    return finding


def _administrators_only(actor: Actor, verb: Verb) -> None:
    allow(actor, verb, project=None, tenant_id=None)
