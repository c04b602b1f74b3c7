"""SE-8, IN-1: every text, number and list that a request can hold has a bound, which the document shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django import forms
from django.contrib.auth.forms import UsernameField
from django.urls import get_resolver

from apps.accounts.models import User
from apps.api import limits
from apps.api.errors import field_errors
from tests import factories, openapi

pytestmark = pytest.mark.requirement("SE-8", "IN-1")

DOCUMENT = openapi.committed()
#: Formats of a known length.
FORMATS = {"uuid", "date-time", "date"}
#: A pattern is a bound when nothing in it may come any number of times.
ENDLESS = re.compile(r"[*+]|\{\d*,\}")
JSON = "application/json"


def _unbounded(schema: dict[str, Any], where: str, seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield what in a schema can be as large as one likes."""
    if reference := schema.get("$ref"):
        if reference not in seen:
            name = reference.rpartition("/")[2]
            yield from _unbounded(DOCUMENT["components"]["schemas"][name], where, seen | {reference})
        return
    parts = [part for word in ("oneOf", "anyOf", "allOf") for part in schema.get(word, ())]
    for part in parts:
        yield from _unbounded(part, where, seen)
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if not types and not parts and not {"enum", "const"} & schema.keys():
        yield f"{where}: anything"
    yield from _unbounded_inside(schema, types, where, seen)
    if "string" in types and not _is_bounded_text(schema):
        yield f"{where}: a text"
    if {"integer", "number"} & {*types} and not {"minimum", "maximum"} <= schema.keys():
        yield f"{where}: a number"


def _unbounded_inside(
    schema: dict[str, Any], types: list[str], where: str, seen: frozenset[str]
) -> Iterator[str]:
    if "array" in types:
        yield from [] if "maxItems" in schema else [f"{where}: a list"]
        yield from _unbounded(schema.get("items", {}), f"{where}[]", seen)
    if "object" in types:
        for name, inner in schema.get("properties", {}).items():
            yield from _unbounded(inner, f"{where}.{name}", seen)
        if more := schema.get("additionalProperties"):
            yield from [] if "maxProperties" in schema else [f"{where}: names"]
            yield from _unbounded(more, f"{where}.*", seen)


def _is_bounded_text(schema: dict[str, Any]) -> bool:
    pattern = schema.get("pattern")
    return (
        bool({"enum", "maxLength"} & schema.keys())
        or schema.get("format") in FORMATS
        or (pattern is not None and pattern.endswith("$") and not ENDLESS.search(pattern))
    )


def test_no_request_of_the_document_holds_anything_unbounded() -> None:
    found = []
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            where = f"{method.upper()} {path}"
            for content in operation.get("requestBody", {}).get("content", {}).values():
                found += _unbounded(content["schema"], where)
            for parameter in operation.get("parameters", []):
                found += _unbounded(parameter["schema"], f"{where} {parameter['in']} {parameter['name']}")
    assert found == []


def _forms(of: type[forms.BaseForm]) -> Iterator[type[forms.BaseForm]]:
    for form in of.__subclasses__():
        yield form
        yield from _forms(form)


def _is_unbounded(field: forms.Field) -> bool:
    if isinstance(field, forms.IntegerField | forms.FloatField | forms.DecimalField):
        return field.min_value is None or field.max_value is None
    if isinstance(field, forms.CharField) and not isinstance(field, forms.UUIDField | UsernameField):
        return field.max_length is None
    closed = (
        forms.ChoiceField,
        forms.ModelChoiceField,
        forms.BooleanField,
        forms.DateTimeField,
        forms.CharField,
    )
    return not isinstance(field, closed)


def test_no_form_has_a_field_without_a_bound() -> None:
    """Login names are bounded by the column, when Django's form is made."""
    assert get_resolver().url_patterns, "which imports all pages"
    found = {
        f"{form.__module__}.{form.__name__}.{name}"
        for form in _forms(forms.BaseForm)
        if form.__module__.startswith("apps.")
        for name, field in form.base_fields.items()
        if _is_unbounded(field)
    }
    assert found == set()


@pytest.mark.parametrize(
    ("code", "body"),
    [
        ("too_complex", json.dumps([0] * (limits.ITEMS + 1))),
        ("too_complex", json.dumps({f"k{n}": 0 for n in range(limits.MEMBERS + 1)})),
        ("too_complex", "[" * (limits.DEPTH + 2) + "]" * (limits.DEPTH + 2)),
        ("too_complex", "[" * 100_000),
        ("too_complex", json.dumps([[0] * 400] * 13)),
        ("parse_error", '{"name": "a", "name": "b"}'),
        ("too_large", '"' + "x" * limits.BODY_BYTES + '"'),
    ],
)
def test_a_body_beyond_a_limit_is_refused_by_name(alice: User, code: str, body: str) -> None:
    answer = factories.api_client(alice).post("/api/v1/vpcs", body, content_type=JSON)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (413 if code == "too_large" else 400, code)
    assert problem["title"] and problem["hint"] and len(answer.content) < 1_000


def test_a_body_at_the_limits_is_looked_at(alice: User) -> None:
    body = {f"k{n}": [0] * 20 for n in range(limits.MEMBERS)}
    answer = factories.api_client(alice).post("/api/v1/vpcs", body, format="json")
    assert answer.json()["code"] == "invalid", answer.content


def test_an_answer_names_so_many_errors_and_counts_the_rest() -> None:
    errors = field_errors({f"f{n}": ["x" * 10_000] for n in range(120)})
    assert len(errors) == limits.ERRORS + 1 and "70" in errors[-1]["message"]
    assert max(len(error["message"]) for error in errors) <= 500


def test_permission_comes_before_what_is_in_the_body(vera: User, alice: User) -> None:
    """A viewer is told that the role does not allow it, whatever was sent."""
    wrong = {"rules": [{}] * 300, "name": 7}
    for path in ("/api/v1/vpcs", "/api/v1/security-groups", "/api/v1/vms", "/api/v1/members"):
        # In person: no key reaches members.
        answer = factories.session_client(vera).post(path, wrong, format="json")
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), path
        assert factories.session_client(alice).post(path, wrong, format="json").status_code == 400, path


def test_lists_take_filters_up_to_a_length_and_number(alice: User) -> None:
    client = factories.api_client(alice)
    many = ",".join(["ready"] * 201)
    for query in (f"name={'x' * 256}", f"q={'x' * 256}", f"state={many}", f"cursor={'x' * 1_001}"):
        assert client.get(f"/api/v1/vpcs?{query}").status_code == 400, query[:20]
    assert client.get(f"/api/v1/vpcs?name={'x' * 255}&q={'x' * 255}").status_code == 200


def test_the_document_is_rendered_once(db: None, client: Any) -> None:
    first = client.get("/api/v1/schema")
    assert first.status_code == 200 and first["Cache-Control"].startswith("public")
    again = client.get("/api/v1/schema", headers={"if-none-match": first["ETag"]})
    assert again.status_code == 304 and not again.content
    in_chinese = client.get("/api/v1/schema", headers={"accept-language": "zh-hans"})
    assert in_chinese.content == first.content
    assert openapi.parsed(first.content) == DOCUMENT
