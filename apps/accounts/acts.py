"""Declaring the services of verbs: judging and locking come first, by the one verb named."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.db import transaction

from apps.accounts.access import allow, begin, ensure_may
from apps.accounts.labels import relabel
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.models import Operation, Resource
from apps.lifecycle.requests import Allowed, Change
from apps.lifecycle.verbs import Verb

P = ParamSpec("P")
R = TypeVar("R", bound=Resource)
T = TypeVar("T")


def changes(
    verb: Verb, *, shared: bool = False
) -> Callable[[Callable[Concatenate[Change[R], P], T]], Callable[Concatenate[Actor, R, P], T]]:
    """Make the decorated function the service of a verb on a resource: `service(actor, row, **values)`.

    In one transaction the verb is started, which raises what `access.begin` does, and the function called with the
    change. shared: tenants see rows that belong to no tenant; for these the refusal is Forbidden, not NotFound.
    """

    def bind(function: Callable[Concatenate[Change[R], P], T]) -> Callable[Concatenate[Actor, R, P], T]:
        @wraps(function)
        def service(actor: Actor, row: R, /, *args: P.args, **values: P.kwargs) -> T:
            with transaction.atomic():
                if shared:
                    ensure_may(actor, verb, row.project_id, row.tenant_id, row.pk)
                return function(begin(actor, verb, row), *args, **values)

        return serves(verb)(service)

    return bind


def allows(
    verb: Verb, *, sole: bool = True
) -> Callable[[Callable[Concatenate[Allowed, P], T]], Callable[Concatenate[Actor, P], T]]:
    """Make the decorated function the service of a verb of the whole platform: `service(actor, **values)`.

    In one transaction the verb is judged, which raises what `access.allow` does, and the function called with it.
    sole: False where several functions do the verb, so that API and pages name the one they mean.
    """

    def bind(function: Callable[Concatenate[Allowed, P], T]) -> Callable[Concatenate[Actor, P], T]:
        @wraps(function)
        def service(actor: Actor, /, *args: P.args, **values: P.kwargs) -> T:
            with transaction.atomic():
                return function(allow(actor, verb, project=None, tenant_id=None), *args, **values)

        return serves(verb)(service) if sole else service

    return bind


def requested(verb: Verb) -> Callable[[Actor, Any], Operation]:
    """Declare and return the service of a verb that changes no row: the operation does it all."""
    return changes(verb)(_request)


def renames(verb: Verb) -> Callable[..., Resource]:
    """Declare and return the service that sets `name` and `description`, where given, of a kind's resources."""
    return changes(verb)(relabel)


def _request(change: Change[Any]) -> Operation:
    return change.request()
