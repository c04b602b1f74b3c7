"""Declaring services by which people change their own accounts: judged, locked, recorded by the one verb named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from django.db import transaction

from apps.accounts.access import allow
from apps.accounts.models import User
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.requests import Allowed
from apps.lifecycle.verbs import Verb
from apps.tenancy.services.holding import hold_user

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class OwnChange:
    """A verb that the actor does to the own account. user: that account, locked until the transaction ends."""

    allowed: Allowed
    user: User

    @property
    def actor(self) -> Actor:
        return self.allowed.actor

    def record(self, **args: object) -> None:
        """Write the line of the operation log."""
        record_of(self.allowed, self.user, **args)


def record_of(allowed: Allowed, user: User, **args: object) -> None:
    """Write the line of the operation log about an account."""
    allowed.record(tenant=user.tenant, name=user.username, target_id=user.uid, args=args)


def changes_own(
    verb: Verb,
) -> Callable[[Callable[Concatenate[OwnChange, P], T]], Callable[Concatenate[Actor, P], T]]:
    """Make the decorated function the service of a verb on the actor's own account: `service(actor, **values)`.

    In one transaction the verb is judged, the account locked, and the function called with the change. Raises
    Forbidden, NotRecent, or NotFound when the account has been removed meanwhile.
    """

    def bind(function: Callable[Concatenate[OwnChange, P], T]) -> Callable[Concatenate[Actor, P], T]:
        @wraps(function)
        def service(actor: Actor, /, *args: P.args, **values: P.kwargs) -> T:
            with transaction.atomic():
                allowed = allow(actor, verb, project=None, tenant_id=None)
                assert actor.user is not None, "allow() lets nobody else do this"
                return function(OwnChange(allowed, hold_user(actor.user)), *args, **values)

        return serves(verb)(service)

    return bind
