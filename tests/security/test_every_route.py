"""SE-1: every URL and method answers every role as the table says, and changes nothing where it says no.

Each request of the table is made once; everything that is to hold of every answer is looked at there (observers.py).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.security.answers import API, TABLE
from tests.security.observers import Exchange, findings
from tests.security.sending import (
    ROUTES,
    accepted_before,
    body_of,
    changed,
    content_of,
    form_of,
    is_api,
    keys_owner,
    rolled_back,
    send,
    url_of,
)
from tests.security.words import ROLES
from tests.security.world import World
from tests.touched import WHAT_ANSWERS, of_route

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("SE-1")]


def _paths(item: pytest.Item) -> tuple[str, ...]:
    return ("apps/accounts/", "tests/security/", "tests/kinds/", *of_route(item))


#: In `make test` all routes of the apps that changed, all where what decides about access did, and else a share.
sampled = pytest.mark.campaign("routes by role", _paths, engine=WHAT_ANSWERS)
WORDS = {"ok", "no", "login", "elsewhere", "401", "403", "404"}
#: A second key of the scope `read`, of whom the table's is not: no endpoint lets it change anything either.
OTHERS_READ_KEY = {"alice": "ada", "ada": "alice"}


def test_every_url_and_method_has_a_row() -> None:
    there = {f"{route.name} {method}" for route in ROUTES.values() for method in route.methods}
    assert sorted(there - TABLE.keys()) == [], "add these to tests/kinds or tests/security/answers.py"
    assert sorted(TABLE.keys() - there) == [], "these are gone: take them out of tests/security/answers.py"


def test_every_row_has_a_word_for_every_role() -> None:
    for row, answers in TABLE.items():
        words = answers.split()
        assert len(words) == len(ROLES) and set(words) <= WORDS, row


def test_the_table_lets_no_key_for_reading_change_anything() -> None:
    for row, answers in API.items():
        word = dict(zip(ROLES, answers.split(), strict=True))["read key"]
        assert row.endswith(" GET") or word == "403", row


def _asked(row: str) -> Iterator[tuple[str, str, str]]:
    """Yield role, owner of its key and the word that the table has for it."""
    owner = keys_owner(row)
    yield from ((role, owner, word) for role, word in zip(ROLES, TABLE[row].split(), strict=True))
    if row in API and not row.endswith(" GET"):
        yield "read key", OTHERS_READ_KEY[owner], "403"


@sampled
@pytest.mark.requirement("SE-2", "SE-5", "OP-1", "AC-4")
@pytest.mark.parametrize("row", TABLE)
def test_each_role_gets_the_answer_of_the_table(row: str, world: World) -> None:
    """Beside the answer everything of tests/security/observers.py is looked at."""
    name, method = row.split(" ")
    accepted_before(world)
    found: list[str] = []
    for role, owner, word in _asked(row):
        with rolled_back() as watch:
            response = send(world, role, ROUTES[name], method, owner)
            content = content_of(response)
            found += findings(Exchange(world, row, role, word, response, content, watch))
    assert not found, "\n".join(found)


@sampled
@pytest.mark.parametrize("name", sorted(ROUTES))
def test_a_method_that_is_not_in_the_table_is_not_allowed(name: str, world: World) -> None:
    route = ROUTES[name]
    # Whoever may do most there: others are turned away before the method is looked at.
    role = "nobody" if name == "portal:login" else "alice" if route.area == "portal" else "ada"
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - route.methods:
        with rolled_back():
            client = world.program(role) if is_api(route) else world.browser(role)
            response = client.generic(method, url_of(world, route))
            assert response.status_code == 405, f"{method} {name} as {role}: {response.status_code}"


POSTED = sorted(row for row in TABLE if not row.startswith("api:") and row.endswith(" POST"))


@sampled
@pytest.mark.requirement("SE-5")
@pytest.mark.parametrize("row", POSTED)
def test_a_form_without_its_token_is_turned_away(row: str, world: World) -> None:
    route = ROUTES[row.partition(" ")[0]]
    accepted_before(world)
    with rolled_back() as watch:
        browser = world.careful_browser("ada" if route.area == "admin" else "alice")
        response = browser.post(url_of(world, route), form_of(world, route))
        assert response.status_code == 403, f"{row}: {response.status_code}"
        assert not changed(world, watch), row


@sampled
@pytest.mark.requirement("SE-5")
@pytest.mark.parametrize("row", sorted(r for r in TABLE if r.startswith("api:") and not r.endswith(" GET")))
def test_the_api_with_a_session_wants_the_token_too(row: str, world: World) -> None:
    name, method = row.split(" ")
    accepted_before(world)
    with rolled_back() as watch:
        browser, url = world.careful_browser("alice"), url_of(world, ROUTES[name])
        response = browser.generic(method, url, data=body_of(world, row), content_type="application/json")
        assert response.status_code == 403 and response.json()["code"] in {"permission_denied", "csrf"}, row
        assert not changed(world, watch), row
