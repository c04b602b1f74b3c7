"""Requests as no well-behaved client would send them, through the whole ASGI application."""

from __future__ import annotations

import asyncio
from typing import Any

from asgiref.sync import async_to_sync

from scloud_console.asgi import application

Answer = tuple[int, dict[str, str], bytes]


def send(
    method: str,
    path: str,
    *,
    headers: dict[str, str | bytes] | None = None,
    body: bytes = b"",
    query: bytes = b"",
    raw_path: bytes | None = None,
) -> Answer:
    """Return status, headers and body of the answer. Headers may hold any bytes a server lets through."""
    given = {"host": "localhost", "content-length": str(len(body)), **(headers or {})}
    scope: dict[str, Any] = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": raw_path or path.encode("utf-8", "surrogateescape"),
        "query_string": query,
        "headers": [(name.encode(), _bytes(value)) for name, value in given.items()],
        "client": ("192.0.2.7", 40000),
        "server": ("127.0.0.1", 80),
    }

    waiting: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]
    said: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return waiting.pop() if waiting else await asyncio.Future()  # a client that waits for its answer

    async def answer(message: dict[str, Any]) -> None:
        said.append(message)

    # Not through asgiref's own communicator: in a context of its own it would have another database connection.
    async_to_sync(application)(scope, receive, answer)
    start, *parts = said
    received = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in start["headers"]}
    return start["status"], received, b"".join(part.get("body", b"") for part in parts)


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1", "replace")
