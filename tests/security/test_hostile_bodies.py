"""SE-5: whatever text is sent in whatever field, it is refused there or kept exactly as it is. No field is left out:
they are read from the OpenAPI document, so a new one is tried by itself.

By default each field gets a share of the texts, another one for each; `SCLOUD_HOSTILE=all` sends all to all.
"""

from __future__ import annotations

import copy
import itertools
import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.urls import reverse

from apps.accounts.single_line import composed, is_one_line
from tests import factories
from tests.openapi import committed
from tests.security.answers import TABLE
from tests.security.bodies import API_BODIES
from tests.security.hostile import HOSTILE
from tests.security.routes import Route, all_routes
from tests.security.words import ROLES
from tests.security.world import World
from tests.touched import WHAT_ANSWERS, of_route

pytestmark = pytest.mark.requirement("SE-5")

ALL = os.environ.get("SCLOUD_HOSTILE") == "all"
#: Sent to every field: what has no place in a database, a log line or an XML document.
EVERYWHERE = ("null", "lone surrogate", "newline", "right to left", "html")
#: Every so many of the others.
SHARE = 10
#: Fields of one thing that another form calls otherwise.
SAME = {"owner_username": ("username",), "new": ("password",)}
ROUTES = {route.name: route for route in all_routes()}
WRITING = sorted(
    row for row in API_BODIES if not row.endswith("-bulk POST") and not row.startswith("api:tus")
)
#: Places in a body: keys and list positions.
Place = tuple[str | int, ...]


def schema_of(row: str) -> Any:
    """Return the schema of the JSON body that a row of the table takes."""
    name, method = row.split(" ")
    path = "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", ROUTES[name].path)
    operation = committed()["paths"][path][method.lower()]
    return operation["requestBody"]["content"]["application/json"]["schema"]


def texts_in(schema: Any, place: Place = ()) -> Iterator[Place]:
    """Yield where a body of the schema has free text."""
    if "$ref" in schema:
        schema = committed()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for inner in (*schema.get("allOf", ()), *schema.get("oneOf", ()), *schema.get("anyOf", ())):
        yield from texts_in(inner, place)
    if schema.get("type") in ("string", ["string", "null"]) and "enum" not in schema:
        yield place
    for name, inner in schema.get("properties", {}).items():
        if not inner.get("readOnly"):
            yield from texts_in(inner, (*place, name))
    if "items" in schema:
        yield from texts_in(schema["items"], (*place, 0))


def with_text(body: dict[str, Any], place: Place, text: str) -> dict[str, Any]:
    """Return the body with the text in that place."""
    changed = copy.deepcopy(body)
    at: Any = changed
    for key, following in itertools.pairwise(place):
        fresh: Any = [None] if following == 0 else {}
        if isinstance(key, int):
            at[0] = at[0] if at[0] is not None else fresh
        elif not at.get(key):
            at[key] = fresh
        at = at[key]
    at[place[-1]] = text
    return changed


def texts_for(number: int) -> Iterator[tuple[str, str]]:
    for position, (what, text) in enumerate(HOSTILE.items()):
        if ALL or what in EVERYWHERE or (position + number) % SHARE == 0:
            yield what, text


def role_for(row: str) -> str:
    if row.startswith("api:saved-views-one "):
        return "nina"  # nobody else's
    allowed = [role for role, word in zip(ROLES, TABLE[row].split(), strict=True) if word == "ok"]
    return next(role for role in ("alice", "mia", "otto", "ada", *allowed) if role in allowed)


def send(world: World, row: str, body: dict[str, Any]) -> Any:
    name, method = row.split(" ")
    route: Route = ROUTES[name]
    url = reverse(route.name, kwargs={"key": world.keys[route.segment]} if route.takes_key else None)
    role = role_for(row)
    if role == "nina":  # of this test only, as it is rolled back
        world.cookies[role] = factories.page_client(world.nina).cookies["sessionid"].value
    return world.program(role).generic(method, url, data=json.dumps(body), content_type="application/json")


def kept_at(answer: Any, place: Place) -> Iterator[str]:
    """Yield what the answer shows of the field, of the thing itself or of one of several."""
    shown = [answer, answer.get("resource"), *(answer.get("resources") or [])]
    for one in shown:
        at: Any = one
        for key in place:
            try:
                at = at[key]
            except (KeyError, IndexError, TypeError):
                break
        else:
            if isinstance(at, str):
                yield at


FIELDS = [(row, place) for row in WRITING for place in sorted(set(texts_in(schema_of(row))), key=str)]


def test_the_fields_are_found(db: None) -> None:
    names = {(row, place[-1]) for row, place in FIELDS}
    assert {("api:vms POST", "user_data"), ("api:vms POST", "name"), ("api:images POST", "file")} <= names
    assert ("api:security-groups POST", "description") in names
    assert len(FIELDS) > 60


@pytest.mark.campaign("hostile texts", of_route, engine=WHAT_ANSWERS)
@pytest.mark.parametrize(("number", "row", "place"), [(n, *field) for n, field in enumerate(FIELDS)], ids=str)
def test_a_text_is_refused_at_its_field_or_kept_as_it_is(
    number: int, row: str, place: Place, world: World
) -> None:
    for what, text in texts_for(number):
        body = with_text(API_BODIES[row](world), place, text)
        with transaction.atomic():
            response = send(world, row, body)
            transaction.set_rollback(True)
        said = f"{row} {place} {what}: {response.status_code} {response.content[:600]!r}"
        assert response.status_code < 500, said
        assert response.status_code == 204 or "json" in response["Content-Type"], said
        if response.status_code >= 400:
            told = json.loads(response.content)
            assert told["title"] and told["code"], said
            if response.status_code == 422:
                fields = [error["field"] for error in told["errors"]]
                named = {place[0], *SAME.get(str(place[0]), ())}
                assert any(field.split(".")[0] in named for field in fields), said
            continue
        if place[-1] == "service" or (place[-1] == "public_key" and not text.strip()):
            continue  # a rule's service follows from the rule; an empty public key asks for a new pair
        if row == "api:vms-snapshot-disks POST":
            continue  # the name is that of the snapshots; the answer shows the VM, which keeps its own
        for shown in kept_at(json.loads(response.content or "{}"), place):
            assert shown in (text, composed(text.strip()), text.strip().lower()), said
            assert place[-1] == "user_data" or is_one_line(shown), said
