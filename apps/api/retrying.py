"""POST /api/v1/operations/<id>/retry: the action of the resource that does again what failed."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.urls import URLPattern
from django.utils.translation import gettext as _

from apps.api.views import Action, ObjectApi
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import NotFound, NotNow
from apps.lifecycle.models import Operation
from apps.lifecycle.verbs import verb_named
from apps.tenancy.operation_access import ensure_may_retry


def retry_operation(actor: Actor, operation: Operation) -> Operation:
    """Ask again for what an operation failed to do, with the same values; return the new operation.

    Raises Forbidden, NotNow (it has not failed, or something later has settled it), and what the action's service does.
    """
    ensure_may_retry(actor, operation)
    view, act = _action(verb_named(operation.verb).retry)
    row = view().visible(actor).filter(pk=operation.target_id).first()
    if row is None:
        raise NotFound(_("What it acted on no longer exists."))
    made = act.service(actor, row, **_values(act, actor, operation))
    assert isinstance(made, Operation), "what has an operation is answered with one"
    return made


def _action(verb_name: str) -> tuple[type[ObjectApi], Action]:
    found = _actions().get(verb_name)
    if found is None:
        raise NotNow(_("Ask for it anew where it was asked for."))
    return found


def _values(act: Action, actor: Actor, operation: Operation) -> dict[str, Any]:
    if act.body is None:
        return {}
    reader = act.body(data=operation.args, context={"actor": actor})
    reader.is_valid(raise_exception=True)
    return dict(reader.validated_data)


@cache
def _actions() -> dict[str, tuple[type[ObjectApi], Action]]:
    """Return verb → the endpoint that carries it out, read from the paths: nothing is named twice."""
    from apps.api import urls  # the paths import every endpoint, and this is one

    found: dict[str, tuple[type[ObjectApi], Action]] = {}
    for pattern in urls.urlpatterns:
        view = getattr(pattern.callback, "cls", None) if isinstance(pattern, URLPattern) else None
        if view is not None and issubclass(view, ObjectApi):
            for act in (*view.actions, *([view.delete] if view.delete else [])):
                found[act.verb.name] = (view, act)
    return found
