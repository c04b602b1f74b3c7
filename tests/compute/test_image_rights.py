"""What can be done with an image, and by whom: self-made ones by their owner, base images by administrators."""

from __future__ import annotations

from typing import Any

import pytest

from apps.accounts.models import Tenant, User
from apps.compute.models import Image
from apps.lifecycle.engine import execute
from apps.lifecycle.models import Operation, OperationStatus
from apps.network.models import Subnet
from tests import factories
from tests.compute.factories import Cloud, make_image, make_vm

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("IM-3")]


@pytest.fixture
def own(cloud: Cloud, tenant_a: Tenant) -> Image:
    return make_image(cloud.storage, "own", tenant=tenant_a, project=factories.default_project(tenant_a))


def path(image: Image) -> str:
    return f"/api/v1/images/{image.pk}"


def carried_out(answer: Any) -> Operation:
    assert answer.status_code == 202, answer.json()
    operation = Operation.objects.get(pk=answer.json()["operation"]["id"])
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.DONE, operation.error
    return operation


def test_the_owner_renames_annotates_uses_and_deletes_its_image(
    cloud: Cloud, alice: User, subnet: Subnet, own: Image
) -> None:
    client = factories.api_client(alice)
    changed = client.patch(path(own), {"name": "golden", "description": "web server, 12.5"}, format="json")
    assert changed.status_code == 200
    assert (changed.json()["name"], changed.json()["description"]) == ("golden", "web server, 12.5")
    vm = make_vm(factories.actor_for_user(alice), cloud, subnet, image=own.pk)
    assert vm.image == own
    in_use = client.delete(path(own))
    assert (in_use.status_code, in_use.json()["code"]) == (409, "resource.in_use")
    carried_out(client.delete(f"/api/v1/vms/{vm.pk}"))
    carried_out(client.delete(path(own)))
    assert not Image.objects.filter(pk=own.pk).exists()


def test_a_self_made_image_is_seen_by_its_owner_and_administrators_only(
    cloud: Cloud, alice: User, bob: User, ada: User, subnet: Subnet, own: Image
) -> None:
    stranger = factories.api_client(bob)
    assert stranger.get(path(own)).status_code == 404
    assert str(own.pk) not in str(stranger.get("/api/v1/images").json())
    for answer in (
        stranger.patch(path(own), {"name": "mine"}, format="json"),
        stranger.delete(path(own)),
        stranger.post(f"{path(own)}/export"),
    ):
        assert answer.status_code == 404
    for user in (alice, ada):
        assert factories.api_client(user).get(path(own)).status_code == 200


def test_administrators_rename_annotate_and_delete_base_images_and_tenants_do_not(
    cloud: Cloud, alice: User, ada: User
) -> None:
    base = make_image(cloud.storage, "Debian")
    admin, tenant = factories.api_client(ada), factories.api_client(alice)
    assert tenant.get(path(base)).json()["base"] is True
    for answer in (
        tenant.patch(path(base), {"name": "mine"}, format="json"),
        tenant.patch(path(base), {"description": "mine"}, format="json"),
        tenant.delete(path(base)),
        tenant.post(f"{path(base)}/edit-traits", {"os_name": "mine"}, format="json"),
        tenant.post(f"{path(base)}/export"),
    ):
        assert answer.status_code == 403, answer.json()
    changed = admin.patch(path(base), {"name": "Debian 12", "description": "Until 2028-06"}, format="json")
    assert changed.status_code == 200
    seen = tenant.get(path(base)).json()
    assert (seen["name"], seen["description"]) == ("Debian 12", "Until 2028-06")
    carried_out(admin.delete(path(base)))
    assert tenant.get(path(base)).status_code == 404


def test_what_is_offered_is_what_can_be_done(cloud: Cloud, alice: User, ada: User, own: Image) -> None:
    def offered(user: User, image: Image) -> set[str]:
        shown = factories.api_client(user).get(path(image)).json()["allowed_actions"]
        actions = {each["action"]: each["allowed"] for each in shown}
        return {name for name, judged in actions.items() if judged}

    base = make_image(cloud.storage, "Debian")
    mine = offered(alice, own)
    assert {"rename", "delete", "edit-traits"} <= mine
    assert not mine & {"export", "download", "copy-to-base"}
    assert not offered(alice, base) & {"rename", "delete", "edit-traits", "export", "copy-to-base"}
    assert {"rename", "delete", "export", "copy-to-base"} <= offered(ada, own)
    assert {"rename", "delete", "export"} <= offered(ada, base)
    assert "copy-to-base" not in offered(ada, base)


def test_the_pages_of_an_image_say_the_same(cloud: Cloud, alice: User, ada: User, own: Image) -> None:
    client, admin = factories.page_client(alice), factories.page_client(ada)
    assert "/download/" not in client.get(f"/images/{own.pk}/").content.decode()
    assert client.get(f"/images/{own.pk}/download/").status_code == 404
    assert f"/admin/images/{own.pk}/download/" in admin.get(f"/admin/images/{own.pk}/").content.decode()
    page = admin.get(f"/admin/images/{own.pk}/download/").content.decode()
    assert "Prepare download" in page and "Each download" not in page
