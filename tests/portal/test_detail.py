"""Details: what a resource uses and what uses it, since when it is as it is, and what became of it when it failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Role, Tenant, User
from apps.compute.models import KeyPair, Vm
from apps.compute.services.key_pair import create_key_pair
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Operation, OperationStatus, State
from apps.lifecycle.tenant_texts import CAUSES
from apps.network.models import Subnet
from tests import factories
from tests.compute.factories import Cloud, make_group, make_vm


def page(user: User, path: str) -> str:
    answer = factories.page_client(user).get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def context(user: User, path: str) -> dict[str, Any]:
    answer = factories.page_client(user).get(path)
    assert answer.status_code == 200, path
    return answer.context


def named(groups: list[Any]) -> dict[str, list[str]]:
    return {str(group.label): [item.name for item in group.items] for group in groups}


@pytest.fixture
def vm(owner: Actor, cloud: Cloud, subnet: Subnet) -> Vm:
    return make_vm(owner, cloud, subnet, name="web-1")


@pytest.mark.requirement("UX-6")
def test_a_vm_says_what_it_uses_and_each_of_these_that_the_vm_uses_it(
    owner: Actor, alice: User, cloud: Cloud, subnet: Subnet
) -> None:
    group = make_group(cloud.region, factories.default_project(subnet.tenant))
    key = create_key_pair(owner, name="laptop").key_pair
    vm = make_vm(owner, cloud, subnet, name="web-1", security_group=group.pk, key_pairs=[key.pk])
    uses = named(context(alice, f"/vms/{vm.pk}/")["uses"])
    assert uses == {
        "Images": ["Tiny"],
        "Disks": [vm.disks.get().name],
        "Subnets": ["subnet"],
        "VPCs": ["vpc"],
        "Security groups": ["group"],
        "SSH keys": ["laptop"],
    }
    users = [
        f"/images/{cloud.image.pk}/",
        f"/disks/{vm.disks.get().pk}/",
        f"/subnets/{subnet.pk}/",
        f"/vpcs/{subnet.vpc_id}/",
        f"/security-groups/{group.pk}/",
        f"/key-pairs/{key.pk}/",
    ]
    for path in users:
        assert named(context(alice, path)["used_by"])["Virtual machines"] == ["web-1"], path


@pytest.mark.requirement("UX-6")
def test_an_admin_also_sees_host_cluster_and_size_and_finds_the_vm_on_each(
    vm: Vm, ada: User, cloud: Cloud
) -> None:
    uses = named(context(ada, f"/admin/vms/{vm.pk}/")["uses"])
    assert vm.host is not None
    assert (uses["Hosts"], uses["Instance types"]) == ([vm.host.name], [cloud.small.name])
    assert "web-1" in page(ada, f"/admin/hosts/{vm.host_id}/vms/")
    listed = f"/admin/vms/?cluster={cloud.cluster.pk}"
    assert listed in page(ada, f"/admin/compute-clusters/{cloud.cluster.pk}/vms/")
    assert "web-1" in page(ada, listed)
    for path in (f"instance-types/{cloud.small.pk}",):
        assert named(context(ada, f"/admin/{path}/")["used_by"])["Virtual machines"] == ["web-1"], path
    assert named(context(ada, f"/admin/storage-clusters/{cloud.storage.pk}/")["used_by"])["Disks"]


@pytest.mark.requirement("UX-6")
def test_of_many_the_first_are_named_and_the_rest_stand_in_the_narrowed_list(
    owner: Actor, alice: User, cloud: Cloud, subnet: Subnet
) -> None:
    for number in range(12):
        make_vm(owner, cloud, subnet, name=f"web-{number}")
    (group,) = context(alice, f"/subnets/{subnet.pk}/")["used_by"]
    assert (len(group.items), group.total, group.more) == (10, 12, 2)
    listed = page(alice, group.url)
    assert all(f"web-{number}<" in listed for number in range(12))


@pytest.mark.requirement("UX-6")
def test_a_member_learns_that_something_is_hidden_but_not_what(
    vm: Vm, tenant_a: Tenant, cloud: Cloud, subnet: Subnet
) -> None:
    elsewhere = factories.make_project(tenant_a, "secret")
    vm.project = elsewhere
    vm.save(update_fields=["project"])
    max_ = factories.make_member(tenant_a, Role.MANAGER, "max")
    (group,) = context(max_, f"/subnets/{subnet.pk}/")["used_by"]
    assert (group.items, group.hidden) == ([], 1)
    html = page(max_, f"/subnets/{subnet.pk}/")
    assert "and 1 without access" in html
    assert "web-1" not in html


@pytest.mark.requirement("UX-6")
def test_what_other_tenants_make_of_a_base_image_is_not_even_counted(vm: Vm, cloud: Cloud, bob: User) -> None:
    shown = context(bob, f"/images/{cloud.image.pk}/")
    assert shown["used_by"] == []
    assert shown["latest"].moments == []


@pytest.mark.requirement("UX-6")
@pytest.mark.parametrize("where", ["subnets", "images", "vms"])
def test_details_cost_the_same_number_of_queries_however_much_uses_them(
    owner: Actor, alice: User, cloud: Cloud, subnet: Subnet, where: str
) -> None:
    first = make_vm(owner, cloud, subnet, name="first")
    path = f"/{where}/{ {'subnets': subnet.pk, 'images': cloud.image.pk, 'vms': first.pk}[where] }/"
    one = _queries(lambda: page(alice, path))
    for number in range(4):
        make_vm(owner, cloud, subnet, name=f"web-{number}")
    assert _queries(lambda: page(alice, path)) == one
    assert one < 60


def _queries(act: Callable[[], object]) -> int:
    with CaptureQueriesContext(
        connection,
    ) as seen:
        act()
    return len(seen)


@pytest.fixture
def failed(vm: Vm) -> Operation:
    """The VM's start failed a while ago."""
    operation = vm.operations.get()
    error = {
        "code": "hypervisor.unreachable",
        "message": "The host does not answer.",
        "hint": "Check that it is up.",
        "operation": str(operation.pk),
        "verb": "vm.start",
    }
    Operation.objects.filter(pk=operation.pk).update(
        verb="vm.start", status=OperationStatus.FAILED, error=error, request_id="request-4711"
    )
    Vm.objects.filter(pk=vm.pk).update(error=error, power_seen="off")
    return operation


@pytest.mark.requirement("OP-4")
def test_a_failure_says_cause_code_request_next_step_and_offers_the_retry(
    failed: Operation, alice: User
) -> None:
    path = f"/vms/{failed.target_id}/"
    html = page(alice, path)
    for text in (
        CAUSES["hypervisor.unreachable"].message,
        "hypervisor.unreachable",
        "request-4711",
        "Retry later.",
    ):
        assert text in html, text
    notice = html[html.index('class="failed"') :]
    assert f'href="/operations/{failed.pk}/"' in notice
    assert f'action="{path}start/"' in notice[: notice.index("</dl>") if "</dl>" in notice else None]


@pytest.mark.requirement("OP-4")
def test_what_was_never_created_is_offered_the_kinds_own_retry(failed: Operation, alice: User) -> None:
    failed.refresh_from_db()
    error = {**failed.error, "verb": "vm.create"}
    Operation.objects.filter(pk=failed.pk).update(verb="vm.create", error=error)
    Vm.objects.filter(pk=failed.target_id).update(state=State.ERROR, error=error)
    failure = context(alice, f"/vms/{failed.target_id}/")["failure"]
    assert failure.retry.do.verb.name == "vm.retry"
    assert failure.retry.judged.allowed


@pytest.mark.requirement("UX-6")
def test_the_header_says_since_when_it_is_as_it_is(vm: Vm, alice: User) -> None:
    operation = vm.operations.get()
    assert context(alice, f"/vms/{vm.pk}/network/")["since"] == operation.finished_at
    assert 'class="state-since"' in page(alice, f"/vms/{vm.pk}/")


@pytest.mark.requirement("UX-6")
def test_a_deletion_refused_because_of_users_names_them_with_links(
    vm: Vm, subnet: Subnet, alice: User
) -> None:
    client = factories.page_client(alice)
    for headers in ({}, {"HX-Request": "true"}):
        answer = client.post(f"/subnets/{subnet.pk}/delete/", {"typed_name": subnet.name}, headers=headers)
        assert answer.status_code == 409
        assert f'href="/vms/{vm.pk}/"' in answer.content.decode()


def test_key_pairs_are_shown_by_the_key_not_by_its_name(owner: Actor, alice: User, vm: Vm) -> None:
    key: KeyPair = create_key_pair(owner, name="unused").key_pair
    assert context(alice, f"/key-pairs/{key.pk}/")["used_by"] == []
