"""Writing the operation log. Called inside the transaction of the change it describes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from apps.audit.models import AuditEntry

if TYPE_CHECKING:
    from apps.lifecycle.actor import Actor
    from apps.lifecycle.models import Operation, Resource


def record(
    actor: Actor,
    verb: str,
    target: Resource | None = None,
    *,
    operation: Operation | None = None,
    args: Mapping[str, Any] | None = None,
    outcome: str = "done",
    name: str = "",
) -> AuditEntry:
    """Add a line. `args` must hold no secret; `name` names a target that is not a resource."""
    tenant_id = target.tenant_id if target is not None else (actor.tenant.pk if actor.tenant else None)
    return AuditEntry.objects.create(
        tenant_id=tenant_id,
        user=actor.user,
        actor_name=_actor_name(actor),
        via=actor.via,
        ip=actor.ip,
        request_id=actor.request_id,
        verb=verb,
        target_kind=target.kind if target is not None else verb.split(".", maxsplit=1)[0],
        target_id=target.pk if target is not None else None,
        target_name=target.name if target is not None else name,
        operation=operation,
        args=dict(args or {}),
        outcome=outcome,
    )


def _actor_name(actor: Actor) -> str:
    if actor.user is None:
        return "platform"
    if actor.is_admin and actor.tenant is not None:
        return f"{actor.user.username} as {actor.tenant.name}"
    return actor.user.username
