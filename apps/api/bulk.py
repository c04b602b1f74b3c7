"""POST /api/v1/<plural>/bulk: one action on many rows, with an answer for each."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.urls.converters import SlugConverter
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.access import ensure_in_reach, ensure_may
from apps.accounts.access_recheck import while_access_holds
from apps.api.converters import canonical
from apps.api.declarations import Action, KindApi
from apps.api.idempotency import given_key, place_of
from apps.api.reading import read_body
from apps.api.representation import slug
from apps.lifecycle import batches
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid, NotFound, Refused
from apps.lifecycle.idempotency import KEPT, caller_of
from apps.lifecycle.models import Batch, BatchItem, BatchOutcome

MULTI_STATUS = 207
_SLUG = re.compile(SlugConverter.regex)


class BulkBody(serializers.Serializer[Any]):
    """Plus the fields of the action, applied to all items."""

    action = serializers.CharField(max_length=63, help_text="An action of `allowed_actions`, or `delete`.")
    ids = serializers.ListField(
        child=serializers.RegexField(r"^[-0-9A-Za-z_]{1,64}$"), min_length=1, max_length=batches.MOST
    )


class BulkErrorOut(serializers.Serializer[Any]):
    code = serializers.CharField()
    title = serializers.CharField(help_text="Cause, human-readable.")
    hint = serializers.CharField(help_text="Next step.")


class BulkItemOut(serializers.Serializer[Any]):
    id = serializers.CharField()
    status = serializers.ChoiceField(
        choices=BatchOutcome.choices,
        help_text="accepted: poll its operation. done: finished immediately. waiting: not processed in this "
        "request. Send the request again with the same Idempotency-Key, or with only these IDs.",
    )
    operation = serializers.UUIDField(allow_null=True)
    error = BulkErrorOut(allow_null=True)


class BulkOut(serializers.Serializer[Any]):
    id = serializers.UUIDField(
        help_text="ID of the whole request. The portal shows its result under /bulk/<id>/."
    )
    results = BulkItemOut(many=True)


def bulk_actions(view: type[KindApi]) -> list[Action]:
    """Return the view's actions that may be requested on many rows at once, `delete` among them."""
    given = [*view.actions, *([view.delete] if view.delete else [])]
    return [act for act in given if act.bulk]


def _kind(view: KindApi) -> str:
    """Return the kind's name, as in verbs."""
    return bulk_actions(type(view))[0].verb.kind


def wanted(view: type[KindApi], request: Request) -> tuple[Action, list[str]]:
    """Return the action and the ids of the body, each id once. Raises Invalid for an action there is none of."""
    sent = request.data
    # The action's own fields are looked at once it is known which action it is.
    body = read_body(BulkBody, sent, beside=sent if isinstance(sent, Mapping) else ())
    return _named(view, body["action"]), list(dict.fromkeys(map(canonical, body["ids"])))


def carried_out(
    view: KindApi, request: Request, act: Action, ids: Sequence[str], values: dict[str, Any]
) -> Response:
    """Carry out the action on every id and answer 207, whatever became of each; ids not reached in time are `waiting`.

    Raises Forbidden when the API key's scope does not cover the action, NotRecent when it needs a fresh proof.
    """
    ensure_in_reach(view.actor, act.verb)
    key = _own_key(view.actor, given_key(request))
    _expire(view, key)
    targets = [(each, "") for each in ids]
    batch, is_new = batches.open_batch(view.actor, _kind(view), act.verb, targets, values, key)
    rows = _rows(view, ids)
    act_on = while_access_holds(view.actor, lambda row: act.service(view.actor, row, **values))
    batches.carry_out(view.actor, batch, rows, act_on)
    if is_new:
        return Response(_answer(batch, {}), status=MULTI_STATUS)
    withheld = _withheld(view, act, ids, rows)
    return Response(_answer(batch, withheld), status=MULTI_STATUS, headers={"Idempotency-Replayed": "true"})


def _own_key(actor: Actor, key: str) -> str:
    """Return the key apart from those of the user's other callers, and of other tenants that are acted as."""
    tenant = actor.tenant.pk if actor.tenant else ""
    said = f"{caller_of(actor)}\n{tenant}\n{key}"
    return f"api:{hashlib.sha256(said.encode()).hexdigest()}" if key else ""


def _withheld(view: KindApi, act: Action, ids: Sequence[str], rows: dict[str, Any]) -> dict[str, Refused]:
    """Return the items whose outcome the caller may not be told again: what it may not see, or not do, any more."""
    valid = [each for each in ids if is_key(view.converter, each)]
    there = view.model._default_manager.filter(**{f"{view.key}__in": valid}).values_list(view.key, flat=True)
    withheld: dict[str, Refused] = {}
    for target in map(str, there):
        try:
            if target not in rows:
                raise NotFound(_("Resource not found."), hint=_("The resource may have been deleted."))
            ensure_may(view.actor, act.verb, *place_of(rows[target]))
        except Refused as error:
            withheld[target] = error
    return withheld


def action_names(view: type[KindApi]) -> dict[str, Action]:
    """Return the view's bulk actions by the names they are requested by."""
    there = {slug(act.verb.action): act for act in bulk_actions(view)}
    return there | ({"delete": view.delete} if view.delete and view.delete.bulk else {})


def _named(view: type[KindApi], action: str) -> Action:
    there = action_names(view)
    act = there.get(slug(action))
    if act is None:
        raise Invalid({"action": [_("One of: %(actions)s.") % {"actions": ", ".join(there)}]})
    return act


def _rows(view: KindApi, ids: Sequence[str]) -> dict[str, Any]:
    valid = [each for each in ids if is_key(view.converter, each)]
    rows = view.get_queryset().filter(**{f"{view.key}__in": valid})
    return {str(getattr(row, view.key)): row for row in rows}


def is_key(converter: str, text: str) -> bool:
    """Whether the text can be a key of a kind whose keys stand in paths by this converter."""
    if converter == "int":
        return text.isascii() and text.isdecimal() and len(text) < 10
    if converter != "uuid":
        return _SLUG.fullmatch(text) is not None
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _expire(view: KindApi, key: str) -> None:
    """Let a key be used again once the time it is good for is over."""
    if key:
        old = timezone.now() - KEPT
        Batch.objects.filter(actor=view.actor.user, key=key, created_at__lt=old).update(key="")


def _answer(batch: Batch, withheld: Mapping[str, Refused]) -> dict[str, Any]:
    items = batch.items.order_by("position")
    return {"id": str(batch.pk), "results": [_item(item, withheld.get(item.target)) for item in items]}


def _item(item: BatchItem, withheld: Refused | None) -> dict[str, Any]:
    if withheld is not None:
        outcome = BatchOutcome.NOT_FOUND if isinstance(withheld, NotFound) else BatchOutcome.REFUSED
        refusal = {"code": withheld.code, "title": withheld.message, "hint": withheld.hint}
        return {"id": item.target, "status": outcome, "operation": None, "error": refusal}
    error = {"code": item.code, "title": item.message, "hint": item.hint} if item.code else None
    operation = str(item.operation_id) if item.operation_id else None
    return {"id": item.target, "status": item.outcome, "operation": operation, "error": error}
