"""What a VM was created with can be read again, so that drift is seen."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from apps.accounts.models import ApiKey, Role, User
from apps.compute.models import KeyPair, Vm
from apps.compute.services.key_pair import create_key_pair
from apps.lifecycle.actor import Actor
from apps.network.models import Subnet
from tests import factories
from tests.compute.factories import Cloud, ask_for_vms, make_group

USER_DATA = "#cloud-config\npackages: [nginx]\n"


@pytest.mark.requirement("IN-2")
def test_a_vm_says_what_it_was_created_with(owner: Actor, alice: User, cloud: Cloud, subnet: Subnet) -> None:
    pair = create_key_pair(owner, name="laptop").key_pair
    assert subnet.project is not None
    group = make_group(cloud.region, subnet.project)
    given = {"key_pairs": [pair.pk], "user_data": USER_DATA, "security_group": group.pk, "hostname": "shop"}
    (operation,) = ask_for_vms(owner, cloud, subnet, description="the shop", **given)
    KeyPair.objects.all().delete()
    Vm.objects.update(sealed_user_data="")  # as after the first boot
    body = factories.api_client(alice).get(f"/api/v1/vms/{operation.target_id}").json()
    assert body["key_pairs"] == [{"id": str(pair.pk), "name": "laptop", "fingerprint": pair.fingerprint}]
    assert body["user_data_sha256"] == sha256(USER_DATA.encode()).hexdigest()
    assert (body["hostname"], body["description"]) == ("shop", "the shop")
    assert body["image"]["id"] == str(cloud.image.pk)
    assert body["instance_type"]["id"] == str(cloud.small.pk)
    nic, external = body["nics"]
    assert nic["subnet"]["id"] == str(subnet.pk)
    assert nic["vpc"]["id"] == str(subnet.vpc_id)
    assert nic["security_group"]["id"] == str(group.pk)
    assert nic["ip"] and nic["mac"]
    assert (external["security_group"]["id"], external["ip"]) == (str(group.pk), None)


@pytest.mark.requirement("SE-4")
def test_the_hash_of_user_data_is_only_for_who_may_create_the_vm(
    owner: Actor, mia: User, otto: User, vera: User, ada: User, cloud: Cloud, subnet: Subnet
) -> None:
    (operation,) = ask_for_vms(owner, cloud, subnet, user_data=USER_DATA)
    vm = Vm.objects.get(pk=operation.target_id)
    manager_of_one = factories.make_member_of_nothing(vm.tenant)
    factories.grant_resource(manager_of_one, Role.MANAGER, vm)
    acting = factories.acting_client(ada, vm.tenant)
    write, read = ApiKey.Scope.WRITE, ApiKey.Scope.READ

    def shown(client: Any) -> list[str | None]:
        one = client.get(f"/api/v1/vms/{vm.pk}").json()
        (listed,) = client.get("/api/v1/vms").json()["results"]
        return [one["user_data_sha256"], listed["user_data_sha256"]]

    digest = sha256(USER_DATA.encode()).hexdigest()
    for user in (mia, manager_of_one):
        assert shown(factories.api_client(user, write)) == [digest] * 2
    assert shown(acting) == [digest] * 2
    for user, scope in ((otto, write), (vera, write), (mia, read), (ada, write)):
        assert shown(factories.api_client(user, scope)) == [None] * 2
