"""A create form that is sent twice makes one resource: two clicks at one instant lead to what the first one made.

Every form that is drawn has a token. Sent again with the same values it brings back the first answer; with other values
(somebody went back and changed them) it is a new one.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from apps.lifecycle import idempotency
from apps.lifecycle.actor import Actor
from apps.lifecycle.idempotency import Kept

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
    token = _token(request)
    if not token or actor.user is None:
        return perform()

    def first() -> tuple[HttpResponse, Kept]:
        response = perform()
        return response, Kept(response.status_code, response.get("Location", "")[:255])

    # Other values under the same token are another request, not a wrong one: the key holds them.
    key = f"form:{token}:{_fingerprint(request, actor)}"
    return idempotency.once(actor, key, "", first, lambda kept: again(kept.location))


def _token(request: HttpRequest) -> str:
    try:
        return str(uuid.UUID(request.POST.get(TOKEN, "")))
    except ValueError:
        return ""


def _fingerprint(request: HttpRequest, actor: Actor) -> str:
    values = {name: request.POST.getlist(name) for name in sorted(request.POST) if name not in _IGNORED}
    return idempotency.fingerprint_of(
        json.dumps([request.path, str(actor.tenant and actor.tenant.pk), values])
    )
