"""SE-1: every URL and method answers every role as the table says, and changes nothing where it says no."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.audit.models import DONE, AuditEntry
from apps.lifecycle.models import Operation, Resource
from apps.lifecycle.rehearsal import SETTING
from apps.tenancy.models import ApiKey, Project, Tenant, User
from tests.security.answers import KEYS, ROLES, TABLE
from tests.security.bodies import API_BODIES, FORMS
from tests.security.routes import Route, all_routes
from tests.security.world import MARK, World

# Marked though the world opens the database: it is made only for a run in which some test says so.
pytestmark = [pytest.mark.django_db, pytest.mark.requirement("SE-1")]

ROUTES = {route.name: route for route in all_routes()}
WORDS = {"ok", "no", "login", "elsewhere", "401", "403", "404"}


def test_every_url_and_method_has_a_row() -> None:
    there = {f"{route.name} {method}" for route in ROUTES.values() for method in route.methods}
    assert sorted(there - TABLE.keys()) == [], "add these to tests/security/answers.py"
    assert sorted(TABLE.keys() - there) == [], "these are gone: take them out of tests/security/answers.py"


def test_every_row_has_a_word_for_every_role() -> None:
    for row, answers in TABLE.items():
        words = answers.split()
        assert len(words) == len(ROLES) and set(words) <= WORDS, row


def send(world: World, role: str, route: Route, method: str) -> Any:
    """Send the request as the role."""
    url = reverse(route.name, kwargs={"key": world.keys[route.segment]} if route.takes_key else None)
    of = keys_owner(f"{route.name} {method}")
    if is_api(route):
        body = API_BODIES.get(f"{route.name} {method}", lambda _world: {})(world)
        return world.program(role, of).generic(
            method, url, data=json.dumps(body) if method != "GET" else "", content_type="application/json"
        )
    browser = world.program(role, of) if role in KEYS else world.browser(role)
    if method == "GET":
        return browser.get(url)
    form = FORMS.get(route.name.split(":")[1], lambda _world: {})(world)
    return browser.post(url, {"typed_name": world.names.get(route.segment, ""), **form})


def keys_owner(row: str) -> str:
    """Return whose keys a row is tried with: ada's where alice may not do it, and ada may."""
    words = dict(zip(ROLES, TABLE[row].split(), strict=True)) if row in TABLE else {}
    return "ada" if words.get("alice") != "ok" and words.get("ada") in {"ok", "no"} else "alice"


def is_api(route: Route) -> bool:
    """Whether programs call it."""
    return route.area == "api" and route.name != "api:docs"


def _accepted() -> dict[str, object]:
    """What any accepted change changes."""
    return {
        "operations": list(Operation.objects.order_by("pk").values_list("pk", "status")),
        "resources": list(Resource.objects.order_by("pk").values_list("pk", "name", "generation")),
        "log": AuditEntry.objects.filter(outcome=DONE).count(),
        "accounts": [model.objects.count() for model in (User, Tenant, Project, ApiKey)],
        "passwords": list(
            User.objects.order_by("pk").values_list("password", "is_active", "is_tenant_owner")
        ),
    }


def _is(word: str, response: Any) -> bool:
    status, onward = response.status_code, response.get("Location", "")
    if word == "login":
        return status == 302 and onward.startswith("/login/")
    if word == "elsewhere":
        return status == 302 and onward.startswith("/admin/")
    if word == "no":
        return status in {403, 404, 422}
    if word == "ok":
        away = (
            status == 302
            and onward.startswith(("/login/?", "/admin/"))
            and "/admin/" not in response.request["PATH_INFO"]
            and response.request["PATH_INFO"]
            != reverse("portal:stop_acting")  # leads back there, having stopped
        )
        return (200 <= status < 400 or status == 409) and not away
    return bool(status == int(word))


@pytest.mark.parametrize("row", TABLE)
def test_each_role_gets_the_answer_of_the_table(row: str, world: World) -> None:
    name, method = row.split(" ")
    before = _accepted() if TABLE[row].split() != ["ok"] * len(ROLES) else {}
    for role, word in zip(ROLES, TABLE[row].split(), strict=True):
        with transaction.atomic():
            response = send(world, role, ROUTES[name], method)
            content = b"".join(response.streaming_content) if response.streaming else response.content
            said = (
                f"{row} as {role}: {response.status_code} {response.get('Location', '')} {content[:1500]!r}"
            )
            assert _is(word, response), f"expected {word}; {said}"
            if word != "ok":
                assert _accepted() == before, f"turned away, yet something changed; {said}"
            if role == "bob":
                assert MARK.encode() not in content, said
            transaction.set_rollback(True)


def _name(row: str) -> str:
    return row.partition(" ")[0]


def _kept(queries: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the statements without those of rehearsals, which are rolled back to where they began."""
    kept: list[dict[str, str]] = []
    until = ""
    for query in queries:
        if until:
            until = "" if query["sql"] == until else until
        elif query["sql"].startswith(f"SET LOCAL {SETTING}"):
            until = kept.pop()["sql"].replace("SAVEPOINT", "ROLLBACK TO SAVEPOINT")
        else:
            kept.append(query)
    assert not until, "a rehearsal that was not rolled back"
    return kept


READING = sorted(row for row in TABLE if row.endswith(" GET"))


@pytest.mark.requirement("SE-5")
@pytest.mark.parametrize("row", READING)
def test_reading_writes_nothing(row: str, world: World) -> None:
    route = ROUTES[_name(row)]
    for role in ("alice", "ada"):
        with transaction.atomic(), CaptureQueriesContext(connection) as queries:
            send(world, role, route, "GET")
            transaction.set_rollback(True)
        written = [
            q["sql"]
            for q in _kept(list(queries))
            if q["sql"].startswith(("INSERT", "UPDATE", "DELETE"))
            and not any(
                table in q["sql"]
                for table in (
                    '"tenancy_session"',
                    '"last_used_at"',
                    '"tenancy_user" SET "last_login"',
                )
            )
        ]
        assert written == [], row


@pytest.mark.parametrize("name", sorted(ROUTES))
def test_a_method_that_is_not_in_the_table_is_not_allowed(name: str, world: World) -> None:
    route = ROUTES[name]
    # Whoever may do most there: others are turned away before the method is looked at.
    role = "nobody" if name == "portal:login" else "alice" if route.area == "portal" else "ada"
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - route.methods:
        with transaction.atomic():
            client = world.program(role) if is_api(route) else world.browser(role)
            url = reverse(name, kwargs={"key": world.keys[route.segment]} if route.takes_key else None)
            response = client.generic(method, url)
            assert response.status_code == 405, f"{method} {name} as {role}: {response.status_code}"
            transaction.set_rollback(True)


POSTED = sorted(row for row in TABLE if not row.startswith("api:") and row.endswith(" POST"))


@pytest.mark.requirement("SE-5")
@pytest.mark.parametrize("row", POSTED)
def test_a_form_without_its_token_is_turned_away(row: str, world: World) -> None:
    route = ROUTES[_name(row)]
    role = "ada" if route.area == "admin" else "alice"
    before = _accepted()
    with transaction.atomic():
        browser = world.careful_browser(role)
        url = reverse(route.name, kwargs={"key": world.keys[route.segment]} if route.takes_key else None)
        form = FORMS.get(route.name.split(":")[1], lambda _world: {})(world)
        response = browser.post(url, {"typed_name": world.names.get(route.segment, ""), **form})
        assert response.status_code == 403, f"{row}: {response.status_code}"
        assert _accepted() == before
        transaction.set_rollback(True)


@pytest.mark.requirement("SE-5")
@pytest.mark.parametrize("row", sorted(r for r in TABLE if r.startswith("api:") and not r.endswith(" GET")))
def test_the_api_with_a_session_wants_the_token_too(row: str, world: World) -> None:
    name, method = row.split(" ")
    route = ROUTES[name]
    with transaction.atomic():
        browser = world.careful_browser("alice")
        url = reverse(name, kwargs={"key": world.keys[route.segment]} if route.takes_key else None)
        body = API_BODIES.get(row, lambda _world: {})(world)
        response = browser.generic(method, url, data=json.dumps(body), content_type="application/json")
        assert response.status_code == 403 and response.json()["code"] in {"permission_denied", "csrf"}, row
        transaction.set_rollback(True)
