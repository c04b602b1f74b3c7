"""How a resource stands: since when, and if its last operation failed, all that is known of the failure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.lifecycle.legality import open_operation
from apps.lifecycle.models import Operation, Resource
from apps.lifecycle.stored_messages import rendered_error
from apps.lifecycle.verbs import verb_named
from apps.portal.kinds import Offer, resource_url


@dataclass(frozen=True)
class Failure:
    """Cause, code and next step of the last operation that failed; `retry` is the action that tries it again."""

    verb: str
    message: str
    hint: str
    code: str
    at: datetime | None
    request_id: str
    url: str
    retry: Offer | None


def failure_of(row: Resource, offers: Sequence[Offer], area: str) -> Failure | None:
    """Return the failure that is on the resource; None where there is none or something is under way."""
    if not row.error.get("message") or open_operation(row) is not None:
        return None
    verb, operation_id = str(row.error.get("verb", "")), row.error.get("operation")
    operation = Operation.objects.filter(pk=operation_id).first() if operation_id else None
    return Failure(
        verb=verb,
        **rendered_error(row.error),
        at=operation.finished_at if operation else None,
        request_id=operation.request_id if operation else "",
        url=resource_url(area, "operation", operation.pk) if operation else "",
        retry=retry_of(row, verb, offers),
    )


def retry_of(row: Resource, verb: str, offers: Sequence[Offer]) -> Offer | None:
    """Return the action that does again what failed, as the verb table says."""
    wanted = verb_named(verb).retry if verb else ""
    return next((offer for offer in offers if offer.do.verb.name == wanted), None)
