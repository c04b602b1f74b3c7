"""`Idempotency-Key`: the same POST sent twice makes one resource and gets one answer.

The key's row is inserted first, in the transaction that also makes the resource. A second request with the key waits at
the unique index until the first has committed, then answers what the first did; if the first was refused, its
transaction left no row and the second is judged afresh.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.models import IdempotentRequest
from apps.lifecycle.errors import Invalid, KeyReused

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=24)
MAX_LENGTH = 255


def once(request: Request, perform: Callable[[], Response], *, secrets: Collection[str] = ()) -> Response:
    """Return `perform()`, or the answer an earlier request with the same key got. Raises KeyReused.

    `secrets` are fields that only the first answer has: they are null in what is kept and answered again.
    """
    key = given_key(request)
    if not key:
        return perform()
    fingerprint = _fingerprint(request)
    user_id: int = request.user.pk  # type: ignore[assignment]  # nobody anonymous gets here
    mine = IdempotentRequest.objects.filter(user_id=user_id, key=key)
    with transaction.atomic():
        mine.filter(created_at__lt=timezone.now() - KEPT).delete()
        row = IdempotentRequest(user_id=user_id, key=key, fingerprint=fingerprint)
        # ON CONFLICT DO NOTHING waits for a transaction that is inserting the same key.
        IdempotentRequest.objects.bulk_create([row], ignore_conflicts=True)
        kept = mine.select_for_update().get()
        if kept.status is not None:
            return _again(kept, fingerprint)
        response = perform()
        kept_body = {**response.data, **dict.fromkeys(secrets)} if secrets else response.data
        mine.update(status=response.status_code, body=kept_body, location=response.get("Location", ""))
    return response


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


def _again(kept: IdempotentRequest, fingerprint: str) -> Response:
    if kept.fingerprint != fingerprint:
        raise KeyReused
    response = Response(kept.body, status=kept.status, headers={"Idempotency-Replayed": "true"})
    if kept.location:
        response["Location"] = kept.location
    return response


def _fingerprint(request: Request) -> str:
    # The tenant too: an admin's next request under the same key may be in another one's name.
    tenant = request._request.actor.tenant  # type: ignore[attr-defined]
    body = request._request.body.decode("utf-8", "replace")
    parts = (request.method or "", request.get_full_path(), str(tenant.pk if tenant else ""), body)
    # With the platform's secret: a password may be in the body, and a plain hash can be guessed at.
    return salted_hmac("apps.api.idempotency", "\n".join(parts), algorithm="sha256").hexdigest()
