"""SE-5: odd values for every parameter that any page or API route reads from its address: told, and never a bug.

The parameters are not listed here: what a route looks up in the query while it answers is one of its parameters, and so
is each of its list's filters.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import transaction
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from tests.api_fuzz.touched import paths_of
from tests.security.routes import Route, all_routes
from tests.security.world import World
from tests.touched import WHAT_ANSWERS

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("SE-5")]

ODD = [
    "zzz",
    "\0",
    "9" * 30,
    "-1",
    "²",
    "{}",
    "1e999",
    "nan",
    "00000000-0000-4000-8000-00000000000g",
    "00000000-0000-4000-8000-000000000000",
    "9999-99-99T99:99",
    "0001-01-01T00:00:00+14:00",
    "é" * 300,
    "a,b,,",
    "../../etc/passwd",
    "//evil.example/",
    "\ud800",
    " ",
]
#: With this set, each parameter is given every odd value; without it one, another on each route.
THOROUGH = bool(os.environ.get("SCLOUD_THOROUGH"))
READ = [route for route in all_routes() if "GET" in route.methods]
NUMBERS = {route.name: number for number, route in enumerate(READ)}
LOOKED_UP = ("get", "getlist", "__getitem__", "__contains__")


@contextmanager
def looked_up(patch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """Collect the names that are looked up in queries; forms are mutable only while they are read."""
    names: set[str] = set()

    def wrapped(name: str) -> Any:
        real = getattr(QueryDict, name)

        def look(self: QueryDict, key: Any, *rest: Any, **more: Any) -> Any:
            if isinstance(key, str):
                names.add(key)
            return real(self, key, *rest, **more)

        return look

    with patch.context() as patched:
        for name in LOOKED_UP:
            patched.setattr(QueryDict, name, wrapped(name))
        yield names


class Asker:
    """Asks one route as who may see most of it."""

    def __init__(self, world: World, route: Route) -> None:
        role = "ada" if route.area == "admin" else "alice"
        self.url = reverse(route.name, kwargs={"key": world.keys[route.segment]} if route.takes_key else None)
        self.browser: Client = world.browser(role)
        self.browser.raise_request_exception = False

    def ask(self, given: dict[str, str], *, part: bool = False) -> int:
        """Return the status; what the request changed is undone."""
        query = QueryDict(mutable=True)
        for name, text in given.items():
            query[name] = text.encode("utf-8", "surrogatepass").decode("latin-1")
        headers = {"HX-Request": "true", "HX-Target": "list"} if part else {}
        with transaction.atomic():
            answer = self.browser.get(self.url, query_params=query, headers=headers)
            if answer.streaming:
                b"".join(answer.streaming_content)  # type: ignore[arg-type]
            transaction.set_rollback(True)
        return answer.status_code


def parameters(asker: Asker, route: Route, patch: pytest.MonkeyPatch) -> list[str]:
    """Return what the route looks up: asked plainly, then with all of that given, as some need others beside."""
    view = getattr(route.callback, "view_class", None) or getattr(route.callback, "cls", None)
    with looked_up(patch) as found:
        asker.ask({})
        found |= {*getattr(getattr(view, "filter", None), "base_filters", ())}
        for part in (False, True):
            before: set[str] = set()
            while before != found:
                before = set(found)
                # Not the format: an unknown one is refused before anything else is read.
                asker.ask(dict.fromkeys(sorted(before - {"format"}), "1"), part=part)
    return sorted(found - {"csrfmiddlewaretoken"})


@pytest.mark.campaign("parameters", paths_of, engine=WHAT_ANSWERS)
@pytest.mark.parametrize("name", NUMBERS)
def test_no_odd_value_of_a_parameter_is_a_bug(
    name: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = NUMBERS[name]
    asker, wrong = Asker(world, READ[number]), []
    for place, parameter in enumerate(parameters(asker, READ[number], monkeypatch)):
        for turn, odd in enumerate(ODD):
            if THOROUGH or turn == (number + place) % len(ODD):
                status = asker.ask({parameter: odd}, part=bool((number + place) % 2))
                wrong += [(parameter, odd, status)] if status >= 500 else []
    assert wrong == [], asker.url


def test_the_parameters_are_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    routes = {route.name: route for route in READ}
    wanted = {
        "portal:vm.list": {"name", "page", "sort", "q", "view", "not", "format", "control"},
        "portal:vm.create": {"like", "name"},
        "portal:search": {"q", "key", "kind"},
        "api:vms": {"name", "cursor", "page_size", "state"},
    }
    for name, names in wanted.items():
        found = set(parameters(Asker(world, routes[name]), routes[name], monkeypatch))
        assert names <= found, (name, names - found)
