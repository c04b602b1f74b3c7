"""SE-5: bodies that are right but for a field or two get past the first checks: services must stand them too."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from tests.api_fuzz import nasty
from tests.api_fuzz.judging import judge_answer
from tests.api_fuzz.operations import document, few
from tests.api_fuzz.sending import watched
from tests.api_fuzz.touched import NAME, paths_of
from tests.security.bodies import API_BODIES
from tests.security.routes import all_routes
from tests.security.world import World
from tests.touched import WHAT_ANSWERS

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.real,
    pytest.mark.requirement("SE-5"),
    pytest.mark.campaign(NAME, paths_of, engine=WHAT_ANSWERS),
]

ROUTES = {route.name: route for route in all_routes()}
LISTS = sorted(
    (path, [p["name"] for p in there["get"]["parameters"] if p["in"] == "query"])
    for path, there in document()["paths"].items()
    if "get" in there and any(p["in"] == "query" for p in there["get"].get("parameters", []))
)


def _ask(world: World, role: str, method: str, url: str, before: dict[str, object], **sent: Any) -> None:
    program = world.program(role)
    program.raise_request_exception = False
    with watched(before) as seen:
        response = program.generic(method, url, **sent)
        headers = {name.lower(): value for name, value in response.items()}
        judge_answer(response.status_code, headers, response.content, seen)


def _fields(row: str, body: dict[str, Any]) -> list[str]:
    """Return the fields the document has for the body of a row, and those of the example."""
    name, method = row.split(" ")
    route = ROUTES[name]
    path = "/" + route.path.replace("<id:key>", "{key}").replace("<int:key>", "{key}").replace(
        "<slug:key>", "{key}"
    )
    content = document()["paths"][path][method.lower()].get("requestBody", {}).get("content", {})
    reference = content.get("application/json", {}).get("schema", {}).get("$ref", "").rpartition("/")[2]
    schema = document()["components"]["schemas"].get(reference, {})
    return sorted({*schema.get("properties", {}), *body})


@pytest.mark.parametrize("row", sorted(API_BODIES))
def test_a_body_with_a_nasty_field_is_refused_or_done_and_never_a_bug(
    row: str, world: World, before: dict[str, object]
) -> None:
    name, method = row.split(" ")
    route, body = ROUTES[name], API_BODIES[row](world)
    url = reverse(name, kwargs={"key": world.keys[route.segment]} if route.takes_key else None)

    @few(6)
    @given(
        sent=nasty.spoiled(body, _fields(row, body)),
        role=st.sampled_from(["alice", "ada"]),
        dry=st.booleans(),
    )
    def ask(sent: dict[str, Any], role: str, dry: bool) -> None:
        tried = "?dry_run=1" if dry and not route.takes_key and method == "POST" else ""
        _ask(world, role, method, url + tried, before, data=json.dumps(sent), content_type="application/json")

    ask()


@pytest.mark.parametrize(("path", "parameters"), LISTS, ids=[path for path, _ in LISTS])
def test_a_list_refuses_parameters_that_make_no_sense(
    path: str, parameters: list[str], world: World, before: dict[str, object]
) -> None:
    segment = path.removeprefix("/api/v1/").partition("/")[0]
    url = path.replace("{key}", str(world.keys.get(segment, "")))

    @few(6)
    @given(
        given_=st.lists(st.tuples(st.sampled_from(parameters), nasty.texts()), min_size=1, max_size=3),
        role=st.sampled_from(["alice", "ada"]),
    )
    def ask(given_: list[tuple[str, str]], role: str) -> None:
        from urllib.parse import urlencode

        query = urlencode([(name, text.encode("utf-8", "surrogatepass")) for name, text in given_])
        _ask(world, role, "GET", url, before, QUERY_STRING=query)

    ask()
