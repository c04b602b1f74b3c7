"""IN-1: numbers over what a column or rule holds are refused at their field, in a dry run as in the real thing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from django import forms
from django.db import transaction
from django.urls import reverse

from apps.portal.forms import BaseForm
from tests import openapi
from tests.security.bodies import API_BODIES, FORMS
from tests.security.conftest import world
from tests.security.routes import Route, all_routes
from tests.security.world import World

__all__ = ["world"]

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("IN-1", "SE-5")]

DOCUMENT = openapi.committed()
ROUTES = {route.name: route for route in all_routes()}
#: Over what columns of PostgreSQL hold, what its client takes, and far over both.
HUGE = (2**31, 2**63, 2**64, -(2**31) - 1, -(2**63) - 1, 10**40)
Path = tuple[str, ...]
Bounds = tuple[float, float]


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    return DOCUMENT["components"]["schemas"][name] if name else schema


def _numbers(schema: dict[str, Any], sample: Any, path: Path = ()) -> Iterator[tuple[Path, Bounds]]:
    """Yield where a body holds numbers, with their bounds in the document; names of maps are those of the sample."""
    schema = _resolved(schema)
    types = schema.get("type", [])
    if {"integer", "number"} & {*([types] if isinstance(types, str) else types)}:
        yield path, (schema["minimum"], schema["maximum"])
    for name, inner in schema.get("properties", {}).items():
        yield from _numbers(inner, sample.get(name) if isinstance(sample, dict) else None, (*path, name))
    if isinstance(sample, list) and sample:
        yield from _numbers(schema.get("items", {}), sample[0], (*path, "0"))
    if isinstance(sample, dict) and isinstance(schema.get("additionalProperties"), dict):
        for name in sample:
            yield from _numbers(schema["additionalProperties"], sample[name], (*path, name))


def _operation(route: Route, method: str) -> dict[str, Any]:
    path = "/" + route.path
    for converter in ("uuid", "id", "int", "slug"):
        path = path.replace(f"<{converter}:key>", "{key}")
    found: dict[str, Any] = DOCUMENT["paths"][path][method.lower()]
    return found


def _schema(operation: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    schema: dict[str, Any] = content.get("application/json", {}).get("schema", {})
    return schema


def _with(body: Any, path: Path, value: int) -> Any:
    body = deepcopy(body)
    place = body
    for step in path[:-1]:
        place = place[int(step)] if isinstance(place, list) else place[step]
    place[path[-1]] = value
    return body


class Asker:
    """Sends a body as who may; what it changes is undone."""

    def __init__(self, world: World, row: str) -> None:
        self.name, self.method = row.split(" ")
        self.route, self.world = ROUTES[self.name], world
        key = {"key": world.keys[self.route.segment]} if self.route.takes_key else None
        self.url = reverse(self.name, kwargs=key)

    def ask(self, body: Any, *, dry: bool = False) -> tuple[int, dict[str, Any]]:
        """Return status and answer of the first of owner and administrator who may."""
        for role in ("alice", "ada"):
            program = self.world.program(role)
            program.raise_request_exception = False
            with transaction.atomic():
                answer = program.generic(
                    self.method,
                    self.url + ("?dry_run=1" if dry else ""),
                    json.dumps(body),
                    content_type="application/json",
                )
                transaction.set_rollback(True)
            found = answer.json()
            if answer.status_code != 403 and found.get("permission", {}).get("allowed", True):
                break
        return answer.status_code, found


def _judge(asker: Asker, body: Any, path: Path, value: int, bounds: Bounds) -> Iterator[str]:
    where = f"{asker.method} {asker.url} {'.'.join(path)}={value}"
    sent = _with(body, path, value)
    status, answer = asker.ask(sent)
    named = any(path[-1] in error["field"] for error in answer.get("errors", ()))
    if status >= 500:
        yield f"{where}: {status}"
    elif not bounds[0] <= value <= bounds[1] and (status not in {400, 422} or not named):
        yield f"{where}: {status} {answer}"
    if asker.method == "POST" and not asker.route.takes_key and not asker.name.endswith("-bulk"):
        tried, forecast = asker.ask(sent, dry=True)
        if (tried, forecast.get("possible")) != (200, status < 400):
            yield f"{where}: {status}, but tried first {tried} {forecast}"


# What is sent by tus is no JSON: tests/uploads/test_tus.py.
@pytest.mark.parametrize("row", sorted(row for row in API_BODIES if not row.startswith("api:tus")))
def test_a_number_out_of_its_bounds_is_refused_at_its_field_and_in_a_dry_run(row: str, world: World) -> None:
    asker = Asker(world, row)
    wrong: list[str] = []
    body = API_BODIES[row](world)
    for path, bounds in _numbers(_schema(_operation(asker.route, asker.method)), body):
        least, most = int(bounds[0]), int(bounds[1])
        for value in {least - 1, least, most, most + 1, *HUGE}:
            wrong += _judge(asker, body, path, value, bounds)
    assert wrong == []


def _queries() -> Iterator[tuple[str, str, str, Bounds]]:
    for path, methods in DOCUMENT["paths"].items():
        for parameter in methods.get("get", {}).get("parameters", ()):
            schema = parameter["schema"]
            schema = schema.get("items", schema)
            if parameter["in"] == "query" and schema.get("type") in {"integer", "number"}:
                bounds = schema["minimum"], schema["maximum"]
                yield path, parameter["name"], schema["type"], bounds


def test_a_number_in_a_query_is_refused_out_of_its_bounds_and_harmless_within(world: World) -> None:
    wrong: list[tuple[str, str, float, int]] = []
    seen = 0
    for path, name, _kind, (least, most) in _queries():
        url = path.replace("{key}", str(world.keys.get(path.split("/")[3], "")))
        program = world.program("ada" if "host" in path or "finding" in path else "alice")
        program.raise_request_exception = False
        for value in (least, most, least - 1, most + 1, 10**40) if seen % 4 == 0 else (most, 10**40):
            status = program.get(url, {name: str(int(value))}).status_code
            fits = least <= value <= most
            # What also needs both ends of a connection is refused as incomplete, whatever the number.
            incomplete = {422} if path.endswith("/reachability") else set()
            wrong += (
                []
                if status in ({200, 403, 404} if fits else {400, 403, 404}) | incomplete
                else [(url, name, value, status)]
            )
        seen += 1
    assert seen > 20 and wrong == []


def test_an_id_in_a_path_that_no_column_holds_is_not_found(world: World) -> None:
    found = [route for route in ROUTES.values() if "<int:key>" in route.path and "GET" in route.methods]
    assert found
    for route in found:
        for value in (0, 2**31, 2**63, 2**64, 10**40):
            url = reverse(route.name, kwargs={"key": 1}).replace("/1", f"/{value}")
            asker = world.program("ada") if route.area == "api" else world.browser("ada")
            asker.raise_request_exception = False
            # One page has moved to the reader's own area.
            assert asker.get(url, follow=True).status_code == 404, url


def _integer_names() -> set[str]:
    def all_forms(of: type[BaseForm]) -> Iterator[type[BaseForm]]:
        for form in of.__subclasses__():
            yield form
            yield from all_forms(form)

    return {
        name
        for form in all_forms(BaseForm)
        for name, field in form.base_fields.items()
        if isinstance(field, forms.IntegerField | forms.DecimalField)
    }


def _integers_of(row: str, world: World) -> list[str]:
    """Return the numbers of a form, by what its page or, where fields are made for the occasion, its body has."""
    if row in {"quota.set", "settings"}:
        return [name for name, value in FORMS[row](world).items() if type(value) is int]
    view = getattr(ROUTES.get(f"portal:{row}", ROUTES.get(f"admin:{row}")), "callback", None)
    form = getattr(getattr(view, "view_class", None), "form", None)
    return sorted(_integer_names() & {*getattr(form, "base_fields", ()), *FORMS[row](world)})


def test_a_number_out_of_its_bounds_is_refused_in_a_form(world: World) -> None:
    tried = set()
    for row, body in FORMS.items():
        names = _integers_of(row, world)
        area, role = ("portal", "alice") if f"portal:{row}" in ROUTES else ("admin", "ada")
        if not names:
            continue
        route, browser = ROUTES[f"{area}:{row}"], world.browser(role)
        browser.raise_request_exception = False
        url = reverse(route.name, kwargs={"key": world.keys[route.segment]} if route.takes_key else None)
        for value in (-1, 2**31, 2**63, 2**64, 10**40):
            with transaction.atomic():
                answer = browser.post(url, {**body(world), **dict.fromkeys(names, str(value))})
                transaction.set_rollback(True)
            assert answer.status_code == 422, (url, value, answer.status_code)
            assert {*names} <= answer.context["form"].errors.keys(), (url, value)
        tried.add(row)
    assert {"vm.create", "image.create", "storage_cluster.change", "settings", "quota.set"} <= tried
