"""A request sent twice is carried out once and answered twice: the one mechanism, for the API and for forms.

The key's row is inserted first, in the transaction that also makes the resource. A second request with the key waits at
the unique index until the first has committed, then gets what was kept of the first; if the first was refused, its
transaction left no row and the second is judged afresh.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import KeyReused
from apps.lifecycle.models import IdempotentRequest

KEPT = timedelta(hours=24)
#: The name of the first user of this module: another one would make strangers of the requests that are kept.
_SALT = "apps.api.idempotency"

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Kept:
    """What is kept of an answer; never a secret. Project, tenant and resource are those it was done in."""

    status: int
    location: str = ""
    body: Any = None
    project_id: int | None = None
    tenant_id: int | None = None
    resource_id: UUID | None = None


def once(
    actor: Actor,
    key: str,
    fingerprint: str,
    perform: Callable[[], tuple[Answer, Kept]],
    again: Callable[[Kept], Answer],
) -> Answer:
    """Return what `perform` answers, or for a key that was used before `again` of what was kept then.

    Raises KeyReused when the key was used for another request, which `fingerprint` tells. What `perform` and `again`
    raise undoes everything. The actor has a user.
    """
    assert actor.user is not None
    mine = IdempotentRequest.objects.filter(user_id=actor.user.pk, caller=caller_of(actor), key=key)
    with transaction.atomic():
        mine.filter(created_at__lt=timezone.now() - KEPT).delete()
        row = IdempotentRequest(
            user_id=actor.user.pk, caller=caller_of(actor), key=key, fingerprint=fingerprint
        )
        # ON CONFLICT DO NOTHING waits for a transaction that is inserting the same key.
        IdempotentRequest.objects.bulk_create([row], ignore_conflicts=True)
        found = mine.select_for_update().get()
        if found.status is None:
            answer, kept = perform()
            mine.update(**asdict(kept))
            return answer
        if found.fingerprint != fingerprint:
            raise KeyReused
        return again(
            Kept(
                found.status,
                found.location,
                found.body,
                found.project_id,
                found.tenant_id,
                found.resource_id,
            ),
        )


def caller_of(actor: Actor) -> str:
    """Return what stands for the caller beside the user: the API key, "" for sessions. Keys of one do not meet."""
    return str(actor.api_key.uid) if actor.api_key is not None else ""


def fingerprint_of(*parts: str) -> str:
    """Return what is equal for equal requests and tells nothing else of them."""
    # With the platform's secret: a password may be among the parts, and a plain hash can be guessed at.
    return salted_hmac(_SALT, "\n".join(parts), algorithm="sha256").hexdigest()


def forget_old() -> int:
    """Delete answers older than a day; return how many."""
    return IdempotentRequest.objects.filter(created_at__lt=timezone.now() - KEPT).delete()[0]
