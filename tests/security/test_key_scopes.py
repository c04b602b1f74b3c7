"""SE-2: the scope of an API key is enforced at every endpoint, whoever its user is."""

from __future__ import annotations

import json

import pytest
from django.db import transaction
from django.urls import reverse
from rest_framework.test import APIClient

from apps.lifecycle.actor import Actor
from apps.lifecycle.verbs import all_verbs
from apps.tenancy.access import decided_without_grants
from apps.tenancy.keys import issue_key
from apps.tenancy.models import ApiKey, User
from tests.security.answers import API
from tests.security.bodies import API_BODIES
from tests.security.routes import all_routes
from tests.security.test_every_route import _accepted
from tests.security.world import World

pytestmark = pytest.mark.requirement("SE-2")

ROUTES = {route.name: route for route in all_routes()}
CHANGES = sorted(row for row in API if not row.endswith(" GET"))


@pytest.mark.parametrize("row", CHANGES)
def test_a_key_for_reading_changes_nothing(row: str, world: World) -> None:
    name, method = row.split(" ")
    route = ROUTES[name]
    url = reverse(name, kwargs={"key": world.keys[route.segment]} if route.takes_key else None)
    before = _accepted()
    for role in ("alice", "ada"):
        with transaction.atomic():
            user = world.users[role]
            assert user is not None
            client = APIClient()
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_key(user, 'r', 'read', None)[1]}")
            body = API_BODIES.get(row, lambda _world: {})(world)
            answer = client.generic(method, url, json.dumps(body), content_type="application/json")
            assert answer.status_code == 403, (
                f"{row} as {role}: {answer.status_code} {answer.content[:300]!r}"
            )
            transaction.set_rollback(True)
    assert _accepted() == before


@pytest.mark.django_db
@pytest.mark.parametrize("who", ["alice", "ada"])
def test_a_key_for_operating_covers_no_other_verb(who: str, request: pytest.FixtureRequest) -> None:
    user: User = request.getfixturevalue(who)
    key = ApiKey(scope=ApiKey.Scope.OPERATE, user=user)
    actor = Actor(user=user, tenant=user.tenant, via="api", api_key=key)
    covered = {
        verb.permission
        for verb in all_verbs()
        if decided_without_grants(actor, verb, user.tenant_id) is not False
    }
    assert covered == {"operate"} or covered == {"operate", "view"}


def test_a_key_for_operating_starts_vms_and_deletes_none(world: World) -> None:
    user = world.users["alice"]
    assert user is not None
    with transaction.atomic():
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_key(user, 'o', 'operate', None)[1]}")
        url = f"/api/v1/vms/{world.keys['vms']}"
        assert client.get(url).status_code == 200
        refused = client.delete(url)
        assert refused.status_code == 403 and "scope of this API key" in refused.json()["title"]
        assert client.post("/api/v1/projects", {"name": "x"}, format="json").status_code == 403
        assert (
            client.post("/api/v1/api-keys", {"name": "x", "scope": "write"}, format="json").status_code == 403
        )
        assert client.post(f"{url}/restart").status_code in {202, 409}
        transaction.set_rollback(True)
