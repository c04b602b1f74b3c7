"""`manage.py find_vm`, which `onebox ssh` asks where a VM is."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.lifecycle.actor import Actor
from apps.network.models import Subnet
from tests.compute.factories import Cloud, make_vm


def find_vm(wanted: str) -> Any:
    out = StringIO()
    call_command("find_vm", wanted, stdout=out)
    return json.loads(out.getvalue())


def test_a_vm_is_found_by_name_and_by_id(owner: Actor, cloud: Cloud, subnet: Subnet) -> None:
    vm, other = (make_vm(owner, cloud, subnet, name=name) for name in ("web", "other"))
    found = find_vm("web")
    assert found == find_vm(str(vm.pk))
    addresses = {str(each.nics.get(role="internal").ip) for each in (vm, other)}
    assert found["address"] == str(vm.nics.get(role="internal").ip)
    assert (found["subnet"], found["cidr"]) == (str(subnet.pk), str(subnet.cidr))
    assert set(found["taken"]) == addresses


def test_a_name_that_several_vms_have_is_refused_with_their_ids(
    owner: Actor, cloud: Cloud, subnet: Subnet
) -> None:
    vms = [make_vm(owner, cloud, subnet, name="web") for _ in range(2)]
    with pytest.raises(CommandError) as refused:
        find_vm("web")
    assert all(str(vm.pk) in str(refused.value) for vm in vms)


@pytest.mark.django_db
def test_a_name_that_no_vm_has_is_refused() -> None:
    with pytest.raises(CommandError, match="No VM has the name or ID 'web'"):
        find_vm("web")
