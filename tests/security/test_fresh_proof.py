"""SE-2: what gives access is refused to a session that proved long ago who it is, by pages and API alike."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.accounts.recent_proof import PROVED_AT
from apps.lifecycle.verbs import Proof, Verb, VerbClass, all_verbs
from tests import factories
from tests.security.answers import TABLE
from tests.security.routes import Route
from tests.security.sending import (
    ROUTES,
    accepted,
    accepted_before,
    body_of,
    changed,
    form_of,
    is_api,
    rolled_back,
    url_of,
)
from tests.security.words import PEOPLE, ROLES
from tests.security.world import World

pytestmark = pytest.mark.requirement("SE-2")


def verb_of(route: Route, method: str) -> Verb | None:
    """Return the verb that a request carries out, as its view declares it."""
    view = route.callback
    if is_api(route):
        if not hasattr(view, "actions"):
            return None
        handler = view.actions[method.lower()]
        if handler == "post_action":
            return view.initkwargs["act"].verb
        declared = {"post_list": "create", "patch_one": "update", "delete_one": "delete"}.get(handler, "")
        return getattr(view.cls, declared).verb if declared else None
    given, cls = view.view_initkwargs, view.view_class
    if (do := given.get("do") or getattr(cls, "do", None)) is not None:
        return do.verb
    of = getattr(cls, "of", None)
    return of.create if route.name.endswith(".create") and of is not None else None


FRESH = sorted(
    row
    for row, words in TABLE.items()
    if not row.endswith(" GET")
    and row.partition(" ")[0] in ROUTES
    and {"ok", "no"} & set(words.split())
    and (verb := verb_of(ROUTES[row.partition(" ")[0]], row.partition(" ")[2])) is not None
    and verb.proof is Proof.FRESH
)


@pytest.fixture(scope="module")
def stale(world: World) -> dict[str, Client]:
    """Browsers in which alice and ada are logged in, with a proof of yesterday."""
    found = {}
    for role in ("alice", "ada"):
        user = world.users[role]
        assert isinstance(user, User)
        found[role] = factories.page_client(user)
        session = found[role].session
        session[PROVED_AT] = 0
        session.save()
    return found


def _who(row: str) -> str:
    words = dict(zip(ROLES, TABLE[row].split(), strict=True))
    may = [role for role in PEOPLE if words[role] in {"ok", "no"} and role in {"alice", "ada"}]
    return may[-1] if words.get("ada") == "ok" else may[0]


def test_the_rows_are_found() -> None:
    names = {row.partition(" ")[0] for row in FRESH}
    assert {
        "api:members-set-role",
        "api:api-keys",
        "portal:member.set_owner",
        "admin:admin_user.create",
    } <= names
    verbs = {verb_of(ROUTES[name], "POST") for name in names if "POST" in ROUTES[name].methods}
    kinds = {"member", "admin_user", "tenant", "api_key"}
    walked = {verb.name for verb in verbs if verb}
    wanted = {
        verb.name
        for verb in all_verbs()
        if verb.proof is Proof.FRESH and verb.verb_class is VerbClass.ACCOUNTS and verb.kind in kinds
    }
    # By pages of their own, tried in tests/tenancy/test_acting.py; by DELETE.
    assert wanted - walked <= {"tenant.act_as", "admin_user.remove"}


@pytest.mark.parametrize("row", FRESH)
def test_it_is_refused_without_a_fresh_proof(row: str, world: World, stale: dict[str, Client]) -> None:
    name, method = row.split(" ")
    route, browser = ROUTES[name], stale[_who(row)]
    accepted_before(world)
    with rolled_back() as watch:
        answer: Any
        if is_api(route):
            body = body_of(world, row)
            answer = browser.generic(method, url_of(world, route), body, content_type="application/json")
            assert (answer.status_code, answer.json()["code"]) == (403, "login.not_recent"), answer.content
        else:
            answer = browser.post(url_of(world, route), form_of(world, route))
            assert answer.status_code == 302, answer.status_code
            assert urlsplit(answer["Location"]).path.endswith("/account/confirm/"), answer["Location"]
        assert not changed(world, watch), row


def test_bulk_is_refused_too(world: World, stale: dict[str, Client]) -> None:
    member, before = str(world.keys["members"]), accepted()
    body = json.dumps({"action": "set-owner", "ids": [member], "owner": True})
    answer = stale["alice"].post("/api/v1/members/bulk", body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "login.not_recent")
    page = stale["alice"].post("/members/bulk/", {"action": "activate", "key": member, "token": member})
    assert urlsplit(page["Location"]).path == "/account/confirm/"
    assert accepted() == before
