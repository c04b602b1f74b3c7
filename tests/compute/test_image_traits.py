"""What an image says of the system in it: set by its owner or an administrator, used by forms and rules."""

from __future__ import annotations

import pytest

from apps.accounts.models import Tenant, User
from apps.compute.models import Image, Vm
from apps.compute.services.image_traits import edit_traits
from apps.compute.specs import vm_spec
from apps.drivers.specs import Firmware, OsFamily
from apps.infrastructure.models import ComputeCluster
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Forbidden, Invalid
from apps.lifecycle.models import Resource
from apps.network.models import Subnet
from tests import factories
from tests.compute.factories import Cloud, make_image, make_vm

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("IM-3")]


@pytest.fixture
def own(cloud: Cloud, tenant_a: Tenant) -> Image:
    return make_image(
        cloud.storage, "own", tenant=tenant_a, project=factories.default_project(tenant_a), os_name="Old"
    )


def spec_of(vm: Vm) -> object:
    rows = Vm.objects.select_related("cluster", "image").prefetch_related(
        "disks__cluster", "nics__subnet__vpc", "eips", "elastic_nics"
    )
    return vm_spec(rows.get(pk=vm.pk))


def test_the_owner_sets_those_of_an_own_image_and_what_is_left_out_stays(owner: Actor, own: Image) -> None:
    before = Resource.objects.get(pk=own.pk).updated_at
    edit_traits(owner, own, os_name=" Debian 12 ", guest_agent=True, uefi=True, secure_boot=True)
    own.refresh_from_db()
    assert (own.os_name, own.guest_agent, own.uefi, own.secure_boot) == ("Debian 12", True, True, True)
    assert (own.os_family, own.cloud_init, own.hot_upgrade) == ("linux", True, False)
    assert own.updated_at > before
    edit_traits(owner, own, guest_agent=False)
    own.refresh_from_db()
    assert not own.guest_agent and own.uefi


def test_those_of_a_base_image_are_the_administrators(
    cloud: Cloud, owner: Actor, ada: User, own: Image, bob: User, otto: User
) -> None:
    with pytest.raises(Forbidden):
        edit_traits(owner, cloud.image, guest_agent=True)
    with pytest.raises(Forbidden):
        edit_traits(factories.actor_for_user(bob), own, guest_agent=True)
    with pytest.raises(Forbidden):
        edit_traits(factories.actor_for_user(otto), own, guest_agent=True)
    edit_traits(factories.actor_for_user(ada), cloud.image, guest_agent=True)
    assert Image.objects.get(pk=cloud.image.pk).guest_agent


def test_what_no_host_has_is_refused_at_its_field(owner: Actor, own: Image) -> None:
    for given, field in (
        ({"secure_boot": True}, "secure_boot"),
        ({"os_family": "plan9"}, "os_family"),
        ({"os_name": "x" * 64}, "os_name"),
    ):
        with pytest.raises(Invalid) as said:
            edit_traits(owner, own, **given)
        assert said.value.field == field
    edit_traits(owner, own, uefi=True, secure_boot=True)
    with pytest.raises(Invalid):
        edit_traits(owner, own, uefi=False)
    Image.objects.filter(pk=own.pk).update(
        architecture=ComputeCluster.Architecture.ARM, uefi=False, secure_boot=False
    )
    with pytest.raises(Invalid):
        edit_traits(owner, own, uefi=True, secure_boot=True)


@pytest.mark.requirement("VM-1")
def test_a_vm_keeps_the_firmware_that_its_image_had_when_it_was_created(
    cloud: Cloud, owner: Actor, own: Image, subnet: Subnet
) -> None:
    old = make_vm(owner, cloud, subnet, image=own.pk)
    edit_traits(owner, own, uefi=True, secure_boot=True, os_family="windows")
    new = make_vm(owner, cloud, subnet, name="new", image=own.pk)
    assert spec_of(old).firmware is Firmware.BIOS  # type: ignore[attr-defined]
    assert spec_of(new).firmware is Firmware.SECURE_BOOT  # type: ignore[attr-defined]
    assert spec_of(new).os_family is OsFamily.WINDOWS  # type: ignore[attr-defined]
    edit_traits(owner, own, secure_boot=False)
    assert make_vm(owner, cloud, subnet, name="last", image=own.pk).firmware == "uefi"


def test_api_and_page_set_them(alice: User, own: Image) -> None:
    api = factories.api_client(alice)
    answer = api.post(f"/api/v1/images/{own.pk}/edit-traits", {"hot_upgrade": True}, format="json")
    assert answer.status_code == 200, answer.content
    assert (answer.json()["hot_upgrade"], answer.json()["os_name"]) == (True, "Old")
    wrong = api.post(f"/api/v1/images/{own.pk}/edit-traits", {"secure_boot": True}, format="json")
    assert wrong.status_code == 400 or wrong.status_code == 422, wrong.content
    pages = factories.page_client(alice)
    form = {"os_family": "linux", "os_name": "New", "guest_agent": "on", "uefi": "on"}
    assert pages.post(f"/images/{own.pk}/edit-traits/", form).status_code in (200, 302, 303)
    own.refresh_from_db()
    assert (own.os_name, own.guest_agent, own.uefi, own.hot_upgrade) == ("New", True, True, False)
    assert "UEFI" in pages.get(f"/images/{own.pk}/").content.decode()
