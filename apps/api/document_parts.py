"""What drf-spectacular leaves out of the OpenAPI document, or writes as OpenAPI 3.0 did.

Postprocessing hooks: each takes the whole document and returns it.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from apps.api.vocabulary import MARK, VOCABULARIES

SCHEMAS = "#/components/schemas/"


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
