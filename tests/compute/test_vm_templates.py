"""VM templates: saved from VMs and from choices, in versions that stay, and VMs created from them."""

from __future__ import annotations

from typing import Any

import pytest

from apps.accounts.models import Tenant, User
from apps.compute.models import Image, InstanceType, Vm
from apps.compute.models.vm_template import VmTemplate, VmTemplateVersion
from apps.compute.services import vm_template as service
from apps.compute.services.vm_template import (
    create_vm_template,
    delete_vm_template,
    save_as_template,
    save_version,
)
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid, QuotaExceeded, Refused
from apps.network.models import Subnet
from apps.quotas.models import Quota
from tests import factories
from tests.compute.factories import Cloud, make_image, make_vm
from tests.kinds.key_pair import SSH_KEY

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("VM-13")]


@pytest.fixture
def vm(cloud: Cloud, subnet: Subnet, owner: Actor) -> Vm:
    """A VM with a data disk, a password and user data."""
    disk = {"size_gib": 20, "cluster": cloud.storage.pk}
    return make_vm(
        owner,
        cloud,
        subnet,
        data_disks=[disk],
        password="Secret-4711-word",
        user_data="#!/bin/sh\necho hidden-word\n",
    )


def choices(cloud: Cloud, subnet: Subnet, **more: Any) -> dict[str, Any]:
    given = {"instance_type": cloud.small.pk, "image": cloud.image.pk, "subnet": subnet.pk}
    return {**given, "security_group": None, **more}


def asked(api: Any, **body: Any) -> Any:
    return api.post("/api/v1/vms", body, format="json")


def test_a_template_of_a_vm_has_what_it_was_made_of_and_no_secret(
    cloud: Cloud, subnet: Subnet, vm: Vm, owner: Actor
) -> None:
    template = create_vm_template(owner, name="web", vm=vm.pk)
    (version,) = template.versions.all()
    assert version.number == template.version == 1
    assert version.choices == {
        "instance_type": cloud.small.pk,
        "image": str(cloud.image.pk),
        "subnet": str(subnet.pk),
        "security_group": None,
        "external_security_group": None,
        "disk_gib": 40,
        "disk_cluster": cloud.storage.pk,
        "data_disks": [{"size_gib": 20, "cluster": cloud.storage.pk}],
    }
    assert version.names["image"] == "Tiny" and version.created_by == "alice"
    assert "Secret" not in str(version.choices) and "hidden" not in str(version.choices)


def test_each_save_is_a_new_version_and_the_older_ones_stay(
    cloud: Cloud, subnet: Subnet, vm: Vm, owner: Actor
) -> None:
    template = create_vm_template(owner, name="web", **choices(cloud, subnet))
    before = template.versions.get().choices
    larger = InstanceType.objects.get(cluster=cloud.cluster, vcpu=4)
    assert save_version(owner, template, **choices(cloud, subnet, instance_type=larger.pk)).version == 2
    save_as_template(owner, vm, template=template.pk)
    kinds = dict(VmTemplateVersion.objects.values_list("number", "choices__instance_type"))
    assert kinds == {1: cloud.small.pk, 2: larger.pk, 3: cloud.small.pk}
    assert template.versions.get(number=1).choices == before
    assert VmTemplate.objects.get().version == 3


def test_what_a_new_vm_would_be_refused_for_is_no_template(
    cloud: Cloud, subnet: Subnet, owner: Actor, vm: Vm
) -> None:
    for wrong, field in (
        (choices(cloud, subnet, instance_type=999_999), "instance_type"),
        (choices(cloud, subnet, disk_gib=1_000_000), "disk_gib"),
        ({**choices(cloud, subnet), "vm": vm.pk}, "vm"),
        ({}, "vm"),
        ({"vm": subnet.pk}, "vm"),
        ({"password": "Secret-4711-word"}, "password"),
    ):
        with pytest.raises(Invalid) as refused:
            create_vm_template(owner, name="web", **wrong)
        assert field in refused.value.fields
    assert not VmTemplate.objects.exists()


def test_a_template_counts_and_there_is_an_end_of_versions(
    cloud: Cloud, subnet: Subnet, owner: Actor, tenant_a: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    Quota.objects.filter(tenant=tenant_a, metric="vm_template").update(limit=1)
    template = create_vm_template(owner, name="web", **choices(cloud, subnet))
    with pytest.raises(QuotaExceeded):
        create_vm_template(owner, name="db", **choices(cloud, subnet))
    monkeypatch.setattr(service, "MOST_VERSIONS", 2)
    save_version(owner, template, **choices(cloud, subnet))
    with pytest.raises(Refused, match="at most 2 versions"):
        save_version(owner, VmTemplate.objects.get(), **choices(cloud, subnet))
    delete_vm_template(owner, template)
    assert not VmTemplateVersion.objects.exists()
    assert Quota.objects.get(tenant=tenant_a, metric="vm_template").used == 0


def test_a_vm_is_created_from_a_template_by_the_api(
    cloud: Cloud, subnet: Subnet, vm: Vm, owner: Actor, alice: User
) -> None:
    api = factories.api_client(alice)
    made = api.post("/api/v1/vm-templates", {"name": "web", "vm": str(vm.pk)}, format="json")
    assert made.status_code == 201, made.json()
    key = made.json()["id"]
    assert made.json()["choices"]["disk_gib"] == 40 and made.json()["names"]["image"] == "Tiny"
    larger = InstanceType.objects.get(cluster=cloud.cluster, vcpu=2)
    again = api.post(
        f"/api/v1/vm-templates/{key}/save-version",
        {
            "instance_type": larger.pk,
            "image": str(cloud.image.pk),
            "subnet": str(subnet.pk),
            "security_group": None,
        },
        format="json",
    )
    assert again.json()["version"] == 2, again.json()

    newest = asked(api, name="second", template=key)
    assert newest.status_code == 202, newest.json()
    first = asked(api, name="first", template=key, template_version=1, disk_gib=50)
    assert first.status_code == 202, first.json()
    assert Vm.objects.get(name="second").vcpu == 2
    old = Vm.objects.get(name="first")
    assert (old.vcpu, old.disks.count(), old.disks.get(role="system").size_gib) == (1, 2, 50)
    listed = api.get("/api/v1/vm-templates").json()["results"]
    assert [each["version"] for each in listed] == [2]


def test_a_choice_that_is_gone_is_named_and_can_be_replaced(
    cloud: Cloud, subnet: Subnet, owner: Actor, alice: User
) -> None:
    api = factories.api_client(alice)
    other = make_image(cloud.storage, "Old Debian")
    key_pair = api.post("/api/v1/key-pairs", {"name": "mine", "public_key": SSH_KEY}, format="json").json()[
        "id"
    ]
    template = create_vm_template(
        owner, name="web", **choices(cloud, subnet, image=other.pk, key_pairs=[key_pair])
    )
    assert asked(api, name="works", template=str(template.pk)).status_code == 202
    Vm.objects.update(image=None)
    for disk in Vm.objects.get().disks.all():
        type(disk).objects.filter(pk=disk.pk).update(image=None)
    Image.objects.filter(pk=other.pk).delete()
    api.delete(f"/api/v1/key-pairs/{key_pair}")

    for dry in ("", "?dry_run=1"):
        answer = api.post(f"/api/v1/vms{dry}", {"name": "web", "template": str(template.pk)}, format="json")
        assert "Deleted since the template was saved: Image Old Debian." in answer.content.decode()
        assert "Deleted since the template was saved: SSH keys mine." in answer.content.decode()
        assert answer.status_code == (200 if dry else 422)
    page = factories.page_client(alice)
    shown = page.get(f"/vms/create/?template={template.pk}").content.decode()
    assert "Old Debian. Choose another one." in shown
    assert "(no longer exists)" in page.get(f"/vm-templates/{template.pk}/").content.decode()

    fresh = {"image": str(cloud.image.pk), "template": str(template.pk)}
    another = api.post("/api/v1/key-pairs", {"name": "other"}, format="json").json()["id"]
    assert asked(api, name="new", key_pairs=[another], **fresh).status_code == 202


def test_a_template_of_another_tenant_or_version_is_not_found(
    cloud: Cloud, subnet: Subnet, owner: Actor, alice: User, tenant_b: Tenant
) -> None:
    api = factories.api_client(alice)
    template = create_vm_template(owner, name="web", **choices(cloud, subnet))
    stranger = factories.api_client(factories.make_owner(tenant_b))
    assert "VM template not found" in asked(stranger, name="x", template=str(template.pk)).content.decode()
    missing = asked(api, name="x", template=str(template.pk), template_version=7)
    assert "has no version 7" in missing.content.decode() and missing.status_code == 422
    alone = asked(
        api, name="x", template_version=1, **{k: str(v) for k, v in choices(cloud, subnet).items() if v}
    )
    assert alone.status_code == 422
    nothing = asked(api, name="x")
    assert nothing.status_code == 400 and "subnet" in nothing.content.decode()


def test_a_template_fills_in_the_create_page_and_is_saved_from_it(
    cloud: Cloud, subnet: Subnet, vm: Vm, owner: Actor, alice: User
) -> None:
    page = factories.page_client(alice)
    typed = {
        "name": "web-plan",
        "project": str(factories.default_project(alice.tenant).uid),  # type: ignore[arg-type]
        "instance_type": InstanceType.objects.get(cluster=cloud.cluster, vcpu=4).pk,
        "image": str(cloud.image.pk),
        "subnet": str(subnet.pk),
        "security_group": "",
        "disk_gib": "60",
        "data_disks": "10, 30",
    }
    draft = page.post("/vm-templates/create/?draft=1", {**typed, "password": "Secret-4711-word"})
    assert draft.status_code == 200
    assert 'value="web-plan"' in draft.content.decode() and "Secret-4711" not in draft.content.decode()
    assert not VmTemplate.objects.exists()
    token = draft.content.decode().split('name="form_token" value="')[1].split('"')[0]
    assert page.post("/vm-templates/create/", {**typed, "form_token": token}).status_code == 302
    template = VmTemplate.objects.get()
    assert template.versions.get().choices["data_disks"] == [
        {"size_gib": size, "cluster": cloud.storage.pk} for size in (10, 30)
    ]
    filled = page.get(f"/vms/create/?template={template.pk}").content.decode()
    assert "Template web-plan, version 1" in filled
    assert 'value="10, 30"' in filled and 'value="60"' in filled
    assert page.get(f"/vms/create/?template={vm.pk}").status_code == 404

    form = page.get(f"/vm-templates/{template.pk}/versions/create/").content.decode()
    assert 'value="10, 30"' in form
    token = form.split('name="form_token" value="')[1].split('"')[0]
    own = ("name", "project")  # the template's: the page does not ask for them
    changed = {name: value for name, value in typed.items() if name not in own}
    changed |= {"disk_gib": "70", "form_token": token}
    answer = page.post(f"/vm-templates/{template.pk}/versions/create/", changed)
    assert answer.status_code == 302
    assert VmTemplateVersion.objects.get(number=2).choices["disk_gib"] == 70
    assert page.get(f"/vm-templates/{template.pk}/versions/").content.decode().count("Create VM") >= 2
