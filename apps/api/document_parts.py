"""What drf-spectacular leaves out of the OpenAPI document, or writes as OpenAPI 3.0 did.

Postprocessing hooks: each takes the whole document and returns it.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from apps.api.vocabulary import MARK, VOCABULARIES

SCHEMAS = "#/components/schemas/"
HEADERS = "#/components/headers/"


def modernise(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Write schemas as JSON Schema 2020-12 does: no `nullable`, and no default that its own format refuses."""
    result = deepcopy(result)  # fields share their schemas with the next rendering
    for schema in list(_dicts(result)):
        if schema.get("nullable") is True:
            del schema["nullable"]
            schema["type"] = [schema["type"], "null"]
        if schema.get("default") == "" and "format" in schema:
            text = {name: schema.pop(name) for name in ("type", "format", "maxLength") if name in schema}
            schema["anyOf"] = [text, {"type": "string", "maxLength": 0}]
    return result


def refer_to_vocabularies(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Give each set of words one component, and refer to it wherever a field's word is from it."""
    schemas = result["components"]["schemas"]
    used = set()
    for schema in list(_dicts(result)):
        name = schema.pop(MARK, None)
        if isinstance(name, list):
            schema["enum"] = name
        elif name is not None:
            used.add(name)
            del schema["type"]
            schema["$ref" if not schema else "allOf"] = (
                SCHEMAS + name if not schema else [{"$ref": SCHEMAS + name}]
            )
    schemas |= {name: {"type": "string", "enum": VOCABULARIES[name]()} for name in sorted(used)}
    result["components"]["schemas"] = dict(sorted(schemas.items()))
    return result


def close_requests(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Say of every object of a request that it takes no other names: they are refused."""
    schemas = result["components"]["schemas"]
    for name in sorted(_of_requests(result)):
        if schemas[name].get("type") == "object":
            schemas[name].setdefault("additionalProperties", False)
    return result


def document_headers(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Name the headers that answers have."""
    result["components"]["headers"] = {
        name.replace("-", ""): described for name, described in _HEADERS.items()
    }
    for status, answer in _answers(result):
        names = ["X-Request-ID"]
        names += ["Retry-After"] if status in {"429", "503"} else []
        names += ["WWW-Authenticate"] if status == "401" else []
        answer["headers"] = answer.get("headers", {}) | {
            name: {"$ref": HEADERS + name.replace("-", "")} for name in names
        }
    for methods in result["paths"].values():
        for operation in methods.values():
            _of_changes(operation)
    return result


def _of_changes(operation: dict[str, Any]) -> None:
    takes_key = any(each["name"] == "Idempotency-Key" for each in operation.get("parameters", []))
    for status, answer in operation["responses"].items():
        names = ["Location"] if status == "202" and not _is_batch(answer) else []
        names += ["Idempotency-Replayed"] if takes_key and status.startswith("2") else []
        if names:
            answer["headers"] |= {name: {"$ref": HEADERS + name.replace("-", "")} for name in names}


def _is_batch(answer: dict[str, Any]) -> bool:
    return any("Batch" in each["schema"].get("$ref", "") for each in answer["content"].values())


def _answers(result: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, answer in result["components"]["responses"].items():
        yield name[-3:], answer
    for methods in result["paths"].values():
        for operation in methods.values():
            yield from (
                (status, answer) for status, answer in operation["responses"].items() if "$ref" not in answer
            )


def _of_requests(result: dict[str, Any]) -> set[str]:
    """Return the components that bodies of requests are made of."""
    bodies = [op.get("requestBody", {}) for methods in result["paths"].values() for op in methods.values()]
    found: set[str] = set()
    waiting = [name for body in bodies for name in _referred(body)]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _referred(result["components"]["schemas"][name])
    return found


def _referred(part: Any) -> list[str]:
    return [each["$ref"].removeprefix(SCHEMAS) for each in _dicts(part) if "$ref" in each]


def _dicts(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
        part = list(part.values())
    if isinstance(part, list):
        for each in part:
            yield from _dicts(each)


def _text(description: str, **schema: Any) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"} | schema}


_HEADERS = {
    "X-Request-ID": _text("ID of the request, also in the operation log and in errors."),
    "Retry-After": _text("Seconds to wait before the next attempt.", type="integer", minimum=0),
    "WWW-Authenticate": _text("How to authenticate."),
    "Location": _text("Where the operation, or the ticket, can be followed.", format="uri-reference"),
    "Idempotency-Replayed": _text("Set when this is the kept answer to an earlier request.", enum=["true"]),
}
