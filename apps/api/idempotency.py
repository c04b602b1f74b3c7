"""`Idempotency-Key`: the same POST sent twice makes one resource and gets one answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, cast
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.access import ensure_may
from apps.accounts.models import Tenant
from apps.lifecycle import idempotency
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid
from apps.lifecycle.idempotency import Kept
from apps.lifecycle.models import Operation, Resource
from apps.lifecycle.verbs import Verb

HEADER = "Idempotency-Key"
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
    actor = cast(Actor, request._request.actor)  # type: ignore[attr-defined]

    def first() -> tuple[Response, Kept]:
        made = perform()
        response = answer(made)
        return response, _to_keep(response, made if where is None else where, secrets)

    def again(kept: Kept) -> Response:
        ensure_may(actor, verb, kept.project_id, kept.tenant_id, kept.resource_id)
        headers = {"Idempotency-Replayed": "true"}
        return Response(
            kept.body,
            status=kept.status,
            headers=headers | ({"Location": kept.location} if kept.location else {}),
        )

    return idempotency.once(actor, key, _fingerprint(request, actor), first, again)


def given_key(request: Request) -> str:
    """Return the request's key, "" without one. Raises Invalid for one that is too long or no text."""
    key = request.headers.get(HEADER, "")
    if len(key) > MAX_LENGTH:
        raise Invalid({HEADER: [_("At most %(n)s characters.") % {"n": MAX_LENGTH}]})
    if not (key.isascii() and key.isprintable()):
        raise Invalid({HEADER: [_("Printable ASCII characters only.")]})
    return key


def place_of(made: Any) -> tuple[int | None, int | None, UUID | None]:
    """Return project, tenant and id of what was made or acted on, by which roles are judged."""
    if isinstance(made, Sequence):
        return place_of(made[0]) if made else (None, None, None)
    if isinstance(made, Operation):
        return made.target_project, made.tenant_id, made.target_id
    if isinstance(made, Tenant):
        return None, made.pk, None
    resource_id = made.pk if isinstance(made, Resource) else None
    return getattr(made, "project_id", None), getattr(made, "tenant_id", None), resource_id


def _to_keep(response: Response, where: object, secrets: Collection[str]) -> Kept:
    body = {**response.data, **dict.fromkeys(secrets)} if secrets else response.data
    return Kept(response.status_code, response.get("Location", ""), body, *place_of(where))


def _fingerprint(request: Request, actor: Actor) -> str:
    # The tenant too: an admin's next request under the same key may be in another one's name.
    tenant = str(actor.tenant.pk if actor.tenant else "")
    body = request._request.body.decode("utf-8", "replace")
    return idempotency.fingerprint_of(request.method or "", request.get_full_path(), tenant, body)
