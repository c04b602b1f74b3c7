"""What cannot be undone wants the name typed; the page knows the name, and the server checks it."""

from __future__ import annotations

import pytest

from apps.accounts.models import ApiKey, Project, Role, User
from apps.network.models import Vpc
from apps.portal.kind_registry import list_pages
from apps.portal.kinds import FINAL
from tests.compute.factories import Cloud
from tests.factories import make_member, page_client
from tests.network.factories import make_vpc

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("UX-4")]


@pytest.mark.parametrize("area", ["portal", "admin"])
def test_every_verb_that_cannot_be_undone_wants_the_name(area: str) -> None:
    actions = [do for page in list_pages(area).values() for do in page.of.all_actions]
    final = {do.verb.name for do in actions if do.verb.action in FINAL}
    assert len(final) > 5
    assert final == {do.verb.name for do in actions if do.verb.action in FINAL and do.wants_name and do.asks}
    trash = {do.verb.name for do in actions if do.verb.icon == "trash" and do.verb.destructive}
    assert trash <= {do.verb.name for do in actions if do.wants_name}, "an icon that says delete"


def test_a_vpc_is_deleted_only_once_its_name_is_typed(alice: User, project_a: Project, cloud: Cloud) -> None:
    client = page_client(alice)
    vpc = make_vpc(project_a, cloud.region)
    Vpc.objects.filter(pk=vpc.pk).update(name="café")
    url = f"/vpcs/{vpc.pk}/delete/"
    assert 'data-confirm="café"' in client.get(url).content.decode()
    refused = client.post(url, {"typed_name": "cafe"})
    assert refused.status_code == 422
    assert "The name does not match." in refused.content.decode()
    # As some keyboards send it: e and an accent of its own.
    assert client.post(url, {"typed_name": "cafe\u0301 "}).status_code == 302


def test_who_has_no_name_is_removed_by_user_name(alice: User, project_a: Project) -> None:
    assert alice.tenant is not None
    member = make_member(alice.tenant, Role.VIEWER, "temp")
    client = page_client(alice)
    url = f"/members/{member.uid}/remove/"
    assert 'data-confirm="temp"' in client.get(url).content.decode()
    assert client.post(url, {"typed_name": ""}).status_code == 422
    assert client.post(url, {"typed_name": "temp"}).status_code == 302
    assert not User.objects.filter(username="temp").exists()


def test_a_key_is_revoked_only_once_its_name_is_typed(alice: User) -> None:
    client = page_client(alice)
    client.post("/api-keys/create/", {"name": "ci", "scope": "read", "days": ""})
    key = ApiKey.objects.get()
    assert client.post(f"/api-keys/{key.uid}/revoke/").status_code == 422
    assert ApiKey.objects.exists()
