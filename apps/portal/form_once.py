"""A create form that is sent twice makes one resource: two clicks at one instant lead to what the first one made.

Every form that is drawn has a token. Sent again with the same values it brings back the first answer; with other values
(somebody went back and changed them) it is a new one. The tokens stand in the API's table of `Idempotency-Key`.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac

from apps.api.models import IdempotentRequest
from apps.lifecycle.actor import Actor

#: Name of the hidden field.
TOKEN = "form_token"  # noqa: S105  # a name
#: What may differ between two that are the same.
_IGNORED = ("csrfmiddlewaretoken", "touched")


def new_token() -> str:
    """Return the token of a form about to be drawn."""
    return str(uuid.uuid4())


def once(
    request: HttpRequest,
    actor: Actor,
    perform: Callable[[], HttpResponse],
    again: Callable[[str], HttpResponse],
) -> HttpResponse:
    """Return `perform()`, or for a form that was sent before `again(path)` of where it led to ("" when nowhere).

    What `perform` raises undoes everything, so that the form may be sent again.
    """
    key = _key(request, actor)
    if not key or actor.user is None:
        return perform()
    mine = IdempotentRequest.objects.filter(user=actor.user, key=key)
    with transaction.atomic():
        row = IdempotentRequest(user=actor.user, key=key, fingerprint="")
        # ON CONFLICT DO NOTHING waits for a transaction that is inserting the same key.
        IdempotentRequest.objects.bulk_create([row], ignore_conflicts=True)
        kept = mine.select_for_update().get()
        if kept.status is not None:
            return again(kept.location)
        response = perform()
        mine.update(status=response.status_code, location=response.get("Location", "")[:255])
    return response


def _key(request: HttpRequest, actor: Actor) -> str:
    """Return what two sendings of one form have in common; "" for a form without a token."""
    try:
        token = uuid.UUID(request.POST.get(TOKEN, ""))
    except ValueError:
        return ""
    values = {name: request.POST.getlist(name) for name in sorted(request.POST) if name not in _IGNORED}
    said = json.dumps([request.path, str(actor.tenant and actor.tenant.pk), values])
    # With the platform's secret: a password may be among the values, and a plain hash can be guessed at.
    return f"form:{token}:{salted_hmac('apps.portal.form_once', said, algorithm='sha256').hexdigest()}"
