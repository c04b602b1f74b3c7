"""The page that creates VMs: defaults, the summary, nothing lost, the API call, another one."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import Tenant, User
from apps.compute.models import InstanceType, Vm
from apps.compute.services.key_pair import create_key_pair
from apps.compute.specs import vm_spec
from apps.infrastructure.models import Host
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Operation, State
from apps.network.models import SecurityGroup, Subnet
from apps.quotas.models import Quota
from tests import factories
from tests.compute.factories import Cloud, make_cloud, make_group, make_image, make_vm
from tests.portal.test_create import chosen

pytestmark = [pytest.mark.requirement("UX-5"), pytest.mark.django_db]

PAGE = "/vms/create/"
SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ test"


@pytest.fixture
def browser(alice: User) -> Client:
    return factories.page_client(alice)


def as_shown(page: Any) -> dict[str, Any]:
    """What a browser would send of the form as it was opened."""
    from apps.portal.prefill import shown_values

    form = page.context["form"]
    return dict(shown_values(form).lists())


def preview(browser: Client, typed: dict[str, Any], *touched: str) -> Any:
    answer = browser.post(
        f"{PAGE}?preview=1", {**typed, "touched": ",".join(touched)}, headers={"HX-Request": "true"}
    )
    assert answer.status_code == 200
    return answer


def call_in(answer: Any) -> dict[str, Any]:
    """The JSON body of the call the summary offers."""
    found = re.search(r"data-api-body>(.*?)</pre>", answer.content.decode(), re.DOTALL)
    assert found is not None
    body: dict[str, Any] = json.loads(unescape(found.group(1)))
    return body


def test_a_name_is_enough(
    browser: Client, cloud: Cloud, subnet: Subnet, owner: Actor, tenant_a: Tenant
) -> None:
    group = make_group(cloud.region, factories.default_project(tenant_a))
    key = create_key_pair(owner, name="mine", public_key=SSH_KEY).key_pair
    page = browser.get(PAGE)
    answer = browser.post(PAGE, {**as_shown(page), "name": "web"})
    assert answer.status_code == 302, answer.context["form"].errors
    vm = Vm.objects.get()
    assert (vm.name, vm.image_id, vm.instance_type_id) == ("web", cloud.image.pk, cloud.small.pk)
    nic = vm.nics.get(role="internal")
    assert (nic.subnet_id, nic.security_group_id) == (subnet.pk, group.pk)
    assert vm.ssh_keys == [key.public_key], "the only key is chosen"


def test_the_smallest_type_that_fits_the_quota_is_chosen(
    browser: Client, cloud: Cloud, subnet: Subnet
) -> None:
    InstanceType.objects.filter(vcpu__lt=4).delete()
    assert browser.get(PAGE).context["form"]["instance_type"].initial.vcpu == 4
    Quota.objects.filter(metric="vcpu").update(limit=6)
    html = browser.get(PAGE).content.decode()
    assert html.count("over quota: vCPUs") == 2


def test_two_regions_are_not_mixed(browser: Client, cloud: Cloud, subnet: Subnet, tenant_a: Tenant) -> None:
    other = make_cloud(cloud.world)
    other.network(tenant_a, "10.1.0.0/20")
    page = browser.get(PAGE)
    assert browser.post(PAGE, {**as_shown(page), "name": "web"}).status_code == 302
    vm = Vm.objects.get()
    assert vm.region == vm.image.region == vm.nics.get(role="internal").subnet.region  # type: ignore[union-attr]
    html = page.content.decode()
    assert f'data-place="{other.region.name}"' in html and 'data-places=""' in html


def test_the_summary_is_there_before_anything_is_typed(browser: Client, cloud: Cloud, subnet: Subnet) -> None:
    html = browser.get(PAGE).content.decode()
    assert "Missing: Name" in html
    assert "2 of 2 have enough capacity" in html
    assert "0 → 1 of 50" in html
    assert "4,092" in html, "addresses left"


def test_the_summary_follows_what_is_typed(browser: Client, cloud: Cloud, subnet: Subnet) -> None:
    Host.objects.filter(pk=cloud.hosts[0].pk).update(accepts_vms=False)
    typed = {**as_shown(browser.get(PAGE)), "name": "web", "count": "3"}
    html = preview(browser, typed, "name", "count").content.decode()
    assert "Ready to create" in html
    assert "web-1, web-2, web-3" in html
    assert "0 → 3 of 50" in html
    assert "1 of 2 have enough capacity" in html and "1 host has scheduling disabled" in html
    assert not Vm.objects.exists() and not Operation.objects.exists()


def test_what_is_wrong_stands_at_its_field_once_that_was_touched(
    browser: Client, cloud: Cloud, subnet: Subnet
) -> None:
    typed = {**as_shown(browser.get(PAGE)), "name": "", "disk_gib": "99000", "password": "sh0rt"}
    answer = preview(browser, typed, "disk_gib")
    shown = {bound.name: errors for bound, errors in answer.context["field_errors"] if errors}
    assert shown == {"disk_gib": ["1 to 32000 GiB for this image."]}, "name and password are still to come"
    assert [bound.name for bound, _ in answer.context["summary"].wrong] == ["disk_gib", "password"]
    assert "sh0rt" not in answer.content.decode(), "a secret is not sent back"


def test_a_refusal_keeps_what_was_typed_and_says_everything_about_it(
    browser: Client, cloud: Cloud, subnet: Subnet
) -> None:
    Host.objects.update(accepts_vms=False)
    typed = {
        **as_shown(browser.get(PAGE)),
        "name": "web <1>",
        "password": "Secret-pass-1",
        "user_data": "#!/bin/sh",
    }
    answer = browser.post(PAGE, typed)
    html = answer.content.decode()
    assert answer.status_code == 409
    assert 'value="web &lt;1&gt;"' in html and "#!/bin/sh" in html
    assert "2 hosts have scheduling disabled" in html
    assert "placement.no_host" in html and answer["X-Request-Id"] in html
    assert "Choose a smaller instance type" in html
    assert "Secret-pass-1" not in html
    assert "Enter it again. It is not stored." in html


@pytest.mark.requirement("AC-4")
def test_the_call_it_offers_makes_the_same_vm(
    browser: Client, alice: User, cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    create_key_pair(owner, name="mine", public_key=SSH_KEY)
    typed = {
        **as_shown(browser.get(PAGE)),
        "name": "it's <web>",
        "count": "2",
        "disk_gib": "50",
        "password": "Secret-pass-1",
        "hostname": "front",
        "user_data": "#!/bin/sh\necho 'END'\nEND\n",
        "description": 'a "description"',
    }
    offered = preview(browser, typed)
    body = call_in(offered)
    assert body["password"] == "<password>", "secrets are left out"
    curl = unescape(re.search(r"data-api-curl>(.*?)</pre>", offered.content.decode(), re.DOTALL).group(1))  # type: ignore[union-attr]
    assert curl.startswith('curl -X POST "http://testserver/api/v1/vms"')
    assert json.loads(curl.partition("<<'END'\n")[2].removesuffix("\nEND")) == body
    assert browser.post(PAGE, typed).status_code == 302
    answer = factories.api_client(alice).post(
        "/api/v1/vms", {**body, "password": "Secret-pass-1"}, format="json"
    )
    assert answer.status_code == 202, answer.data
    by_page, by_api = (
        list(Vm.objects.order_by("created_at", "name"))[part] for part in (slice(2), slice(2, 4))
    )
    assert [facts(vm) for vm in by_page] == [facts(vm) for vm in by_api]
    assert {vm.name for vm in by_page} == {"it's <web>-1", "it's <web>-2"}


def facts(vm: Vm) -> dict[str, Any]:
    """What was chosen for a VM."""
    columns = (
        "name",
        "description",
        "project_id",
        "image_id",
        "instance_type_id",
        "vcpu",
        "memory_mib",
        "hostname",
    )
    nic, disk = vm.nics.get(role="internal"), vm.disks.get()
    return {
        **{name: getattr(vm, name) for name in (*columns, "ssh_keys", "power")},
        "user_data": vm_spec(vm).seed.user_data,
        "password": bool(vm.sealed_password_hash),
        "nic": (nic.subnet_id, nic.security_group_id),
        "disk": (disk.size_gib, disk.cluster_id),
    }


def test_another_one_like_this_has_the_same_choices(
    browser: Client, cloud: Cloud, subnet: Subnet, owner: Actor, tenant_a: Tenant
) -> None:
    group = make_group(cloud.region, factories.default_project(tenant_a))
    image = make_image(cloud.storage, "Other")
    kind = InstanceType.objects.get(cluster=cloud.cluster, vcpu=4)
    vm = make_vm(
        owner, cloud, subnet, name="web-7", image=image.pk, instance_type=kind.pk, disk_gib=77, security_group=group.pk,
        password="Secret-pass-1",
    )  # fmt: skip
    assert f"{PAGE}?like={vm.pk}" in browser.get(f"/vms/{vm.pk}/menu/").content.decode()
    typed = as_shown(browser.get(f"{PAGE}?like={vm.pk}"))
    assert typed["name"] == ["web-8"]
    assert browser.post(PAGE, typed).status_code == 302
    twin = Vm.objects.get(name="web-8")
    assert (twin.image, twin.instance_type, twin.disks.get().size_gib) == (image, kind, 77)
    assert twin.nics.get(role="internal").security_group == group
    assert twin.sealed_password_hash == "", "secrets are not copied"


def test_a_strangers_vm_is_no_pattern(bob: User, cloud: Cloud, subnet: Subnet, owner: Actor) -> None:
    vm = make_vm(owner, cloud, subnet)
    assert factories.page_client(bob).get(f"{PAGE}?like={vm.pk}").status_code == 404


def test_a_viewer_is_offered_no_copy_and_told_why_not(
    vera: User, cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    vm = make_vm(owner, cloud, subnet)
    browser = factories.page_client(vera)
    assert "?like=" not in browser.get(f"/vms/{vm.pk}/menu/").content.decode()


def test_only_what_the_user_may_use_is_offered(
    browser: Client, cloud: Cloud, subnet: Subnet, tenant_b: Tenant
) -> None:
    closed = make_cloud(cloud.world)
    for cluster in (closed.cluster, closed.storage):
        type(cluster).objects.filter(pk=cluster.pk).update(open_to_all=False)
    theirs = cloud.network(tenant_b, "10.9.0.0/20")
    unready = make_image(cloud.storage, "Importing")
    type(unready).objects.filter(pk=unready.pk).update(state=State.PENDING)
    html = browser.get(PAGE).content.decode()
    for hidden in (closed.image.pk, theirs.pk, unready.pk):
        assert str(hidden) not in html
    assert str(closed.cluster) not in html


@pytest.mark.parametrize(
    ("image_has", "flag"),
    [({"cloud_init": False}, "data-no-first-boot"), ({"os_family": "windows"}, "data-no-password")],
)
def test_what_an_image_cannot_read_is_not_sent(
    browser: Client, cloud: Cloud, subnet: Subnet, image_has: dict[str, Any], flag: str
) -> None:
    image = make_image(cloud.storage, "Old", **image_has)
    typed = {
        **as_shown(browser.get(PAGE)),
        "name": "web",
        "image": str(image.pk),
        "password": "Secret-pass-1",
    }
    assert "password" not in call_in(preview(browser, typed))
    browser.post(PAGE, typed)
    assert Vm.objects.get().sealed_password_hash == ""
    assert flag in browser.get(PAGE).content.decode()


def test_the_page_costs_the_same_however_much_there_is_to_choose_from(
    browser: Client,
    cloud: Cloud,
    subnet: Subnet,
    owner: Actor,
    tenant_a: Tenant,
    django_assert_num_queries: Any,
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    project = factories.default_project(tenant_a)
    make_group(cloud.region, project)
    for name in ("first", "second"):
        create_key_pair(owner, name=name, public_key=SSH_KEY)
    browser.get(PAGE)
    with CaptureQueriesContext(connection) as few:
        browser.get(PAGE)
    for number in range(6):
        make_image(cloud.storage, f"image {number}")
        make_group(cloud.region, project)
        cloud.network(tenant_a, f"10.{number + 10}.0.0/20")
        factories.make_host(cloud.cluster)
        create_key_pair(owner, name=f"key {number}", public_key=SSH_KEY)
    with django_assert_num_queries(len(few)):
        browser.get(PAGE)
    typed = {**as_shown(browser.get(PAGE)), "name": "web"}
    with CaptureQueriesContext(connection) as seen:
        preview(browser, typed)
    assert len(seen) <= len(few) + 8
    assert chosen(browser.get(PAGE))


def offered(page: Any, name: str) -> Any:
    return page.context["form"][name].initial


def test_the_region_chosen_first_is_where_the_tenants_things_are_and_has_room(
    browser: Client, cloud: Cloud, subnet: Subnet, tenant_a: Tenant
) -> None:
    other = make_cloud(cloud.world)
    there = other.network(tenant_a, "10.1.0.0/20")
    project = factories.default_project(tenant_a)
    group = make_group(other.region, project)
    make_group(other.region, project)
    page = browser.get(PAGE)
    chosen_there = {name: offered(page, name) for name in ("region", "image", "subnet", "security_group")}
    assert chosen_there == {
        "region": other.region,
        "image": other.image,
        "subnet": there,
        "security_group": group,
    }
    assert offered(page, "instance_type").cluster == other.cluster
    Host.objects.filter(cluster=other.cluster).update(accepts_vms=False)
    assert offered(browser.get(PAGE), "region") == cloud.region, "no room there"


def test_a_vm_without_a_group_is_created_only_when_that_is_said(
    browser: Client, cloud: Cloud, subnet: Subnet, tenant_a: Tenant
) -> None:
    typed = {**as_shown(browser.get(PAGE)), "name": "web"}
    typed.pop("security_group", None)
    answer = browser.post(PAGE, typed)
    assert answer.status_code == 422 and list(answer.context["form"].errors) == ["security_group"]
    group = make_group(cloud.region, factories.default_project(tenant_a))
    SecurityGroup.objects.update(name="default")
    shown = preview(browser, typed)
    assert "data-unfiltered" not in shown.content.decode() and "security_group" not in call_in(shown)
    assert browser.post(PAGE, typed).status_code == 302
    assert Vm.objects.get().nics.get(role="internal").security_group_id == group.pk
    shown = preview(browser, {**typed, "security_group": ""})
    assert "traffic is not filtered" in shown.content.decode() and call_in(shown)["security_group"] is None
    assert browser.post(PAGE, {**typed, "name": "open", "security_group": ""}).status_code == 302
    assert Vm.objects.get(name="open").nics.get(role="internal").security_group is None
