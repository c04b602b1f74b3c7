"""Elastic NICs that a VM has, or has not, otherwise than the rows say: found in its host's reports."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Tenant
from apps.compute.models import Vm
from apps.compute.services.eni_binding import bind_eni
from apps.compute.services.power import power_off_vm
from apps.compute.specs import vm_spec
from apps.drivers.memory.records import MemoryVm, vms_of
from apps.drivers.specs import ExternalPortSpec, NicAttachment, PortSpec
from apps.infrastructure.reports import collect
from apps.lifecycle.actor import Actor
from apps.lifecycle.stored_messages import rendered_message
from apps.network.models import Eni, Subnet
from apps.reconciliation.models import Finding, Rule
from apps.reconciliation.services import Action, do
from tests.compute.elastic import defined, has, make_bound, make_eni, plugged, port_of
from tests.compute.factories import Cloud, make_vm
from tests.network.external import make_segment
from tests.reconciliation.drift import findings, later, look_twice, repaired, the_finding, work
from tests.reconciliation.planting import forget, other_host, with_parts
from tests.storage.factories import done

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("OP-3", "EN-2")]


@pytest.fixture
def far(cloud: Cloud, tenant_a: Tenant) -> Subnet:
    return cloud.network(tenant_a, "10.9.0.0/24")


@pytest.fixture
def eni(owner: Actor, vm: Vm, far: Subnet) -> Eni:
    """Bound to the running VM, at rest."""
    made = make_bound(owner, far, vm, name="second")
    later()
    return made


def alter(cloud: Cloud, vm: Vm, *nics: NicAttachment) -> None:
    """Have a VM have these NICs on its host, in its definition and in the guest that runs, by another hand."""
    assert vm.host is not None
    with cloud.world.records() as state:
        there: MemoryVm | None = state.get(vms_of(vm.host.name), str(vm.pk))
        assert there is not None
        spec = replace(there.spec, nics=nics)
        live = nics if there.live_nics else ()
        state.put(vms_of(vm.host.name), str(vm.pk), replace(there, spec=spec, live_nics=live))


def own_nics(vm: Vm) -> tuple[NicAttachment, ...]:
    return tuple(nic for nic in vm_spec(with_parts(vm)).nics if nic.slot < 2)


def says(finding: Finding) -> str:
    return rendered_message(finding.kept)


@pytest.mark.parametrize("is_on", [True, False], ids=["running", "stopped"])
def test_a_nic_that_the_vm_lacks_is_plugged_in_again(
    cloud: Cloud, vm: Vm, eni: Eni, owner: Actor, is_on: bool
) -> None:
    if not is_on:
        done(power_off_vm(owner, vm))
    alter(cloud, vm, *own_nics(vm))
    look_twice()
    finding = the_finding()
    assert (finding.rule, finding.aspect, finding.kind) == (Rule.UNSYNCED, "unplugged", "eni")
    assert (finding.target_id, finding.resource_id, finding.tenant_id) == (eni.pk, vm.pk, vm.tenant_id)
    assert vm.host is not None
    assert says(finding) == f"Bound to VM web in the database, but not on host {vm.host.name}."
    assert work() == ["vm.resync"]
    assert str(eni.nic.pk) in (plugged(vm) if is_on else defined(vm))
    assert repaired() == [(Rule.UNSYNCED, "unplugged", "eni")]
    look_twice()
    assert findings() == []


@pytest.mark.parametrize("is_bound", [True, False], ids=["another's", "unbound"])
def test_a_nic_that_its_row_binds_elsewhere_is_unplugged(
    cloud: Cloud, vm: Vm, owner: Actor, subnet: Subnet, far: Subnet, is_bound: bool
) -> None:
    stray = make_eni(owner, far, name="stray")
    if is_bound:
        done(bind_eni(owner, stray, vm=make_vm(owner, cloud, subnet, name="other").pk))
    port = str(stray.nic.pk)
    later()
    alter(cloud, vm, *own_nics(vm), NicAttachment(port, stray.nic.mac, slot=5))
    look_twice()
    finding = the_finding()
    assert (finding.aspect, finding.resource_id, finding.target_id) == ("plugged", vm.pk, stray.pk)
    assert work() == ["vm.resync"]
    assert port not in {**plugged(vm), **defined(vm)}
    look_twice()
    assert findings() == []


def test_a_nic_that_no_row_knows_is_for_the_administrator_and_a_resync_unplugs_it(
    cloud: Cloud, vm: Vm, admin: Actor
) -> None:
    port = "0" * 8 + "-0000-4000-8000-" + "0" * 12
    later()
    alter(cloud, vm, *own_nics(vm), NicAttachment(port, "02:00:00:00:95:01", slot=5))
    look_twice()
    finding = the_finding()
    assert (finding.kind, finding.aspect, finding.resource_id) == ("eni", "attached", vm.pk)
    assert str(finding.target_id) == port
    assert work() == [], "Its guest may be using it."
    do(admin, finding, Action.RESYNC)
    assert work() == ["vm.resync"]
    assert port not in {**plugged(vm), **defined(vm)}
    look_twice()
    assert findings() == []


@pytest.mark.parametrize("is_external", [True, False], ids=["external", "internal"])
def test_a_port_that_is_missing_is_made_again(
    cloud: Cloud, vm: Vm, owner: Actor, far: Subnet, is_external: bool
) -> None:
    eni = make_bound(owner, make_segment(cloud.region) if is_external else far, vm)
    later()
    forget(cloud, ExternalPortSpec if is_external else PortSpec, eni.nic.pk)
    look_twice()
    finding = the_finding()
    assert (finding.rule, finding.resource_id) == (Rule.STALE, eni.pk)
    assert work() == ["eni.resync"]
    assert port_of(eni) is not None and has(vm, eni)
    look_twice()
    assert findings() == []


def test_a_host_can_say_nothing_of_another_hosts_vms(cloud: Cloud, vm: Vm, eni: Eni) -> None:
    there = vm_spec(with_parts(vm))
    other_host(cloud, vm).ensure_vm(replace(there, disks=(), nics=()))
    look_twice()
    assert {each.kind for each in findings()} == {"vm"}, (
        "It is defined twice; its NICs are as they should be."
    )


def test_a_report_that_names_no_nics_says_nothing_of_them(
    cloud: Cloud, vm: Vm, eni: Eni, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of agents of an older version."""
    monkeypatch.setattr("apps.drivers.memory.nics.reported", lambda vm: None)
    alter(cloud, vm, *own_nics(vm))
    look_twice()
    assert findings() == []


def test_the_nics_of_all_reports_cost_one_statement(
    cloud: Cloud, vm: Vm, eni: Eni, owner: Actor, far: Subnet
) -> None:
    def statements() -> int:
        later()
        with CaptureQueriesContext(connection) as seen:
            collect()
        return len(seen)

    statements()
    few = statements()
    for _ in range(3):
        make_bound(owner, far, vm)
    assert statements() == few
