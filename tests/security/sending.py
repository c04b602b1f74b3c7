"""Sending a request of the table as a role, and watching what it writes. Each is rolled back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from asgiref.sync import async_to_sync
from django.db import connection, transaction
from django.urls import reverse

from apps.accounts.models import ApiKey, Project, Tenant, User
from apps.audit.models import DONE, AuditEntry
from apps.lifecycle.dry_run import SETTING
from apps.lifecycle.models import Operation, Resource
from tests.security.answers import TABLE
from tests.security.bodies import API_BODIES, FORMS
from tests.security.routes import Route, all_routes
from tests.security.words import KEYS, ROLES
from tests.security.world import World

ROUTES = {route.name: route for route in all_routes()}
#: When somebody was last seen: written by every request.
SEEN_LAST = ('"tenancy_session"', '"last_used_at"', '"tenancy_user" SET "last_login"')
#: Statements that change no row.
READS = ("SELECT", "SAVEPOINT", "RELEASE", "ROLLBACK", "SET", "SHOW")


def url_of(world: World, route: Route) -> str:
    """Return the route's address, with the world's object of its kind in it."""
    return reverse(route.name, kwargs={"key": world.keys[route.segment]} if route.takes_key else None)


def form_of(world: World, route: Route) -> dict[str, Any]:
    """Return what the page's form sends, with the name that destructive ones want typed."""
    form = FORMS.get(route.name.split(":")[1], lambda _world: {})(world)
    return {"typed_name": world.names.get(route.segment, ""), **form}


def body_of(world: World, row: str) -> str:
    """Return the JSON that a row of the API's table sends."""
    return json.dumps(API_BODIES.get(row, lambda _world: {})(world))


def send(world: World, role: str, route: Route, method: str, owner: str = "") -> Any:
    """Send the request as the role; `owner` is whose key a key is, the table's choice without it."""
    url, row = url_of(world, route), f"{route.name} {method}"
    of = owner or keys_owner(row)
    if is_api(route):
        data = body_of(world, row) if method != "GET" else ""
        return world.program(role, of).generic(method, url, data=data, content_type="application/json")
    browser = world.program(role, of) if role in KEYS else world.browser(role)
    return browser.get(url) if method == "GET" else browser.post(url, form_of(world, route))


def content_of(response: Any) -> bytes:
    """Return what was answered, also where it comes piece by piece."""
    if not response.streaming:
        return bytes(response.content)
    if not response.is_async:
        return b"".join(response.streaming_content)

    async def read() -> bytes:
        return b"".join([piece async for piece in response.streaming_content])

    return async_to_sync(read)()


def keys_owner(row: str) -> str:
    """Return whose keys a row is tried with: ada's where alice may not do it, and ada may."""
    words = dict(zip(ROLES, TABLE[row].split(), strict=True)) if row in TABLE else {}
    return "ada" if words.get("alice") != "ok" and words.get("ada") in {"ok", "no"} else "alice"


def is_api(route: Route) -> bool:
    """Whether programs call it."""
    return route.area == "api" and route.name != "api:docs"


def accepted() -> dict[str, object]:
    """Return what any accepted change changes."""
    users = User.objects.order_by("pk")
    return {
        "operations": list(Operation.objects.order_by("pk").values_list("pk", "status", "stopping")),
        "resources": list(Resource.objects.order_by("pk").values_list("pk", "name", "generation")),
        "log": AuditEntry.objects.filter(outcome=DONE).count(),
        "accounts": [model.objects.count() for model in (User, Tenant, Project, ApiKey)],
        "passwords": list(users.values_list("password", "is_active", "is_tenant_owner")),
        "profiles": list(users.values_list("first_name", "email", "language")),
    }


def accepted_before(world: World) -> dict[str, object]:
    """Return what was accepted when the world was made: all requests are rolled back to there."""
    if not world.accepted:
        world.accepted = accepted()
    return world.accepted


def changed(world: World, watch: Watch) -> bool:
    """Whether a request changed something; one that wrote nothing did not, and needs no look at the rows."""
    before = accepted_before(world)
    return bool(watch.written(SEEN_LAST)) and accepted() != before


@dataclass(frozen=True)
class Statement:
    """One that may change rows or opens a dry run; block: the outermost savepoint that it is in, "" for none."""

    sql: str
    block: str

    @property
    def writes(self) -> bool:
        return not self.sql.startswith(READS)


@dataclass
class Watch:
    """Notes the statements of a request, as an execute wrapper; savepoints open before are the test's own."""

    outside: int = field(default_factory=lambda: len(connection.savepoint_ids))
    statements: list[Statement] = field(default_factory=list)

    def __call__(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        text = str(sql).lstrip(" \n(")
        if not text.startswith("SELECT"):
            inside = [block for block in connection.savepoint_ids[self.outside :] if block is not None]
            self.statements.append(Statement(text, inside[0] if inside else ""))
        return execute(sql, params, many, context)

    def written(self, beside: tuple[str, ...]) -> list[Statement]:
        """Return what writes, dry runs and what names one of `beside` left out."""
        kept = without_dry_runs(self.statements)
        return [one for one in kept if one.writes and not any(part in one.sql for part in beside)]


def without_dry_runs(statements: list[Statement]) -> list[Statement]:
    """Return the statements without those of dry runs, which are rolled back to where they began."""
    kept: list[Statement] = []
    until = ""
    for one in statements:
        if until:
            until = "" if one.sql == until else until
        elif one.sql.startswith(f"SET LOCAL {SETTING}"):
            until = kept.pop().sql.replace("SAVEPOINT", "ROLLBACK TO SAVEPOINT")
        else:
            kept.append(one)
    assert not until, "a dry run that was not rolled back"
    return kept


@contextmanager
def rolled_back() -> Iterator[Watch]:
    """Watch what the block writes, and roll it back."""
    with transaction.atomic():
        watch = Watch()
        with connection.execute_wrapper(watch):
            yield watch
        transaction.set_rollback(True)
