"""IN-1: what the API does not know it refuses by name: query parameters and body fields, on every endpoint."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.urls import reverse

from apps.accounts.models import User
from tests import factories, openapi
from tests.security.bodies import API_BODIES
from tests.security.conftest import world
from tests.security.routes import Route, all_routes
from tests.security.world import World

__all__ = ["world"]

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("IN-1")]

# What is sent by tus is no JSON: tests/uploads/test_tus.py.
OTHERS = {"api:docs", "api:tus", "api:tus-one"}
ROUTES = [route for route in all_routes() if route.area == "api" and route.name not in OTHERS]
CHANGES = [
    (route, method) for route in ROUTES for method in sorted(route.methods - {"GET", "HEAD", "OPTIONS"})
]
UNKNOWN = "dry-runn"


def _url(route: Route, world: World) -> str:
    return reverse(route.name, kwargs={"key": world.keys[route.segment]} if route.takes_key else None)


def _errors(answer: Any) -> dict[str, str]:
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (400, "invalid"), answer.content
    return {error["field"]: error["message"] for error in problem["errors"]}


def _ask(world: World, role: str, route: Route, method: str, query: str = "", body: Any = None) -> Any:
    if role == "nina":  # of this test only, as it is rolled back
        world.cookies[role] = factories.page_client(world.nina).cookies["sessionid"].value
    # In person: no key reaches every endpoint.
    client = world.program(role)
    data = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
    return client.generic(method, _url(route, world) + query, **data)


def _who(world: World, route: Route, method: str) -> str:
    """Return who may do it: an administrator where the tenant's owner may not."""
    owners = {"settings", "vpc-ranges", "regions", "compute-clusters", "storage-clusters", "hosts", "tenants"}
    if route.takes_key and route.segment in {"sessions", "saved-views"}:
        return "nina"  # nobody else's
    admins = owners | {"instance-types", "images", "findings", "in-trouble", "administrators"}
    admins.add("external-segments")
    is_admins = route.segment in admins or route.name == "api:vms-migrate"
    return "ada" if is_admins else "alice"


def _sent(world: World, route: Route, method: str) -> dict[str, Any]:
    row = API_BODIES.get(f"{route.name} {method}")
    return row(world) if row else {}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_an_unknown_query_parameter_is_named(route: Route, world: World) -> None:
    for method in sorted(route.methods - {"HEAD", "OPTIONS"}):
        answer = _ask(
            world, _who(world, route, method), route, method, f"?{UNKNOWN}=1", _sent(world, route, method)
        )
        assert UNKNOWN in _errors(answer), (method, answer.content)


@pytest.mark.parametrize(("route", "method"), CHANGES, ids=lambda each: getattr(each, "name", each))
def test_an_unknown_field_is_named_at_every_level(route: Route, method: str, world: World) -> None:
    body = _sent(world, route, method)
    for path, misspelt in _with_one_more(body):
        answer = _ask(world, _who(world, route, method), route, method, body=misspelt)
        assert _errors(answer).get(path, "").startswith("Unknown field."), (path, answer.content)


#: Objects whose names are data: which there are is the service's to say.
FREE = {"limits", "settings"}


def _with_one_more(sent: Any, path: str = "") -> Any:
    """Yield the path of an unknown field and the body with it, for each object in the body."""
    if isinstance(sent, dict):
        yield f"{path}{UNKNOWN}", {**sent, UNKNOWN: 1}
    inner = sent.items() if isinstance(sent, dict) else enumerate(sent) if isinstance(sent, list) else ()
    for name, value in inner:
        for found, changed in _with_one_more(value, f"{path}{name}.") if name not in FREE else ():
            copy = sent.copy()
            copy[name] = changed
            yield found, copy


def test_the_document_lists_the_parameters_that_are_taken_and_no_others(world: World) -> None:
    for path, methods in openapi.committed()["paths"].items():
        for method, operation in methods.items():
            route = next(r for r in ROUTES if _documented(r) == path and method.upper() in r.methods)
            named = {p["name"] for p in operation.get("parameters", []) if p["in"] == "query"}
            answer = _ask(
                world, "ada", route, method.upper(), "?" + "&".join(f"{name}=" for name in sorted(named))
            )
            said = answer.json().get("errors", []) if answer.status_code == 400 else []
            assert [e for e in said if e["message"].startswith("Unknown parameter")] == [], path


def _documented(route: Route) -> str:
    return "/" + route.path.replace("<id:key>", "{key}").replace("<int:key>", "{key}").replace(
        "<slug:key>", "{key}"
    )


@pytest.mark.parametrize(
    ("sent", "meant"), [("dryrun", "dry_run"), ("DryRun", "dry_run"), ("dry-run", "dry_run"), ("pretend", "")]
)
def test_a_misspelt_parameter_changes_nothing_and_gets_a_suggestion(
    alice: User, sent: str, meant: str
) -> None:
    client = factories.api_client(alice)
    answer = client.post(f"/api/v1/projects?{sent}=1", {"name": "new"}, format="json")
    assert _errors(answer) == {
        sent: f"Unknown parameter. Did you mean “{meant}”?" if meant else "Unknown parameter."
    }
    assert [row["name"] for row in client.get("/api/v1/projects").data["results"]] == ["default"]


def test_a_parameter_that_takes_one_value_is_given_once(alice: User) -> None:
    client = factories.api_client(alice)
    assert _errors(client.get("/api/v1/vms?name=a&name=b")) == {"name": "Specify this parameter only once."}
    assert client.get("/api/v1/vms?state=ready&state=error").status_code == 200


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", 2024, "Must be a string."),
        ("description", ["a"], "Must be a string."),
        ("instance_type", "one", None),
        ("count", "2", "Must be a whole number."),
        ("count", True, "Must be a whole number."),
        ("image", 5, "Must be a UUID."),
        ("image", "urn:uuid:00000000-0000-4000-8000-000000000000", "Must be a UUID."),
        ("key_pairs", "00000000-0000-4000-8000-000000000000", "Must be a list."),
        ("key_pairs", {}, "Must be a list."),
    ],
)
def test_a_value_of_another_type_is_refused_and_not_converted(
    alice: User, field: str, value: object, message: str | None
) -> None:
    answer = factories.api_client(alice).post("/api/v1/vms", {field: value}, format="json")
    said = _errors(answer)[field]
    assert message is None or said == message


def test_a_dry_run_names_unknown_fields_too(alice: User) -> None:
    answer = factories.api_client(alice).post("/api/v1/projects?dry_run=1", {"nam": "new"}, format="json")
    errors = {e["field"]: e["message"] for e in answer.data["refusals"][0]["errors"]}
    assert errors["nam"] == "Unknown field. Did you mean “name”?"
    assert answer.data["possible"] is False


def test_options_answers_with_the_methods_there_are(alice: User) -> None:
    client = factories.api_client(alice)
    answer = client.options("/api/v1/vpcs")
    assert (answer.status_code, answer.content) == (204, b"")
    assert {each.strip() for each in answer["Allow"].split(",")} == {"GET", "HEAD", "POST", "OPTIONS"}
    key = "00000000-0000-4000-8000-000000000000"
    one = client.options(f"/api/v1/vpcs/{key}")
    assert {each.strip() for each in one["Allow"].split(",")} == {"GET", "HEAD", "PATCH", "DELETE", "OPTIONS"}
    assert factories.api_client().options("/api/v1/vpcs").status_code == 401


def test_head_answers_as_get_without_a_body(alice: User) -> None:
    client = factories.api_client(alice)
    for path in ("/api/v1/vpcs", "/api/v1/me", "/api/v1/quotas"):
        head, get = client.head(path), client.get(path)
        assert (head.status_code, head.content, head["Content-Type"]) == (200, b"", get["Content-Type"])


@pytest.mark.parametrize("accept", ["application/problem+json", "application/problem+json, text/html;q=0.5"])
def test_who_accepts_only_problems_gets_json_and_problems(alice: User, accept: str) -> None:
    client = factories.api_client(alice)
    assert client.get("/api/v1/vpcs", headers={"accept": accept})["Content-Type"] == "application/json"
    refused = client.post("/api/v1/vpcs", {}, format="json", headers={"accept": accept})
    assert (refused.status_code, refused["Content-Type"]) == (400, "application/problem+json")
    assert client.get("/api/v1/vpcs", headers={"accept": "text/html"}).status_code == 406
