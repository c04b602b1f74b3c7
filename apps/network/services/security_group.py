"""Security groups and their rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.access import allow
from apps.accounts.acts import changes, renames, requested
from apps.accounts.labels import clean_labels
from apps.accounts.models import Project
from apps.accounts.references import chosen_project
from apps.infrastructure.models import Region
from apps.infrastructure.regions import chosen_region
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.errors import Refused
from apps.lifecycle.in_use import ensure_unused
from apps.lifecycle.models import Operation, Resource
from apps.lifecycle.requests import Allowed, Change
from apps.network.models import SecurityGroup, SecurityGroupRule
from apps.network.rules import Rule, parse_rules
from apps.network.verbs import (
    SECURITY_GROUP_CREATE,
    SECURITY_GROUP_DELETE,
    SECURITY_GROUP_RENAME,
    SECURITY_GROUP_RETRY,
    SECURITY_GROUP_SET_RULES,
)
from apps.quotas.services import reserve_quota

#: Rules as typed: see `rules.parse_rules`.
Entries = Sequence[Mapping[str, Any]]


@serves(SECURITY_GROUP_CREATE)
@transaction.atomic
def create_security_group(
    actor: Actor,
    *,
    name: str,
    rules: Entries = (),
    region: str | None = None,
    project: UUID | None = None,
    description: str = "",
) -> Operation:
    """Make a group with these rules; without any it denies everything. Raises Invalid, Forbidden, QuotaExceeded."""
    owner = chosen_project(actor, project)
    allowed = allow(actor, SECURITY_GROUP_CREATE, project=owner, tenant_id=owner.tenant_id)
    operation, _group = add_security_group(
        allowed, owner, chosen_region(actor, owner, region), name=name, rules=rules, description=description
    )
    return operation


def add_security_group(
    allowed: Allowed, project: Project, region: Region, *, name: str, rules: Entries, description: str = ""
) -> tuple[Operation, SecurityGroup]:
    """Insert and request a group (`allowed` is SECURITY_GROUP_CREATE). Call in a transaction."""
    name, description = clean_labels(name, description)
    checked = parse_rules(rules)
    group = SecurityGroup(
        kind="security_group",
        name=name,
        description=description,
        tenant_id=project.tenant_id,
        project=project,
        region=region,
    )
    reserve_quota(project.tenant_id, {"security_group": 1})
    group.save(force_insert=True)
    _insert(group, checked)
    return allowed.request(group, args={"rules": len(checked)}), group


@changes(SECURITY_GROUP_SET_RULES)
def set_rules(change: Change[SecurityGroup], *, rules: Entries, generation: int | None = None) -> Operation:
    """Replace all rules of a group; they act as soon as the operation is done, on open connections too.

    With `generation`, the one the caller last saw, a change made by someone else meanwhile is not overwritten.
    Raises Invalid and Refused `security_group.changed`.
    """
    group = change.row
    if generation is not None and generation != group.generation:
        raise Refused(
            _("Another user changed the rules of %(name)s in the meantime.") % {"name": group.name},
            code="security_group.changed",
            hint=_("Check the current rules in another window. Then save again or start over."),
        )
    checked = parse_rules(rules)
    group.rules.all().delete()
    _insert(group, checked)
    change.bump()
    return change.request(args={"rules": len(checked)})


retry_security_group = requested(SECURITY_GROUP_RETRY)
rename_security_group = renames(SECURITY_GROUP_RENAME)


@changes(SECURITY_GROUP_DELETE)
def delete_security_group(change: Change[SecurityGroup]) -> Operation:
    """Delete a group bound to nothing. Raises InUse, listing what it is bound to."""
    group = change.row
    users = Resource.objects.filter(nics__security_group=group).distinct()
    ensure_unused(group, users, hint=_("Assign another security group to them first."))
    return change.request()


def _insert(group: SecurityGroup, rules: Sequence[Rule]) -> None:
    SecurityGroupRule.objects.bulk_create(
        SecurityGroupRule(
            group=group,
            position=position,
            direction=rule.direction,
            protocol=rule.protocol,
            port_min=rule.port_min,
            port_max=rule.port_max,
            cidr=rule.cidr,
            action=rule.action,
            priority=rule.priority,
            description=rule.description,
        )
        for position, rule in enumerate(rules)
    )
