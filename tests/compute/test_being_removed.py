"""What is being removed, by a delete or by a force clean, is used by nothing new; one answer for every kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from apps.accounts.models import Tenant
from apps.compute.models import Vm
from apps.compute.services.delete import delete_vm
from apps.compute.services.forecast import forecast_vms
from apps.compute.services.image import delete_image
from apps.compute.services.power import start_vm
from apps.lifecycle.actor import SYSTEM, Actor
from apps.lifecycle.errors import Busy, NotNow
from apps.lifecycle.legality import holding
from apps.lifecycle.models import Operation, Resource
from apps.lifecycle.requests import Change
from apps.lifecycle.usable import hold_for_use, is_being_removed
from apps.lifecycle.verbs import all_verbs, verb_named
from apps.network.models import SecurityGroup, Subnet
from apps.network.services.nic import set_security_group
from apps.network.services.security_group import delete_security_group
from apps.network.services.subnet import create_subnet, delete_subnet
from apps.network.services.vpc import delete_vpc
from apps.reconciliation.declared import kinds_with_rows
from tests import factories
from tests.compute.factories import Cloud, ask_for_vms, make_group, make_vm

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("OP-1")]

#: Deletes by kind; a force clean is requested alike for all.
DELETE: dict[str, Callable[[Actor, Any], Operation]] = {
    "vm": delete_vm,
    "image": delete_image,
    "vpc": delete_vpc,
    "subnet": delete_subnet,
    "security_group": delete_security_group,
}


@pytest.fixture
def group(cloud: Cloud, tenant_a: Tenant) -> SecurityGroup:
    return make_group(cloud.region, factories.default_project(tenant_a))


def force_clean(row: Resource) -> Operation:
    with transaction.atomic():
        verb = verb_named(f"{row.kind}.force_clean")
        return Change(SYSTEM, verb, row, tuple(holding([row]))).request()


def remove(owner: Actor, row: Resource, how: str) -> Operation:
    return force_clean(row) if how == "force_clean" else DELETE[row.kind](SYSTEM, row)


def removed_both_ways(test: Any) -> Any:
    return pytest.mark.parametrize("how", ["delete", "force_clean"])(test)


@removed_both_ways
def test_no_vm_is_made_from_an_image_being_removed(
    owner: Actor, cloud: Cloud, subnet: Subnet, how: str
) -> None:
    remove(owner, cloud.image, how)
    with pytest.raises(NotNow, match="is being deleted"):
        ask_for_vms(owner, cloud, subnet)
    asked = {
        "name": "web",
        "instance_type": cloud.small.pk,
        "image": cloud.image.pk,
        "subnet": subnet.pk,
    }
    assert any("is being deleted" in refused.message for refused in forecast_vms(owner, asked).refusals)


@removed_both_ways
def test_no_vm_is_made_in_a_subnet_being_removed(
    owner: Actor, cloud: Cloud, subnet: Subnet, how: str
) -> None:
    remove(owner, subnet, how)
    with pytest.raises(NotNow, match="is being deleted"):
        ask_for_vms(owner, cloud, subnet)


@removed_both_ways
def test_no_security_group_being_removed_is_bound(
    owner: Actor, cloud: Cloud, subnet: Subnet, group: SecurityGroup, how: str
) -> None:
    vm = make_vm(owner, cloud, subnet)
    remove(owner, group, how)
    with pytest.raises(NotNow, match="is being deleted"):
        set_security_group(owner, vm, security_group=group.pk)
    with pytest.raises(NotNow, match="is being deleted"):
        ask_for_vms(owner, cloud, subnet, name="other", security_group=group.pk)


@removed_both_ways
def test_no_subnet_is_made_in_a_vpc_being_removed(
    owner: Actor, cloud: Cloud, subnet: Subnet, how: str
) -> None:
    vpc = subnet.vpc
    if how == "delete":
        Subnet.objects.filter(pk=subnet.pk).delete()
    remove(owner, vpc, how)
    with pytest.raises(NotNow, match="is being deleted"):
        create_subnet(owner, vpc=vpc.pk, name="more", cidr="10.0.0.0/24")


@removed_both_ways
def test_nothing_is_done_with_a_vm_being_removed(
    owner: Actor, cloud: Cloud, subnet: Subnet, how: str
) -> None:
    vm = make_vm(owner, cloud, subnet)
    remove(owner, vm, how)
    assert is_being_removed(vm)
    with pytest.raises(Busy):
        start_vm(owner, Vm.objects.get(pk=vm.pk))


@removed_both_ways
@pytest.mark.parametrize("kind", DELETE)
def test_every_kind_that_can_be_force_cleaned_has_the_same_answer(
    owner: Actor, cloud: Cloud, subnet: Subnet, group: SecurityGroup, kind: str, how: str
) -> None:
    rows: dict[str, Callable[[], Resource]] = {
        "vm": lambda: make_vm(owner, cloud, subnet),
        "image": lambda: cloud.image,
        "vpc": lambda: subnet.vpc,
        "subnet": lambda: subnet,
        "security_group": lambda: group,
    }
    row = rows[kind]()
    if (kind, how) == ("vpc", "delete"):
        Subnet.objects.filter(pk=subnet.pk).delete()
    with transaction.atomic():
        hold_for_use(row)
    assert not is_being_removed(row)
    remove(owner, row, how)
    assert is_being_removed(row)
    with pytest.raises(NotNow, match=f"{row.name} is being deleted"), transaction.atomic():
        hold_for_use(row)


def test_every_verb_that_removes_its_resource_says_so() -> None:
    of_resources = [verb for verb in all_verbs() if verb.on_resource and verb.kind != "sample"]
    by_name = {v.name for v in of_resources if v.action in ("delete", "remove", "force_clean")}
    assert {verb.name for verb in of_resources if verb.removes} == by_name
    assert {kind.force_clean.name for kind in kinds_with_rows() if kind.force_clean} <= by_name
    assert {f"{kind}.delete" for kind in DELETE} <= by_name
