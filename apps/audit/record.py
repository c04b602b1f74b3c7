"""Writing the operation log. Called inside the transaction of the change it describes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from apps.audit.models import DONE, AuditEntry

if TYPE_CHECKING:
    from apps.accounts.models import Tenant
    from apps.lifecycle.actor import Actor
    from apps.lifecycle.models import Operation, Resource


def record(
    actor: Actor,
    verb: str,
    target: Resource | None = None,
    *,
    operation: Operation | None = None,
    args: Mapping[str, Any] | None = None,
    outcome: str = DONE,
    tenant: Tenant | None = None,
    name: str = "",
    target_id: UUID | None = None,
) -> AuditEntry:
    """Add a line. `args` must hold no secret.

    `name`, `target_id` and `tenant` (whose log it belongs in) describe a target that is not a resource. `outcome` is
    DONE or the code of a refusal; what has an operation takes its result from there.
    """
    entry = _entry(
        actor,
        verb,
        target,
        operation=operation,
        args=args,
        outcome=outcome,
        tenant=tenant,
        name=name,
        target_id=target_id,
    )
    entry.save(force_insert=True)
    return entry


def record_refusals(actor: Actor, verb: str, target_ids: Sequence[UUID | None], outcome: str) -> None:
    """Add a line for each of many that were refused alike, at once."""
    AuditEntry.objects.bulk_create(
        _entry(actor, verb, None, outcome=outcome, target_id=each) for each in target_ids
    )


def _entry(
    actor: Actor,
    verb: str,
    target: Resource | None,
    *,
    operation: Operation | None = None,
    args: Mapping[str, Any] | None = None,
    outcome: str,
    tenant: Tenant | None = None,
    name: str = "",
    target_id: UUID | None = None,
) -> AuditEntry:
    return AuditEntry(
        tenant_id=_tenant_id(actor, target, tenant),
        project_id=target.project_id if target is not None else None,
        user=actor.user,
        actor_name=_actor_name(actor),
        via=actor.via,
        api_key_id=actor.api_key.uid if actor.api_key else None,
        api_key_name=actor.api_key.name if actor.api_key else "",
        ip=actor.ip,
        request_id=actor.request_id,
        verb=verb,
        target_kind=target.kind if target is not None else verb.split(".", maxsplit=1)[0],
        target_id=target.pk if target is not None else target_id,
        target_name=(target.name if target is not None else name)[:63],
        operation=operation,
        args=dict(args or {}),
        outcome=outcome,
    )


def _tenant_id(actor: Actor, target: Resource | None, tenant: Tenant | None) -> int | None:
    if target is not None:
        return target.tenant_id
    owner = tenant or actor.tenant
    return owner.pk if owner else None


def _actor_name(actor: Actor) -> str:
    if actor.user is None:
        return "platform" if actor.is_system else "nobody"
    if actor.is_admin and actor.tenant is not None:
        return f"{actor.user.username} as {actor.tenant.name}"
    return actor.user.username
