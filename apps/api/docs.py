"""The API's documentation for people, made from the same schema that programs read."""

from __future__ import annotations

from functools import cache
from itertools import groupby
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

from apps.api.error_codes import REQUEST_CODES
from apps.api.error_responses import MEANING, REFUSALS
from apps.api.operation_error_codes import OPERATION_CODES

METHODS = ("get", "post", "patch", "put", "delete")


@require_safe
@login_required
def documentation(request: HttpRequest) -> HttpResponse:
    """Every endpoint with its parameters, body and answers, on one page."""
    return render(request, "api/docs.html", {"groups": _groups(), "codes": _codes(), "title": "API"})


@cache
def _codes() -> list[dict[str, Any]]:
    of_requests = [
        {"code": c, "status": status, "cause": cause} for c, (status, cause) in REQUEST_CODES.items()
    ]
    of_operations = [
        {"code": c, "cause": cause} for c, cause in OPERATION_CODES.items() if c not in REQUEST_CODES
    ]
    return [*of_requests, *of_operations]


@cache
def _groups() -> list[dict[str, Any]]:
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    components = schema["components"]["schemas"]
    endpoints = [
        _endpoint(path, method, operation, components)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]
    endpoints.sort(key=lambda endpoint: endpoint["tag"])
    return [
        {"name": tag, "endpoints": list(some)} for tag, some in groupby(endpoints, key=lambda e: e["tag"])
    ]


def _endpoint(
    path: str, method: str, operation: dict[str, Any], components: dict[str, Any]
) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return {
        "path": path,
        "method": method.upper(),
        "id": operation["operationId"],
        "tag": operation["tags"][0],
        "summary": operation.get("summary", ""),
        "description": operation.get("description", ""),
        "parameters": [_parameter(p) for p in operation.get("parameters", [])],
        "body": _fields(content.get("schema", {}), components),
        "answers": [
            {"status": status, "name": _name(answer), "fields": _answer_fields(status, answer, components)}
            for status, answer in operation["responses"].items()
        ],
    }


def _parameter(parameter: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": parameter["name"],
        "where": parameter["in"],
        "type": _type(parameter.get("schema", {})),
        "help": parameter.get("description", ""),
    }


def _name(answer: dict[str, Any]) -> str:
    if "$ref" in answer:  # a refusal, the same for all that share it
        return MEANING[answer["$ref"].removeprefix(REFUSALS)]
    return next((_type(c.get("schema", {})) for c in answer.get("content", {}).values()), "")


def _answer_fields(status: str, answer: dict[str, Any], components: dict[str, Any]) -> list[dict[str, Any]]:
    if not status.startswith("2"):
        return []
    return next((_fields(c.get("schema", {}), components) for c in answer.get("content", {}).values()), [])


def _fields(schema: dict[str, Any], components: dict[str, Any]) -> list[dict[str, Any]]:
    schema = _resolved(schema, components)
    required = set(schema.get("required", []))
    return [
        {
            "name": name,
            "type": _type(field),
            "required": name in required,
            "help": field.get("description", ""),
        }
        for name, field in schema.get("properties", {}).items()
    ]


def _resolved(schema: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        found: dict[str, Any] = components[schema["$ref"].rpartition("/")[2]]
        return found
    return schema


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    for combined in ("oneOf", "anyOf", "allOf"):
        if combined in schema:
            return " | ".join(_type(part) for part in schema[combined])
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        kind = " | ".join(kind)
    if kind == "array":
        return f"{_type(schema.get('items', {}))}[]"
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    return f"{kind} ({schema['format']})" if "format" in schema else str(kind)
