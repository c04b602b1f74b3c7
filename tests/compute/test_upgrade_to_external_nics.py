"""A database from before external networks: its VMs get what new ones have, and can have EIPs at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from apps.accounts.models import Tenant
from apps.compute.models import Vm
from apps.compute.services.power import power_off_vm, start_vm
from apps.drivers.memory import World
from apps.infrastructure.reports import collect
from apps.lifecycle.actor import Actor
from apps.network.models import Nic, NicRole, Subnet
from apps.network.services.eip_binding import bind_eip
from tests import factories
from tests.compute.eips import addresses, nic_of
from tests.compute.elastic import defined, plugged
from tests.compute.factories import Cloud, make_group, make_vm
from tests.network.external import make_eip, make_segment
from tests.storage.factories import done

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("NI-1")]
BEFORE = [("compute", "0008_image_copies"), ("network", "0005_rules_that_reject")]


@pytest.fixture
def executor() -> Iterator[None]:
    """Leaves the newest tables, whatever becomes of the test."""
    yield
    newest = MigrationExecutor(connection)
    newest.migrate(newest.loader.graph.leaf_nodes())


@pytest.mark.usefixtures("executor")
def test_every_vm_from_before_gets_an_external_nic_and_takes_an_eip(
    cloud: Cloud, world: World, subnet: Subnet, owner: Actor, tenant_a: Tenant
) -> None:
    project = factories.default_project(tenant_a)
    group = make_group(cloud.region, project)
    vms = [
        make_vm(owner, cloud, subnet, name="plain"),
        make_vm(owner, cloud, subnet, name="filtered", security_group=group.pk),
        make_vm(owner, cloud, subnet, name="off"),
    ]
    done(power_off_vm(owner, vms[2]))
    macs = {vm.pk: nic_of(vm, NicRole.INTERNAL).mac for vm in vms}
    before = MigrationExecutor(connection).migrate(BEFORE).apps
    old = before.get_model("network", "Nic").objects
    assert {nic.owner_id: (nic.role, nic.mac) for nic in old.all()} == {
        pk: ("internal", mac) for pk, mac in macs.items()
    }
    newest = MigrationExecutor(connection)
    newest.migrate(newest.loader.graph.leaf_nodes())

    external = {vm.pk: nic_of(vm) for vm in vms}
    assert {pk: nic_of(Vm.objects.get(pk=pk), NicRole.INTERNAL).mac for pk in macs} == macs
    assert Nic.objects.count() == 6 and len({nic.mac for nic in Nic.objects.all()}) == 6
    assert [external[vm.pk].security_group for vm in vms] == [None, group, None]
    assert not any(nic.subnet or nic.ip or nic.mbit_in or nic.mbit_out for nic in external.values())

    collect()  # migrating takes longer than hosts may be silent
    segment = make_segment(cloud.region)
    for vm in vms:
        eip = make_eip(segment, project)
        done(bind_eip(owner, eip, carrier=vm.pk, delivery="guest"))
        assert addresses(cloud, vm) == [eip.address]
        assert str(external[vm.pk].pk) in defined(vm)
    assert str(external[vms[0].pk].pk) in plugged(vms[0])
    done(start_vm(owner, Vm.objects.get(pk=vms[2].pk)))
    assert str(external[vms[2].pk].pk) in plugged(vms[2])
