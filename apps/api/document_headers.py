"""The headers of answers in the OpenAPI document: which there are follows from what the operation takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from apps.api.preconditions import IF_MATCH, IF_NONE_MATCH

HEADERS = "#/components/headers/"
RATE = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
#: Headers of a refusal, which all operations with this status share.
_OF_REFUSALS = {
    "401": ("WWW-Authenticate",),
    "412": ("ETag", *RATE),
    "429": ("Retry-After", *RATE),
    "503": ("Retry-After", *RATE),
}


def document_headers(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Name the headers that answers have; a postprocessing hook of drf-spectacular."""
    result["components"]["headers"] = {_key(name): described for name, described in _HEADERS.items()}
    for name, answer in result["components"]["responses"].items():
        _add(answer, ["X-Request-ID", *_OF_REFUSALS.get(name[-3:], RATE)])
    for operation in _operations(result):
        for status, answer in operation["responses"].items():
            if "$ref" not in answer:
                _add(answer, _names(operation, status, answer))
    return result


def _names(operation: dict[str, Any], status: str, answer: dict[str, Any]) -> list[str]:
    taken = {each["name"] for each in operation.get("parameters", [])}
    names = ["X-Request-ID"]
    names += RATE if operation.get("security") else ()
    names += ["Location"] if status in {"201", "202"} and not _has_lists_only(answer) else []
    conditional = bool({IF_MATCH, IF_NONE_MATCH} & taken)
    has_etag = status in {"201", "304"} or (status == "200" and conditional)
    names += ["ETag"] if has_etag else []
    names += ["Idempotency-Replayed"] if "Idempotency-Key" in taken and status.startswith("2") else []
    return names


def _has_lists_only(answer: dict[str, Any]) -> bool:
    """Whether several operations are answered with, whatever their number."""
    return any("DefaultNetwork" in each["schema"].get("$ref", "") for each in answer["content"].values())


def _add(answer: dict[str, Any], names: list[str]) -> None:
    answer["headers"] = answer.get("headers", {}) | {name: {"$ref": HEADERS + _key(name)} for name in names}


def _operations(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in result["paths"].values():
        yield from methods.values()


def _key(name: str) -> str:
    return name.replace("-", "")


def _text(description: str, **schema: Any) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"} | schema}


def _number(description: str) -> dict[str, Any]:
    return _text(description, type="integer", minimum=0)


_HEADERS = {
    "X-Request-ID": _text("ID of the request, also in the operation log and in errors."),
    "Retry-After": _number("Seconds to wait before the next attempt."),
    "WWW-Authenticate": _text("How to authenticate."),
    "Location": _text(
        "201: the new resource. 202: the operation or ticket to follow; absent when several operations were started.",
        format="uri-reference",
    ),
    "ETag": _text("Tag of the representation as this caller gets it, for `If-Match` and `If-None-Match`."),
    "RateLimit-Limit": _number("Requests a minute of the API key. Absent in sessions."),
    "RateLimit-Remaining": _number("Requests left now. Absent in sessions."),
    "RateLimit-Reset": _number("Seconds until all requests are available again. Absent in sessions."),
    "Idempotency-Replayed": _text("Set when this is the kept answer to an earlier request.", enum=["true"]),
}
