"""SE-5: junk in the address or the form of any page, as anybody: an answer that says so, and never a bug."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from hypothesis import given
from hypothesis import strategies as st

from tests.api_fuzz import nasty
from tests.api_fuzz.operations import few
from tests.api_fuzz.sending import watched
from tests.api_fuzz.touched import NAME, paths_of
from tests.security.bodies import FORMS
from tests.security.routes import Route, all_routes
from tests.security.world import World
from tests.touched import WHAT_ANSWERS

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.real,
    pytest.mark.requirement("SE-5"),
    pytest.mark.campaign(NAME, paths_of, engine=WHAT_ANSWERS),
]

ROUTES = {route.name: route for route in all_routes() if route.area != "api"}
PAGES = sorted(route.name for route in ROUTES.values() if "GET" in route.methods)
POSTED = sorted(route.name for route in ROUTES.values() if "POST" in route.methods)

#: What pages read from their address, beside a list's filters.
LISTS = ["page", "sort", "q", "view", "views", "columns", "rows", "new", "control", "add", "format", "key"]
STEPS = ["range", "start", "end", "show", "kind", "like", "next", "do", "token", "preview", "code", "error"]
#: What they read from a form beside its fields.
SENT = [
    "next",
    "do",
    "token",
    "path",
    "view",
    "columns",
    "typed",
    "touched",
    "generation",
    "action",
    "key",
    "keys",
]
REQUEST_ID = re.compile(rb"[0-9a-f]{32}")


def _views(resolver: URLResolver, area: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            found |= _views(pattern, pattern.namespace or area)
        elif isinstance(pattern, URLPattern) and pattern.name:
            found[f"{area}:{pattern.name}"] = getattr(pattern.callback, "view_class", None)
    return found


VIEWS = _views(get_resolver())


def _filters(name: str) -> list[str]:
    return sorted(getattr(getattr(VIEWS[name], "filter", None), "base_filters", ()))


def _roles(route: Route) -> list[str]:
    return ["nobody", "ada", "alice"] if route.area == "admin" else ["nobody", "vera", "alice", "ada", "bob"]


def _url(route: Route, world: World) -> str:
    return reverse(route.name, kwargs={"key": world.keys[route.segment]} if route.takes_key else None)


def _ask(world: World, role: str, method: str, url: str, before: dict[str, object], **sent: Any) -> None:
    browser = world.browser(role)
    browser.raise_request_exception = False
    with watched(before) as seen:
        response = browser.generic(method, url, **sent)
        content = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]
        if seen.errors:
            raise AssertionError(f"a bug: {response.status_code} as {role}") from seen.errors[0]
        assert response.status_code < 500, content[:1000]
        if response.status_code >= 400:
            assert not seen.left(), f"refused with {response.status_code}, yet this is left: {seen.left()}"
            assert REQUEST_ID.search(content) or b"<form" in content or b"{" in content, content[:1000]


def _encoded(pairs: list[tuple[str, str]]) -> str:
    from urllib.parse import urlencode

    return urlencode([(name, text.encode("utf-8", "surrogatepass")) for name, text in pairs])


@pytest.mark.parametrize("name", PAGES)
def test_junk_in_the_address_of_a_page_is_no_bug(name: str, world: World, before: dict[str, object]) -> None:
    route, filters = ROUTES[name], _filters(name)
    names = st.sampled_from([*LISTS, *STEPS])
    if filters:
        names = st.one_of(names, st.sampled_from([*filters, "not"]), st.sampled_from(LISTS))

    @few(8 if filters else 1)
    @given(
        pairs=st.lists(st.tuples(names, nasty.texts()), min_size=1, max_size=3),
        role=st.sampled_from(_roles(route)[1:] if filters else _roles(route)),
        htmx=st.booleans(),
    )
    def ask(pairs: list[tuple[str, str]], role: str, htmx: bool) -> None:
        headers = {"HX-Request": "true", "HX-Target": "list"} if htmx else {}
        _ask(world, role, "GET", _url(route, world), before, QUERY_STRING=_encoded(pairs), headers=headers)

    ask()


@pytest.mark.parametrize("name", POSTED)
def test_a_form_filled_with_junk_is_no_bug(name: str, world: World, before: dict[str, object]) -> None:
    route = ROUTES[name]
    right = FORMS.get(name.split(":")[1], lambda _world: {})(world)
    right = {"typed_name": world.names.get(route.segment, ""), **right}
    fields = sorted({*right, *SENT})

    @few(3)
    @given(
        junk=st.lists(st.tuples(st.sampled_from(fields), nasty.texts()), min_size=1, max_size=3),
        role=st.sampled_from(_roles(route)),
        htmx=st.booleans(),
    )
    def ask(junk: list[tuple[str, str]], role: str, htmx: bool) -> None:
        spoiled = {field for field, _text in junk}
        kept = [(field, value) for field, value in right.items() if field not in spoiled]
        pairs = [(f, str(v)) for f, value in kept for v in (value if isinstance(value, list) else [value])]
        _ask(
            world,
            role,
            "POST",
            _url(route, world),
            before,
            data=_encoded([*pairs, *junk]),
            content_type="application/x-www-form-urlencoded",
            headers={"HX-Request": "true"} if htmx else {},
        )

    ask()
