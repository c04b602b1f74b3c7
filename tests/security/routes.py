"""Everything that can be reached: every URL with its methods, and every WebSocket, read from the product."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from scloud_console.routing import websocket_urlpatterns

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Route:
    """name: with namespace, as for `reverse`. segment: first part of the path inside its area, such as "vms".

    callback: the view as the URL has it.
    """

    name: str
    path: str
    methods: frozenset[str]
    area: str
    callback: Any

    @property
    def segment(self) -> str:
        """Tell which kind of object the key in the path names."""
        inside = self.path.removeprefix("admin/").removeprefix("api/v1/")
        parts = inside.split("/")
        # What belongs to the account itself stands one step further in: "account/sessions".
        return "/".join(parts[:2]) if parts[0] in {"account", "login"} else parts[0]

    @property
    def takes_key(self) -> bool:
        """Whether an object stands in the path."""
        return "<" in self.path


def all_routes() -> list[Route]:
    """Return every named URL. The catch-all that answers 404 below /api/ has no name and serves nothing."""
    return list(_walk(get_resolver(), "", ""))


def _walk(resolver: URLResolver, before: str, area: str) -> Iterator[Route]:
    for pattern in resolver.url_patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern, path, pattern.namespace or area)
        elif pattern.name or "^" not in path:
            yield Route(f"{area}:{pattern.name}", path, _methods(pattern), area, pattern.callback)


def _methods(pattern: URLPattern) -> frozenset[str]:
    view: Any = pattern.callback
    if hasattr(view, "actions"):
        return frozenset(method.upper() for method in view.actions)
    handler = getattr(view, "view_class", None) or getattr(view, "cls", None)
    if handler is None:
        return frozenset({"GET"})
    allowed = {name.upper() for name in handler.http_method_names}
    return frozenset(m for m in METHODS if m in allowed and hasattr(handler, m.lower()))


def all_websockets() -> list[str]:
    """Return the paths of the WebSocket routes."""
    return [str(pattern.pattern) for pattern in websocket_urlpatterns]
