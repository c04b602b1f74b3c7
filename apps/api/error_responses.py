"""Refusals in the OpenAPI document: which ones an operation may answer with follows from what it takes."""

from __future__ import annotations

from typing import Any

from apps.api import limits
from apps.api.negotiation import CONTENT_TYPE
from apps.api.query_fields import LONGEST, WITHOUT_NUL

PROBLEM_REF = "#/components/schemas/ProblemOut"
#: Where a refusal stands, before its status.
REFUSALS = "#/components/responses/Refused"
MEANING = {
    "400": "Malformed request. See `errors`.",
    "401": "No valid API key or session.",
    "403": "The caller has no permission for this.",
    "404": "Not found, or not visible to the caller.",
    "406": "Only JSON responses are available.",
    "409": "Not possible in the current state, or other resources depend on it.",
    "412": "It is not any more as `If-Match` says; `ETag` is that of now.",
    "413": "The request body is too large.",
    "415": "The Content-Type is not JSON.",
    "422": "Validation failed. See `errors`.",
    "429": "Too many requests of this key, or failed attempts; `Retry-After` says when to try again.",
    "503": "The platform is temporarily unavailable. Retry after `Retry-After`.",
}


def document_refusals(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Give every operation the refusals it may answer with; a postprocessing hook of drf-spectacular."""
    shared = result.setdefault("components", {}).setdefault("responses", {})
    shared |= {f"{REFUSALS.rpartition('/')[2]}{status}": _refusal(status) for status in MEANING}
    for methods in result["paths"].values():
        for operation in methods.values():
            operation["responses"] = _completed(operation)
            for parameter in operation.get("parameters", []):
                parameter["schema"] |= _bounds(parameter["schema"])
    return result


def _bounds(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the bounds of parameters that are made from paths and from filters with none of their own."""
    if schema.get("type") == "integer":
        return {"minimum": 0, "maximum": limits.BIG_INTEGER} if "maximum" not in schema else {}
    bounded = {"enum", "maxLength", "format", "pattern"} & schema.keys()
    return (
        {"maxLength": LONGEST, "pattern": WITHOUT_NUL}
        if schema.get("type") == "string" and not bounded
        else {}
    )


def _completed(operation: dict[str, Any]) -> dict[str, Any]:
    answers = operation["responses"]
    refused = {status for status, answer in answers.items() if _is_problem(answer)}
    refused |= {"400", "406", "503"}
    if operation.get("security"):
        refused |= {"401", "403", "429"}
    if "requestBody" in operation:
        refused |= {"413", "415"}
    said = {status: {"$ref": f"{REFUSALS}{status}"} for status in sorted(refused)}
    return {status: answer for status, answer in answers.items() if status not in refused} | said


def _is_problem(answer: dict[str, Any]) -> bool:
    return any(c.get("schema", {}).get("$ref") == PROBLEM_REF for c in answer.get("content", {}).values())


def _refusal(status: str) -> dict[str, Any]:
    return {"description": MEANING[status], "content": {CONTENT_TYPE: {"schema": {"$ref": PROBLEM_REF}}}}
