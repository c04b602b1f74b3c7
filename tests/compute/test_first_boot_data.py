"""First-boot data: sealed while it is needed; erased, on its host and in the database, once the guest has read it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from apps.accounts.secrets import unseal
from apps.compute.models import Image, Vm
from apps.compute.observation import READ_WITH_AGENT, READ_WITHOUT
from apps.compute.services.delete import delete_vm
from apps.compute.services.power import power_off_vm, start_vm
from apps.compute.specs import vm_spec
from apps.drivers.memory import MemoryHypervisor
from apps.drivers.memory.records import vms_of
from apps.drivers.specs import SeedNic, SeedSpec
from apps.infrastructure.reports import collect
from apps.lifecycle.actor import Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.models import Operation
from apps.network.models import Subnet
from tests.compute.factories import Cloud, ask_for_vms, make_vm, settled
from tests.security.test_secrets import _everything_stored

pytestmark = [pytest.mark.requirement("SE-4")]

USER_DATA = "#!/bin/sh\n# a-token-of-the-tenant-4711\n"
A_MOMENT = timedelta(seconds=5)


@pytest.fixture
def vm(cloud: Cloud, subnet: Subnet, owner: Actor) -> Vm:
    vm = make_vm(owner, cloud, subnet, password="Secret-12345", user_data=USER_DATA, hostname="db1")
    collect()
    return vm


def ran_for(vm: Vm, time: timedelta) -> Operation | None:
    """Let the VM have run for so long, and its host report; return what is requested then."""
    Vm.objects.filter(pk=vm.pk).update(power_seen_at=timezone.now() - time)
    collect()
    return Operation.objects.open().filter(resource=vm, verb="vm.finish_first_boot").first()


def has_agent(cloud: Cloud, vm: Vm, has: bool) -> None:
    """Say whether the guest's agent has connected."""
    assert vm.host is not None
    table = vms_of(vm.host.name)
    with cloud.world.records() as state:
        known = state.get(table, str(vm.pk))
        assert known is not None
        state.put(table, str(vm.pk), replace(known, guest_agent=has))


def nics_of(vm: Vm) -> tuple[SeedNic, ...]:
    """Return the NICs that the guest configures by DHCP: without an EIP only the internal one."""
    return (SeedNic(vm.nics.get(role="internal").mac),)


def on_host(cloud: Cloud, vm: Vm) -> SeedSpec:
    """Return the first-boot data that the VM's host has."""
    assert vm.host is not None
    (found,) = [known for known in MemoryHypervisor(cloud.world, vm.host.name).running()]
    return found.spec.seed


@pytest.mark.django_db
def test_user_data_stands_nowhere_unsealed(cloud: Cloud, vm: Vm) -> None:
    assert vm_spec(vm).seed.user_data == USER_DATA
    assert "a-token-of-the-tenant" not in _everything_stored()
    assert unseal(vm.sealed_user_data) == USER_DATA


@pytest.mark.django_db
def test_it_is_removed_some_time_after_the_guests_agent_was_seen(cloud: Cloud, vm: Vm) -> None:
    assert ran_for(vm, READ_WITH_AGENT - A_MOMENT) is None
    asked = ran_for(vm, READ_WITH_AGENT + A_MOMENT)
    assert asked is not None
    execute(asked.pk)
    vm.refresh_from_db()
    assert (vm.sealed_password_hash, vm.sealed_user_data) == ("", "")
    assert vm.first_boot_done_at is not None
    assert on_host(cloud, vm) == vm_spec(vm).seed == SeedSpec("db1", nics=nics_of(vm))
    assert ran_for(vm, READ_WITH_AGENT * 2) is None


@pytest.mark.django_db
def test_a_guest_without_an_agent_gets_a_day(cloud: Cloud, vm: Vm) -> None:
    has_agent(cloud, vm, has=False)
    assert ran_for(vm, READ_WITHOUT - A_MOMENT) is None
    assert ran_for(vm, READ_WITHOUT + A_MOMENT) is not None


@pytest.mark.django_db
def test_a_vm_without_secrets_is_left_alone(cloud: Cloud, subnet: Subnet, owner: Actor) -> None:
    vm = make_vm(owner, cloud, subnet)
    assert ran_for(vm, READ_WITHOUT + A_MOMENT) is None


@pytest.mark.django_db
def test_windows_first_boots_get_a_day(cloud: Cloud, vm: Vm) -> None:
    Image.objects.filter(pk=vm.image_id).update(os_family=Image.Family.WINDOWS)
    assert ran_for(vm, READ_WITHOUT - A_MOMENT) is None
    assert ran_for(vm, READ_WITHOUT + A_MOMENT) is not None


@pytest.mark.django_db
def test_a_guest_that_was_stopped_early_reads_its_data_later(cloud: Cloud, vm: Vm, owner: Actor) -> None:
    execute(power_off_vm(owner, vm).pk)
    assert ran_for(vm, READ_WITHOUT * 2) is None
    started = settled(start_vm(owner, Vm.objects.get(pk=vm.pk)))
    assert on_host(cloud, started).user_data == USER_DATA
    assert ran_for(vm, READ_WITH_AGENT - A_MOMENT) is None


@pytest.mark.django_db
def test_once_it_is_removed_no_start_brings_it_back(cloud: Cloud, vm: Vm, owner: Actor) -> None:
    asked = ran_for(vm, READ_WITHOUT + A_MOMENT)
    assert asked is not None
    execute(asked.pk)
    execute(power_off_vm(owner, vm).pk)
    settled(start_vm(owner, Vm.objects.get(pk=vm.pk)))
    assert on_host(cloud, vm) == SeedSpec("db1", nics=nics_of(vm))


@pytest.mark.django_db
@pytest.mark.requirement("SE-10")
def test_every_vm_has_a_user_of_its_own_which_is_never_given_again(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    first = [settled(one).guest_uid for one in ask_for_vms(owner, cloud, subnet, count=3)]
    for vm in Vm.objects.all():
        execute(delete_vm(owner, vm).pk)
    assert not Vm.objects.exists()
    second = [settled(one).guest_uid for one in ask_for_vms(owner, cloud, subnet, count=3)]
    assert len({*first, *second}) == 6
    assert max(first) < min(second)
    assert all(1_900_000_000 <= uid <= 2_147_352_575 for uid in (*first, *second))
    assert vm_spec(Vm.objects.latest("created_at")).uid in second


@pytest.mark.django_db(transaction=True)
def test_vms_of_before_get_their_data_sealed_and_a_user_each(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    vms = [make_vm(owner, cloud, subnet, user_data=text) for text in (USER_DATA, "")]
    try:
        old = MigrationExecutor(connection).migrate([("compute", "0002_initial")]).apps
        assert sorted(old.get_model("compute", "Vm").objects.values_list("user_data", flat=True)) == [
            "",
            USER_DATA,
        ]
    finally:
        MigrationExecutor(connection).migrate(_newest())
    found = {vm.pk: Vm.objects.get(pk=vm.pk) for vm in vms}
    assert [vm_spec(found[vm.pk]).seed.user_data for vm in vms] == [USER_DATA, ""]
    assert len({vm.guest_uid for vm in found.values()}) == 2
    assert "a-token-of-the-tenant" not in _everything_stored()


def _newest() -> Any:
    return MigrationExecutor(connection).loader.graph.leaf_nodes()
