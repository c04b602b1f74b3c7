"""Where the product does what a case of a campaign is about: beginnings of file names, for tests/sampling.py."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest

from apps.lifecycle.handlers import handler_of
from tests.sampling import ENGINE
from tests.security.routes import Route, all_routes

#: What every request passes through.
WHAT_ANSWERS = (*ENGINE, "apps/api/", "apps/portal/", "apps/tenancy/")


def _params(item: pytest.Item) -> dict[str, Any]:
    """Return what the case is parametrized with."""
    return item.callspec.params  # type: ignore[attr-defined, no-any-return]


def of_route(item: pytest.Item) -> tuple[str, ...]:
    """Return the app of the view that the case's route leads to; none where no parameter names a route.

    A route is a parameter `name`, `row` ("<name> <method>") or `path` (as in the OpenAPI document).
    """
    params = _params(item)
    named = str(params.get("path") or params.get("row") or params.get("name")).partition(" ")[0]
    route = _routes().get(named)
    return (_of_view(route.callback),) if route else ()


def of_list(item: pytest.Item) -> tuple[str, ...]:
    """Return the app of the case's list, its parameter `page`."""
    return (_app(_params(item)["page"]),)


def of_verb(item: pytest.Item) -> tuple[str, ...]:
    """Return the app that carries out the case's verb, its parameter `verb`."""
    return (_app(handler_of(_params(item)["verb"])),)


def _of_view(callback: Any) -> str:
    """Return the app that a view, as a URL has it, is in."""
    return _app(getattr(callback, "view_class", None) or getattr(callback, "cls", callback))


def _app(thing: Any) -> str:
    return "/".join(thing.__module__.split(".")[:2]) + "/"


@cache
def _routes() -> dict[str, Route]:
    """Return every route by its name, and by its path as the OpenAPI document has it."""
    routes = all_routes()
    by_path = {"/" + re.sub(r"<\w+:(\w+)>", r"{\1}", route.path): route for route in routes}
    return by_path | {route.name: route for route in routes}
