"""`Idempotency-Key`: the same POST sent twice makes one resource and gets one answer.

The key's row is inserted first, in the transaction that also makes the resource. A second request with the key waits at
the unique index until the first has committed, then answers what the first did; if the first was refused, its
transaction left no row and the second is judged afresh.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import Any, cast

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.models import IdempotentRequest
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid, KeyReused
from apps.lifecycle.models import Operation
from apps.lifecycle.verbs import Verb
from apps.tenancy.access import ensure_may
from apps.tenancy.models import Tenant

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=24)
MAX_LENGTH = 255


def once(
    request: Request,
    verb: Verb,
    perform: Callable[[], Any],
    answer: Callable[[Any], Response],
    *,
    where: object = None,
    secrets: Collection[str] = (),
) -> Response:
    """Return `answer(perform())`, or what an earlier request with the same key was answered. Raises KeyReused.

    Before it is answered again, the caller must still be allowed to do it, where it was done: at `where`, or at what
    was made. Raises Forbidden or NotRecent. `secrets` are fields that only the first answer has: they are null in what
    is kept and answered again.
    """
    key = given_key(request)
    if not key:
        return answer(perform())
    fingerprint, actor = _fingerprint(request), _actor(request)
    user_id: int = request.user.pk  # type: ignore[assignment]  # nobody anonymous gets here
    mine = IdempotentRequest.objects.filter(user_id=user_id, caller=caller_of(actor), key=key)
    with transaction.atomic():
        mine.filter(created_at__lt=timezone.now() - KEPT).delete()
        row = IdempotentRequest(user_id=user_id, caller=caller_of(actor), key=key, fingerprint=fingerprint)
        # ON CONFLICT DO NOTHING waits for a transaction that is inserting the same key.
        IdempotentRequest.objects.bulk_create([row], ignore_conflicts=True)
        kept = mine.select_for_update().get()
        if kept.status is not None:
            return _again(kept, fingerprint, actor, verb)
        made = perform()
        response = answer(made)
        project_id, tenant_id = place_of(made if where is None else where)
        kept_body = {**response.data, **dict.fromkeys(secrets)} if secrets else response.data
        mine.update(
            status=response.status_code,
            body=kept_body,
            location=response.get("Location", ""),
            project_id=project_id,
            tenant_id=tenant_id,
        )
    return response


def caller_of(actor: Actor) -> str:
    """Return what stands for the caller beside the user: the API key, "" for sessions. Keys of one do not meet."""
    return str(actor.api_key.uid) if actor.api_key is not None else ""


def given_key(request: Request) -> str:
    """Return the request's key, "" without one. Raises Invalid for one that is too long or no text."""
    key = request.headers.get(HEADER, "")
    if len(key) > MAX_LENGTH:
        raise Invalid({HEADER: [_("At most %(n)s characters.") % {"n": MAX_LENGTH}]})
    if not key.isprintable():
        raise Invalid({HEADER: [_("Printable characters only.")]})
    return key


def forget_old() -> int:
    """Delete answers older than a day; return how many."""
    return IdempotentRequest.objects.filter(created_at__lt=timezone.now() - KEPT).delete()[0]


def _again(kept: IdempotentRequest, fingerprint: str, actor: Actor, verb: Verb) -> Response:
    if kept.fingerprint != fingerprint:
        raise KeyReused
    ensure_may(actor, verb, kept.project_id, kept.tenant_id)
    response = Response(kept.body, status=kept.status, headers={"Idempotency-Replayed": "true"})
    if kept.location:
        response["Location"] = kept.location
    return response


def place_of(made: Any) -> tuple[int | None, int | None]:
    """Return project and tenant of what was made or acted on, by which roles are judged."""
    if isinstance(made, Sequence):
        return place_of(made[0]) if made else (None, None)
    if isinstance(made, Operation):
        return made.target_project, made.tenant_id
    if isinstance(made, Tenant):
        return None, made.pk
    return getattr(made, "project_id", None), getattr(made, "tenant_id", None)


def _actor(request: Request) -> Actor:
    return cast(Actor, request._request.actor)  # type: ignore[attr-defined]


def _fingerprint(request: Request) -> str:
    # The tenant too: an admin's next request under the same key may be in another one's name.
    tenant = _actor(request).tenant
    body = request._request.body.decode("utf-8", "replace")
    parts = (request.method or "", request.get_full_path(), str(tenant.pk if tenant else ""), body)
    # With the platform's secret: a password may be in the body, and a plain hash can be guessed at.
    return salted_hmac("apps.api.idempotency", "\n".join(parts), algorithm="sha256").hexdigest()
