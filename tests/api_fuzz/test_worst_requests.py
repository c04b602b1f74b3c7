"""SE-8: the worst request of each kind, sent to everything there is: none costs a second or 50 MB.

In each run every endpoint is sent some kinds, and every kind is sent to some endpoints, so that all of it fits into a
minute. With SCLOUD_COSTS=FILE everything is sent to everything, which takes some ten minutes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.urls import reverse

from tests.api_fuzz import worst
from tests.api_fuzz.operations import document
from tests.api_fuzz.raw import send
from tests.api_fuzz.test_pages import VIEWS
from tests.api_fuzz.worst import JSON, MIB, Body, Cost, measured
from tests.security.bodies import FORMS
from tests.security.routes import Route, all_routes
from tests.security.world import World
from tests.touched import WHAT_ANSWERS

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("SE-8")]

MOST_SECONDS = 1.0
MOST_BYTES = 50 * MIB
#: An answer, however much was wrong.
MOST_ANSWER = 64 * 1024
#: With this set, everything is sent, and what each kind of request cost most is written there (docs/limits.md).
REPORT = os.environ.get("SCLOUD_COSTS", "")
#: Without it, each endpoint is sent one of so many kinds.
SHARE = 8

ROUTES = {route.name: route for route in all_routes()}
CHANGES = ("POST", "PUT", "PATCH")
#: Of these kinds everything is sent as nobody too, who is turned away before; and as the owner, whose are looked at.
AS_NOBODY = {"larger than allowed", "a name twice at the end", "many parts"}
AS_OWNER = {"objects that are wrong", "many texts", "escapes", "parts"}
TOKEN = "a" * 32
#: In `make test` kinds are sampled too.
sampled = pytest.mark.campaign("worst requests", ("tests/api_fuzz/", "apps/api/"), engine=WHAT_ANSWERS)

_costs: dict[tuple[str, str], tuple[float, int, int, str]] = {}


@pytest.fixture(scope="module", autouse=True)
def report() -> Iterator[None]:
    yield
    if REPORT:
        lines = [
            f"{kind} | {role} | {s:.2f} | {b / MIB:.1f} | {a / 1024:.0f} | {where}"
            for (kind, role), (s, b, a, where) in sorted(_costs.items())
        ]
        with Path(REPORT).open("a") as out:
            out.write("\n".join(lines) + "\n")


def _turn(routes: Iterable[Route], number: int) -> list[Route]:
    """Return the routes whose turn it is to be sent the kind of this number."""
    return [route for place, route in enumerate(routes) if REPORT or (place + number) % SHARE == 0]


def _roles(kind: str) -> list[str]:
    return ["vera", *(["nobody"] if kind in AS_NOBODY else []), *(["alice"] if kind in AS_OWNER else [])]


def _is_api(route: Route) -> bool:
    return route.area == "api" and route.name != "api:docs"


def _url(route: Route, world: World) -> str:
    return reverse(route.name, kwargs={"key": world.keys[route.segment]} if route.takes_key else None)


@cache
def _documented(path: str, method: str) -> tuple[str, ...]:
    """Return the names that the document gives a body's fields."""
    path = "/" + path.replace("<id:key>", "{key}").replace("<int:key>", "{key}").replace(
        "<slug:key>", "{key}"
    )
    content = (
        document()["paths"].get(path, {}).get(method.lower(), {}).get("requestBody", {}).get("content", {})
    )
    reference = content.get("application/json", {}).get("schema", {}).get("$ref", "")
    schema = document()["components"]["schemas"].get(reference.rpartition("/")[2], {})
    return tuple(schema.get("properties", {}))


def _form_fields(route: Route, world: World) -> list[str]:
    view = VIEWS.get(route.name)
    form = getattr(view, "form", None) or getattr(getattr(route, "do", None), "form", None)
    known = FORMS.get(route.name.split(":")[1], lambda _world: {})(world)
    return [*dict.fromkeys([*getattr(form, "base_fields", ()), *known, "keys", "touched"])]


def _ask(
    world: World,
    role: str,
    method: str,
    url: str,
    body: Body | None = None,
    query: bytes = b"",
    headers: dict[str, str] | None = None,
) -> tuple[int, Cost, int]:
    """Send a request as a browser or a program would; return status, cost and the size of the answer."""
    given: dict[str, Any] = {"content-type": body.type if body else JSON}
    if url.startswith("/api/v1/") and url != "/api/v1/docs":
        if role in world.tokens:
            given["authorization"] = f"Bearer {world.tokens[role]}"
    else:
        session = f"; sessionid={world.cookies[role]}" if role in world.cookies else ""
        given |= {"cookie": f"csrftoken={TOKEN}{session}", "x-csrftoken": TOKEN}
    given |= headers or {}
    with transaction.atomic():
        with measured() as cost:
            status, _headers, content = send(
                method, url, headers=given, body=body.content if body else b"", query=query
            )
        transaction.set_rollback(True)
    return status, cost, len(content)


def _judge(
    kind: str, role: str, where: str, asked: tuple[int, Cost, int], *, answer: int = MOST_ANSWER
) -> list[str]:
    status, cost, size = asked
    known = _costs.get((kind, role), (0.0, 0, 0, ""))
    _costs[kind, role] = max(known, (cost.seconds, cost.growth, size, f"{where}: {status}"))
    said = f"{where} as {role}, {kind}: {status}, {cost.seconds:.2f} s, {cost.growth / MIB:.0f} MB, answer {size} bytes"
    too_much = cost.seconds > MOST_SECONDS or cost.growth > MOST_BYTES or (status >= 400 and size > answer)
    return [said] if too_much or status >= 500 else []


#: What takes a body, and what takes a form.
CHANGED = [route for route in ROUTES.values() if _is_api(route) and route.methods & {*CHANGES}]
POSTED = [route for route in ROUTES.values() if not _is_api(route) and "POST" in route.methods]


@sampled
@pytest.mark.parametrize("kind", worst.JSON_BODIES)
def test_no_body_sent_to_the_api_costs_much(kind: str, world: World) -> None:
    wrong: list[str] = []
    for route in _turn(CHANGED, [*worst.JSON_BODIES].index(kind)):
        for method in sorted(route.methods & {*CHANGES}):
            names = [*_documented(route.path, method)] or ["name"]
            body = Body(worst.JSON_BODIES[kind](names), JSON)
            for role in _roles(kind):
                where = f"{method} {route.path}"
                wrong += _judge(kind, role, where, _ask(world, role, method, _url(route, world), body))
    assert wrong == [], "\n".join(wrong)


@sampled
@pytest.mark.parametrize("kind", worst.FORM_BODIES)
def test_no_form_sent_to_a_page_costs_much(kind: str, world: World) -> None:
    wrong: list[str] = []
    for route in _turn(POSTED, [*worst.FORM_BODIES].index(kind)):
        body = worst.FORM_BODIES[kind](_form_fields(route, world))
        for role in _roles(kind):
            asked = _ask(world, role, "POST", _url(route, world), body)
            wrong += _judge(f"form: {kind}", role, route.path, asked, answer=MIB)
    assert wrong == [], "\n".join(wrong)


#: What costs most when it is requested plainly.
ALWAYS = ("api:schema", "api:docs")
READ = [route for route in ROUTES.values() if "GET" in route.methods]
#: One of each shape: a list, a row, a search, a create page, a document, a log.
SHAPES = (
    "api:vms",
    "api:audit",
    "api:vms-one",
    "portal:vm.list",
    "portal:vm.one",
    "portal:vm.create",
    "portal:search",
)


#: Sent to what can be read, by turns; the others to one of each shape.
WORST_ADDRESSES = {"any of", "many"}


def _parameters(route: Route) -> list[str]:
    view = VIEWS.get(route.name) or getattr(route, "cls", None)
    return sorted(getattr(getattr(view, "filter", None), "base_filters", ())) or [
        "q",
        "key",
        "like",
        "rows",
        "next",
    ]


def test_no_address_costs_much(world: World) -> None:
    wrong: list[str] = []
    read = _turn(READ, 0) + [route for route in READ if route.name in SHAPES]
    for route in read:
        for kind, query in worst.queries(_parameters(route)[:12]).items():
            if kind not in WORST_ADDRESSES and route.name not in SHAPES:
                continue
            role = "alice" if route.area != "admin" else "ada"
            asked = _ask(world, role, "GET", _url(route, world), query=query)
            wrong += _judge(f"address: {kind}", role, route.path, asked, answer=MIB)
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize("role", ["nobody", "vera"])
def test_no_headers_cost_much(role: str, world: World) -> None:
    wrong: list[str] = []
    for name in SHAPES:
        for kind, headers in worst.HEADERS.items():
            asked = _ask(world, role, "GET", _url(ROUTES[name], world), headers=headers)
            wrong += _judge(f"headers: {kind}", role, name, asked, answer=MIB)
    assert wrong == [], "\n".join(wrong)


def test_no_page_costs_much_for_who_asks_plainly(world: World) -> None:
    """Twice, as the first time reads templates and, once for each process, renders the API's document."""
    wrong: list[str] = []
    for again in (False, True):
        for route in _turn(READ, 1) + [route for route in READ if route.name in ALWAYS]:
            for role in ("nobody", "vera"):
                found = _judge(
                    "plain", role, route.path, _ask(world, role, "GET", _url(route, world)), answer=MIB
                )
                wrong += found if again else []
    assert wrong == [], "\n".join(wrong)
