"""SE-2: what the scope of an API key covers. That keys for reading change nothing anywhere: test_every_route.py."""

from __future__ import annotations

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from apps.accounts.access import decided_without_grants
from apps.accounts.keys import issue_key
from apps.accounts.models import ApiKey, User
from apps.lifecycle.actor import Actor
from apps.lifecycle.verbs import all_verbs
from tests.security.world import World

pytestmark = pytest.mark.requirement("SE-2")


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
        assert refused.status_code == 403 and "This API key’s scope" in refused.json()["title"]
        assert client.post("/api/v1/projects", {"name": "x"}, format="json").status_code == 403
        assert (
            client.post("/api/v1/api-keys", {"name": "x", "scope": "write"}, format="json").status_code == 403
        )
        assert client.post(f"{url}/restart").status_code in {202, 409}
        transaction.set_rollback(True)
