"""Which of the product's files a made-up request is answered by: those of the app whose view it meets."""

from __future__ import annotations

import re
from functools import cache

import pytest

from tests.sampling import ENGINE
from tests.security.routes import Route, all_routes

#: What every request passes through.
KITS = (*ENGINE, "apps/api/", "apps/portal/", "apps/tenancy/", "apps/accounts/")
NAME = "made-up requests"


def paths_of(item: pytest.Item) -> tuple[str, ...]:
    """Return where the view of the item's route stands, and how made-up requests are made."""
    params = item.callspec.params  # type: ignore[attr-defined]
    named = str(params.get("path") or params.get("row") or params.get("name")).partition(" ")[0]
    route = _routes().get(named)
    return ("tests/api_fuzz/", *([_app(route)] if route else []))


@cache
def _routes() -> dict[str, Route]:
    """Return every route by its name, and by its path as the OpenAPI document has it."""
    routes = all_routes()
    by_path = {"/" + re.sub(r"<\w+:(\w+)>", r"{\1}", route.path): route for route in routes}
    return by_path | {route.name: route for route in routes}


def _app(route: Route) -> str:
    view = getattr(route.callback, "view_class", None) or getattr(route.callback, "cls", route.callback)
    return "/".join(view.__module__.split(".")[:2]) + "/"
