"""The audit that kill tests end with finds what they look for."""

from __future__ import annotations

from contextlib import nullcontext
from uuid import uuid4

import pytest

from apps.accounts.models import Tenant, User
from apps.compute.models import Power, Vm
from apps.drivers.memory import MemoryFabric, MemoryHypervisor, MemoryVolumes, World
from apps.drivers.specs import ExternalPortSpec, PortSpec, VolumeSpec
from apps.infrastructure import backends
from apps.infrastructure.models import Host
from apps.lifecycle import engine
from apps.lifecycle.models import Operation, OperationStatus
from apps.network.models import Eip, Eni, Subnet
from apps.network.services.eip_binding import bind_eip
from apps.network.specs import port_spec
from apps.quotas.models import Quota
from apps.quotas.services import reserve_quota
from apps.reconciliation.models import Finding, FindingState, Rule
from apps.reconciliation.rules import GENERATION
from apps.storage.specs import volume_spec
from tests import factories
from tests.compute.elastic import make_bound
from tests.compute.factories import Cloud, ask_for_vms, make_cloud, make_vm
from tests.network.external import make_eip, make_segment
from tests.recovery.audit import audit, strangers
from tests.recovery.crash.explained import unexplained
from tests.storage.factories import done

pytestmark = pytest.mark.django_db


@pytest.fixture
def cloud(db: None, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    world = World()
    monkeypatch.setattr(backends, "_process_world", world)
    # A keeper does not see rows of the test's own transaction.
    monkeypatch.setattr(engine.renewer, "renewing_lease", lambda run: nullcontext())
    return make_cloud(world)


@pytest.fixture
def subnet(cloud: Cloud, tenant_a: Tenant) -> Subnet:
    reserve_quota(tenant_a.pk, {"vpc": 1, "subnet": 1})
    return cloud.network(tenant_a)


@pytest.fixture
def vm(cloud: Cloud, subnet: Subnet, alice: User) -> Vm:
    return make_vm(factories.actor_for_user(alice), cloud, subnet)


def host_of(vm: Vm) -> Host:
    assert vm.host is not None
    return vm.host


def test_nothing_is_found_where_all_is_well(vm: Vm) -> None:
    assert audit() == []


def test_things_without_a_row_are_found_unless_they_were_there_before(cloud: Cloud, vm: Vm) -> None:
    pool = cloud.storage.spec()
    MemoryVolumes(cloud.world).ensure_volume(VolumeSpec(id=str(uuid4()), pool=pool, size_gib=1))
    stray = PortSpec(
        id=str(uuid4()),
        subnet_id=str(vm.nics.get(role="internal").subnet_id),
        mac="02:00:00:00:99:99",
        ip="10.0.9.9",
    )
    MemoryFabric(cloud.world).ensure(stray)
    found = audit()
    assert len(found) == 2
    assert stray.id in " ".join(found)
    assert audit(strangers()) == []


def test_missing_disks_ports_and_domains_are_found(cloud: Cloud, vm: Vm) -> None:
    MemoryHypervisor(cloud.world, host_of(vm).name).ensure_vm_absent(str(vm.pk))
    MemoryFabric(cloud.world).ensure_absent(
        PortSpec, port_spec(vm.nics.get(role="internal"), generation=1).id
    )
    MemoryVolumes(cloud.world).ensure_volume_absent(volume_spec(vm.disks.get()))
    assert sum("missing" in sentence for sentence in audit()) == 3


def test_wrong_power_promises_and_counts_are_found(cloud: Cloud, vm: Vm) -> None:
    MemoryHypervisor(cloud.world, host_of(vm).name).stop_guest(str(vm.pk))
    Host.objects.filter(pk=host_of(vm).pk).update(vcpu_reserved=7)
    Quota.objects.filter(tenant=vm.tenant, metric="vm").update(used=2)
    found = " ".join(audit())
    assert f"wanted {Power.ON}" in found
    assert "has promised (7," in found
    assert "quota vm of acme: 2 counted, 1 exist" in found


def test_what_has_not_settled_is_found(cloud: Cloud, subnet: Subnet, alice: User) -> None:
    ask_for_vms(factories.actor_for_user(alice), cloud, subnet)
    found = " ".join(audit())
    assert "is still open" in found
    assert "is pending" in found


def test_addresses_that_are_half_way_or_at_another_place_are_found(
    cloud: Cloud, vm: Vm, alice: User, tenant_a: Tenant
) -> None:
    owner = factories.actor_for_user(alice)
    segment = make_segment(cloud.region)
    eip = make_eip(segment, factories.default_project(tenant_a))
    done(bind_eip(owner, eip, carrier=vm.pk, delivery="guest"))
    eni = make_bound(owner, segment, vm)
    assert audit() == []
    stray = ExternalPortSpec(str(uuid4()), str(segment.edge_id), "02:00:00:00:99:98")
    MemoryFabric(cloud.world).ensure(stray)
    MemoryFabric(cloud.world).ensure_absent(ExternalPortSpec, str(eni.nic.pk))
    Eip.objects.filter(pk=eip.pk).update(leaving=[vm.pk], generation=9, mbit=1)
    Eni.objects.filter(pk=eni.pk).update(vm=None, slot=None, next_vm=vm.pk, next_slot=3)
    found = " ".join(audit())
    for words in (
        f"without a row ['{stray.id}'], missing ['{eni.nic.pk}']",
        f"EIP {eip.name} may still be at",
        f"elastic NIC {eni.name} is still on its way",
        f"eip {eip.name} has changes that were not applied",
        f"('{eni.address}', '{eni.nic.pk}')",
        f"{vm.name} has NICs",
        f"the guest of {vm.name} is to configure",
    ):
        assert words in found, words


def test_what_a_refused_operation_left_in_a_vms_port_is_explained_by_it(vm: Vm) -> None:
    nic = vm.nics.exclude(subnet=None).get()
    left = Finding.objects.create(
        rule=Rule.UNSYNCED,
        aspect=GENERATION,
        kind="nic",
        target_id=nic.pk,
        name=vm.name,
        resource=vm,
        state=FindingState.REPAIRED,
    )
    assert list(unexplained()) == [left]
    Operation.objects.filter(target_id=vm.pk).update(status=OperationStatus.FAILED)
    assert list(unexplained()) == []
    Finding.objects.update(state=FindingState.OPEN)
    assert list(unexplained()) == [left], "it was not repaired"
