"""IN-1: the OpenAPI document is valid for a strict reader, and says all there is to know."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from apps.api.vocabulary import VOCABULARIES
from apps.reconciliation import declared
from apps.reconciliation.api import KINDS
from tests import openapi

pytestmark = pytest.mark.requirement("IN-1")

DOCUMENT = openapi.committed()
SCHEMAS = DOCUMENT["components"]["schemas"]
#: Keywords that OpenAPI 3.0 had and 3.1 has not, and what only our own generator knows.
OUTDATED = {"nullable", "example", "x-vocabulary"}


def _dicts(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
    for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from _dicts(each)


def test_the_document_is_valid_openapi_3_1_with_its_defaults() -> None:
    assert [str(error) for error in OpenAPIV31SpecValidator(deepcopy(DOCUMENT)).iter_errors()] == []


def test_no_schema_has_a_keyword_of_older_versions() -> None:
    schemas = [each for each in _dicts(DOCUMENT) if {"type", "$ref", "allOf", "anyOf", "oneOf"} & each.keys()]
    assert [each for each in schemas if OUTDATED & each.keys()] == []


def test_every_reference_leads_somewhere_and_every_part_is_referred_to() -> None:
    referred = {each["$ref"] for each in _dicts(DOCUMENT) if isinstance(each.get("$ref"), str)}
    parts = {
        f"#/components/{section}/{name}"
        for section in ("schemas", "responses", "headers")
        for name in DOCUMENT["components"][section]
    }
    assert referred == parts


@pytest.mark.parametrize(
    ("schema", "field", "vocabulary"),
    [
        ("OperationOut", "verb", "VerbName"),
        ("TargetOut", "kind", "KindName"),
        ("VmOut", "kind", "KindName"),
        ("AllowedActionOut", "action", "ActionName"),
    ],
)
def test_verbs_kinds_and_actions_are_enums(schema: str, field: str, vocabulary: str) -> None:
    described = SCHEMAS[schema]["properties"][field]
    (reference,) = {each["$ref"] for each in _dicts(described) if "$ref" in each}
    assert reference.endswith(f"/{vocabulary}")
    assert SCHEMAS[vocabulary]["enum"] == VOCABULARIES[vocabulary]()


def test_findings_are_about_kinds_of_the_document() -> None:
    assert set(declared.kinds()) <= set(KINDS)


def test_objects_of_requests_are_closed() -> None:
    bodies = [
        op["requestBody"]
        for methods in DOCUMENT["paths"].values()
        for op in methods.values()
        if "requestBody" in op
    ]
    names = {each["$ref"].rpartition("/")[2] for each in _dicts(bodies) if "$ref" in each}
    assert [name for name in names if SCHEMAS[name].get("additionalProperties") is not False] == []


RATE = {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"}


def _operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def _headers(answer: dict[str, Any]) -> set[str]:
    named = answer.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = (DOCUMENT["components"]["responses"][named] if named else answer)["headers"]
    return set(found)


def test_answers_name_their_headers() -> None:
    for name, operation in _operations():
        for status, answer in operation["responses"].items():
            wanted = {"X-Request-ID"}
            wanted |= RATE if operation.get("security") and status != "401" else set()
            wanted |= {"ETag"} if status in {"201", "304", "412"} else set()
            wanted |= {"Retry-After"} if status in {"429", "503"} else set()
            wanted |= {"Location"} if status == "201" else set()
            assert wanted <= _headers(answer), (name, status)
    created = DOCUMENT["paths"]["/api/v1/vpcs"]["post"]["responses"]["202"]
    assert {"Location", "Idempotency-Replayed"} <= _headers(created)


def test_conditions_and_limits_name_their_refusals() -> None:
    for name, operation in _operations():
        taken = {each["name"] for each in operation.get("parameters", [])}
        answers = operation["responses"].keys()
        assert ("If-Match" in taken) == ("412" in answers), name
        assert ("If-None-Match" in taken) == ("304" in answers), name
        assert "If-Match" not in taken or {"200", "202", "204"} & answers, name
        assert not operation.get("security") or "429" in answers, name
        if {"If-Match", "If-None-Match"} & taken and "200" in answers:
            assert "ETag" in _headers(operation["responses"]["200"]), name


@pytest.mark.parametrize(
    ("schema", "field", "words"),
    [
        ("AuditEntryOut", "via", {"anonymous", "api", "portal", "system"}),
        ("MeOut", "theme", {"", "auto", "dark", "light"}),
        ("PatchedProfileBodyRequest", "theme", {"auto", "dark", "light"}),
        ("ApiKeyOut", "status", {"active", "expired"}),
        ("MemberOut", "status", {"active", "inactive"}),
        ("TenantOut", "status", {"disabled", "enabled"}),
        ("RegionOut", "status", {"closed", "open"}),
    ],
)
def test_fields_of_few_words_name_them(schema: str, field: str, words: set[str]) -> None:
    assert set(SCHEMAS[schema]["properties"][field]["enum"]) == words


def test_what_the_search_finds_is_of_a_known_kind() -> None:
    assert SCHEMAS["FoundOut"]["properties"]["kind"] == {"$ref": "#/components/schemas/FoundKind"}
    assert SCHEMAS["FoundKind"]["enum"] == VOCABULARIES["FoundKind"]()
