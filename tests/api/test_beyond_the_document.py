"""The list of what the document cannot say: short, true, and explained to callers."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from tests import openapi
from tests.api_fuzz.beyond import BEYOND, Beyond

pytestmark = pytest.mark.requirement("IN-1")

DOCUMENT = openapi.committed()
PAGE = Path(__file__).resolve().parents[2] / "docs" / "concepts" / "api.md"


def _names(part: Any, seen: frozenset[str] = frozenset()) -> set[str]:
    """Return the names of all fields of a schema, at every level."""
    if isinstance(part, list):
        return set().union(*(_names(each, seen) for each in part)) if part else set()
    if not isinstance(part, dict):
        return set()
    reference = part.get("$ref", "")
    if reference in seen:
        return set()
    name = reference.rpartition("/")[2]
    found = _names(DOCUMENT["components"]["schemas"][name], seen | {reference}) if name else set()
    found |= part.get("properties", {}).keys()
    return found.union(*(_names(each, seen) for key, each in part.items() if key != "$ref"))


def _taken() -> dict[str, set[str]]:
    found = {}
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            parameters = {each["name"] for each in operation.get("parameters", [])}
            body = _names(operation.get("requestBody", {}))
            found[f"{method.upper()} {path.removeprefix('/api/v1')}"] = parameters | body
    return found


TAKEN = _taken()


@pytest.mark.parametrize("beyond", BEYOND, ids=lambda each: each.reason)
def test_operations_that_are_listed_take_the_fields(beyond: Beyond) -> None:
    for pattern, fields in beyond.fields.items():
        taken = [names for operation, names in TAKEN.items() if fnmatchcase(operation, pattern)]
        assert set(fields.split()) - set().union(*taken) == set(), pattern


def test_the_reasons_are_those_of_the_documentation() -> None:
    section = PAGE.read_text().partition("## What a schema cannot say")[2].partition("\n## ")[0]
    rows = [line.split("|")[1].strip() for line in section.splitlines() if line.startswith("| ")][1:]
    assert [row for row in rows if not row.startswith("---")] == [beyond.reason for beyond in BEYOND]
