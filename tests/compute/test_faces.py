"""VMs, images, keys, types and disks as the API and the pages show them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Project, Tenant, User
from apps.compute.models import InstanceType, KeyPair, Vm
from apps.compute.services.delete import delete_vm
from apps.lifecycle.actor import Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.models import Operation
from apps.network.models import SecurityGroup, Subnet
from tests import factories
from tests.compute.factories import Cloud, make_group, make_vm

pytestmark = pytest.mark.django_db


def body(cloud: Cloud, subnet: Subnet, **changes: Any) -> dict[str, Any]:
    return {
        "name": "web",
        "instance_type": cloud.small.pk,
        "image": str(cloud.image.pk),
        "subnet": str(subnet.pk),
        "security_group": None,
        **changes,
    }


@pytest.mark.requirement("VM-1")
@pytest.mark.requirement("AC-4")
def test_a_vm_lives_and_dies_through_the_api(cloud: Cloud, subnet: Subnet, alice: User) -> None:
    api = factories.api_client(alice)
    answer = api.post("/api/v1/vms", body(cloud, subnet, password="Secret-12345"), format="json")
    assert answer.status_code == 202, answer.data
    (shown,) = answer.data["resources"]
    assert shown["word"] == "Creating"
    assert shown["nics"][0]["ip"] == "10.0.0.2"
    assert shown["host"] is None
    assert "Secret" not in str(answer.data)
    execute(Operation.objects.get().pk)
    one = f"/api/v1/vms/{shown['id']}"
    shown = api.get(one).data
    assert (shown["word"], shown["memory_gib"], shown["disks"][0]["size_gib"]) == ("Running", 2, 40)
    actions = {action["action"]: action["allowed"] for action in shown["allowed_actions"]}
    assert actions["shut-down"] and actions["delete"] and not actions["start"]
    answer = api.post(f"{one}/start")
    assert (answer.status_code, answer.data["code"]) == (409, "state.not_allowed")
    for action in ("shut-down", "start", "restart", "power-off"):
        answer = api.post(f"{one}/{action}")
        assert answer.status_code == 202, answer.data
        execute(answer.data["operation"]["id"])
    assert api.patch(one, {"name": "db"}, format="json").data["name"] == "db"
    answer = api.delete(one)
    assert answer.status_code == 202
    execute(answer.data["operation"]["id"])
    assert api.get(one).status_code == 404


def test_bad_input_answers_422_with_the_field(cloud: Cloud, subnet: Subnet, alice: User) -> None:
    answer = factories.api_client(alice).post(
        "/api/v1/vms", body(cloud, subnet, hostname="-bad-"), format="json"
    )
    assert answer.status_code == 422
    assert answer.data["errors"][0]["field"] == "hostname"


def test_a_create_answers_what_a_get_does_without_reading_the_vms_back(
    cloud: Cloud, subnet: Subnet, alice: User
) -> None:
    api, group = factories.api_client(alice), make_group(cloud.region, subnet.project)
    with CaptureQueriesContext(connection) as asked:
        answer = api.post("/api/v1/vms", body(cloud, subnet, security_group=group.pk, count=2), format="json")
    statements = [query["sql"] for query in asked]
    assert statements and not [
        sql for sql in statements if sql.startswith("SELECT") and '"compute_vm"' in sql
    ]
    assert answer.status_code == 202, answer.data
    assert len(answer.data["resources"]) == 2
    for shown in answer.data["resources"]:
        assert shown == api.get(f"/api/v1/vms/{shown['id']}").data


@pytest.mark.requirement("OP-5")
def test_the_same_key_twice_makes_one_vm(cloud: Cloud, subnet: Subnet, alice: User) -> None:
    api = factories.api_client(alice)
    answers = [
        api.post("/api/v1/vms", body(cloud, subnet), format="json", HTTP_IDEMPOTENCY_KEY="one")
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert Vm.objects.count() == 1


def test_admins_see_the_host_and_tenants_do_not(
    cloud: Cloud, subnet: Subnet, owner: Actor, alice: User, ada: User
) -> None:
    vm = make_vm(owner, cloud, subnet)
    assert vm.host is not None
    assert factories.api_client(ada).get(f"/api/v1/vms/{vm.pk}").data["host"]["name"] == vm.host.name
    assert factories.api_client(alice).get(f"/api/v1/vms/{vm.pk}").data["host"] is None
    assert factories.api_client(ada).get(f"/api/v1/vms?host={vm.host_id}").data["results"]
    assert not factories.api_client(alice).get(f"/api/v1/vms?host={vm.host_id}").data["results"]


def test_a_vm_is_found_by_its_address_mac_name_and_id(
    cloud: Cloud, subnet: Subnet, owner: Actor, alice: User
) -> None:
    vm, other = make_vm(owner, cloud, subnet), make_vm(owner, cloud, subnet, name="other")
    nic = vm.nics.get(role="internal")
    api = factories.api_client(alice)
    for text in (str(nic.ip), nic.mac, "eb", str(vm.pk)):
        found = api.get("/api/v1/vms", {"q": text}).data["results"]
        assert [row["id"] for row in found] == [str(vm.pk)], text
    assert str(other.pk) not in str(found)


def test_lists_cost_the_same_number_of_statements_for_one_and_for_many(
    cloud: Cloud, subnet: Subnet, owner: Actor, alice: User
) -> None:
    api, page = factories.api_client(alice), factories.page_client(alice)
    api.get("/api/v1/me")  # the first use of a key is written down, and so is that of a session
    page.get("/vms/")
    counts: list[tuple[int, int]] = []
    for count in (1, 9):
        for number in range(count):
            make_vm(owner, cloud, subnet, name=f"vm{number}")
        with CaptureQueriesContext(connection) as by_api:
            assert api.get("/api/v1/vms").status_code == 200
        with CaptureQueriesContext(connection) as by_page:
            assert page.get("/vms/").status_code == 200
        counts.append((len(by_api), len(by_page)))
    assert counts[0] == counts[1]


@pytest.mark.requirement("VM-1")
def test_a_vm_is_created_from_the_page_with_a_name_alone(cloud: Cloud, subnet: Subnet, alice: User) -> None:
    browser = factories.page_client(alice)
    shown = browser.get("/vms/create/")
    assert shown.status_code == 200
    form = shown.context["form"]
    given = {
        name: form[name].value()
        if not hasattr(form.fields[name], "queryset")
        else form.fields[name].queryset.first()
        for name in ("image", "instance_type", "subnet", "count")
    }
    given["project"] = form.fields["project"].initial.uid
    given["security_group"] = ""
    for name in ("image", "instance_type", "subnet"):
        given[name] = given[name].pk
    answer = browser.post("/vms/create/", {**given, "name": "from-page"})
    assert answer.status_code == 302, answer.context["form"].errors
    vm = Vm.objects.get(name="from-page")
    assert answer["Location"] == f"/vms/{vm.pk}/"
    wrong = browser.post("/vms/create/", {**given, "name": "x", "hostname": "-"})
    assert wrong.status_code == 422
    assert wrong.context["form"].errors["hostname"]


@pytest.mark.parametrize(
    "tab", ["", "network/", "disks/", "activity/", "menu/", "delete/", "power-off/", "rename/"]
)
def test_every_page_of_a_vm_opens(
    cloud: Cloud, subnet: Subnet, owner: Actor, alice: User, ada: User, tab: str
) -> None:
    vm = make_vm(owner, cloud, subnet)
    assert factories.page_client(alice).get(f"/vms/{vm.pk}/{tab}").status_code == 200
    assert factories.page_client(ada).get(f"/admin/vms/{vm.pk}/{tab}").status_code == 200


@pytest.mark.requirement("UX-4")
def test_deleting_says_what_goes_and_wants_the_name(
    cloud: Cloud, subnet: Subnet, owner: Actor, alice: User
) -> None:
    vm = make_vm(owner, cloud, subnet)
    browser = factories.page_client(alice)
    text = browser.get(f"/vms/{vm.pk}/delete/").content.decode()
    assert "web-system (40\N{NO-BREAK SPACE}GiB)" in text
    assert "10.0.0.2" in text
    assert browser.post(f"/vms/{vm.pk}/delete/", {"typed_name": "wrong"}).status_code == 422
    browser.post(f"/vms/{vm.pk}/delete/", {"typed_name": "web"})
    assert Operation.objects.open().get(resource=vm).verb == "vm.delete"


@pytest.mark.parametrize(
    "path",
    [
        "/vms/",
        "/vms/create/",
        "/images/",
        "/key-pairs/",
        "/key-pairs/create/",
        "/disks/",
    ],
)
def test_every_list_and_form_of_a_tenant_opens(
    cloud: Cloud, subnet: Subnet, owner: Actor, alice: User, path: str
) -> None:
    make_vm(owner, cloud, subnet)
    assert factories.page_client(alice).get(path).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/admin/vms/",
        "/admin/images/",
        "/admin/images/create/",
        "/admin/disks/",
        "/admin/instance-types/",
        "/admin/instance-types/create/",
        "/admin/regions/",
        "/admin/regions/create/",
        "/admin/compute-clusters/",
        "/admin/compute-clusters/create/",
        "/admin/storage-clusters/",
        "/admin/storage-clusters/create/",
        "/admin/hosts/",
        "/admin/hosts/create/",
    ],
)
def test_every_list_and_form_of_an_admin_opens(
    cloud: Cloud, subnet: Subnet, owner: Actor, ada: User, path: str
) -> None:
    make_vm(owner, cloud, subnet)
    assert factories.page_client(ada).get(path).status_code == 200


@pytest.mark.requirement("CL-3")
def test_an_admin_sees_what_runs_where(cloud: Cloud, subnet: Subnet, owner: Actor, ada: User) -> None:
    vm = make_vm(owner, cloud, subnet)
    browser = factories.page_client(ada)
    assert "web" in browser.get(f"/admin/hosts/{vm.host_id}/vms/").content.decode()
    for path in (
        f"/admin/hosts/{vm.host_id}/",
        f"/admin/hosts/{vm.host_id}/close/",
        f"/admin/hosts/{vm.host_id}/remove/",
        f"/admin/hosts/{vm.host_id}/renew/",
        f"/admin/compute-clusters/{cloud.cluster.pk}/",
        f"/admin/compute-clusters/{cloud.cluster.pk}/hosts/",
        f"/admin/compute-clusters/{cloud.cluster.pk}/change/",
        f"/admin/compute-clusters/{cloud.cluster.pk}/permit/",
        f"/admin/compute-clusters/{cloud.cluster.pk}/delete/",
        f"/admin/storage-clusters/{cloud.storage.pk}/",
        f"/admin/regions/{cloud.region.name}/",
        f"/admin/regions/{cloud.region.name}/change/",
        f"/admin/images/{cloud.image.pk}/",
        f"/admin/instance-types/{cloud.small.pk}/delete/",
        f"/admin/disks/{vm.disks.get().pk}/",
    ):
        assert browser.get(path).status_code == 200, path


@pytest.mark.requirement("AC-1")
def test_a_stranger_gets_404_for_everything_of_a_vm(
    cloud: Cloud, subnet: Subnet, owner: Actor, bob: User
) -> None:
    vm = make_vm(owner, cloud, subnet)
    api, browser = factories.api_client(bob), factories.page_client(bob)
    assert api.get(f"/api/v1/vms/{vm.pk}").status_code == 404
    assert api.delete(f"/api/v1/vms/{vm.pk}").status_code == 404
    assert api.post(f"/api/v1/vms/{vm.pk}/power-off").status_code == 404
    assert browser.get(f"/vms/{vm.pk}/").status_code == 404
    assert browser.post(f"/vms/{vm.pk}/delete/", {"typed_name": "web"}).status_code == 404
    assert api.get("/api/v1/disks").data["results"] == []
    assert api.get("/api/v1/hosts").data.get("results", []) == []


def test_a_made_key_is_shown_once_by_api_and_page(cloud: Cloud, alice: User) -> None:
    api = factories.api_client(alice)
    made = api.post("/api/v1/key-pairs", {"name": "k"}, format="json")
    assert made.status_code == 201
    assert made.data["private_key"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    assert api.get(f"/api/v1/key-pairs/{made.data['id']}").data["private_key"] is None
    project = factories.default_project(KeyPair.objects.get().tenant)
    shown = factories.page_client(alice).post("/key-pairs/create/", {"name": "p", "project": project.uid})
    assert "OPENSSH PRIVATE KEY" in shown.content.decode()
    assert shown["Cache-Control"] == "no-store"
    assert api.delete(f"/api/v1/key-pairs/{made.data['id']}").status_code == 204


def test_an_admin_makes_clusters_and_types_through_the_api(cloud: Cloud, ada: User, alice: User) -> None:
    api = factories.api_client(ada)
    made = api.post("/api/v1/compute-clusters", {"region": cloud.region.name}, format="json")
    assert (made.status_code, made.data["name"]) == (201, "x86-1")
    assert InstanceType.objects.filter(cluster_id=made.data["id"]).count() == 5
    wanted = {"cluster": made.data["id"], "vcpu": 3, "memory_gib": 2}
    assert api.post("/api/v1/instance-types", wanted, format="json").status_code == 422
    wanted["vcpu"] = 6
    assert api.post("/api/v1/instance-types", wanted, format="json").status_code == 201
    assert (
        factories.api_client(alice).post("/api/v1/instance-types", wanted, format="json").status_code == 403
    )
    limited = api.post(
        f"/api/v1/compute-clusters/{made.data['id']}/permit", {"open_to_all": False}, format="json"
    )
    assert (limited.status_code, limited.data["open_to_all"]) == (200, False)
    seen = factories.api_client(alice).get("/api/v1/compute-clusters").data["results"]
    assert made.data["id"] not in [row["id"] for row in seen]
    patched = api.patch(f"/api/v1/compute-clusters/{made.data['id']}", {"alias": "Fast"}, format="json")
    assert patched.data["alias"] == "Fast"


def test_a_deleted_vm_is_gone_from_every_list(
    cloud: Cloud, subnet: Subnet, owner: Actor, alice: User
) -> None:
    vm = make_vm(owner, cloud, subnet)
    execute(delete_vm(owner, vm).pk)
    api = factories.api_client(alice)
    for path in ("/api/v1/vms", "/api/v1/disks"):
        assert api.get(path).data["results"] == []


@pytest.mark.requirement("SG-1")
def test_a_call_without_a_group_gets_the_default_one_and_null_gets_none(
    alice: User, cloud: Cloud, subnet: Subnet, tenant_a: Tenant
) -> None:
    api = factories.api_client(alice)
    named = body(cloud, subnet)
    del named["security_group"]
    for url in ("/api/v1/vms", "/api/v1/vms?dry_run=1"):
        answer = api.post(url, named, format="json").json()
        refusal = (answer.get("refusals") or [answer])[0]
        assert [error["field"] for error in refusal["errors"]] == ["security_group"]
        assert "no security group named “default”" in refusal["errors"][0]["message"]
        assert "null" in refusal["hint"]
    other = Project.objects.create(tenant=tenant_a, name="other")
    elsewhere = make_group(cloud.region, other)
    SecurityGroup.objects.update(name="default")
    own = make_group(cloud.region, factories.default_project(tenant_a))
    SecurityGroup.objects.update(name="default")
    tried = api.post("/api/v1/vms?dry_run=1", named, format="json").json()
    assert tried["possible"] and tried["security_group"]["id"] == str(own.pk)
    made = api.post("/api/v1/vms", named, format="json").json()
    assert made["resources"][0]["nics"][0]["security_group"]["id"] == str(own.pk)
    SecurityGroup.objects.filter(pk=own.pk).update(name="renamed")
    tried = api.post("/api/v1/vms?dry_run=1", named, format="json").json()
    assert tried["security_group"]["id"] == str(elsewhere.pk), "another project's of the tenant"
    bare = api.post("/api/v1/vms", {**named, "name": "bare", "security_group": None}, format="json").json()
    assert bare["resources"][0]["nics"][0]["security_group"] is None


@pytest.mark.requirement("VP-1")
@pytest.mark.parametrize("parameter", ["ip", "q"])
def test_a_filter_does_not_take_a_mask_for_a_prefix_length(
    owner: Actor, cloud: Cloud, subnet: Subnet, alice: User, parameter: str
) -> None:
    make_vm(owner, cloud, subnet)
    client = factories.api_client(alice)
    found = {
        block: len(client.get("/api/v1/vms", {parameter: block}).json()["results"])
        for block in ("10.0.0.0/24", "10.0.0.0/0.0.0.255", "10.0.0.0/255.255.255.0")
    }
    assert found == {"10.0.0.0/24": 1, "10.0.0.0/0.0.0.255": 0, "10.0.0.0/255.255.255.0": 0}
