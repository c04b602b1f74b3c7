"""Recounts: what is counted wrongly is put right at once, and kept."""

from __future__ import annotations

from ipaddress import IPv4Address
from types import SimpleNamespace

import pytest
from django.utils import timezone

from apps.accounts.models import Tenant
from apps.audit.models import AuditEntry
from apps.compute.models import Vm
from apps.infrastructure.models import Host
from apps.lifecycle.actor import Actor
from apps.lifecycle.stored_messages import rendered_message
from apps.network.models import Nic, Subnet
from apps.quotas import recount as recounting
from apps.quotas.models import Quota
from apps.quotas.recount import TURNS, recount_some
from apps.reconciliation.models import Finding, FindingState, Rule
from apps.reconciliation.services import actions
from tests.compute.factories import Cloud, make_vm
from tests.reconciliation.drift import look, look_twice, the_finding

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("OP-3")]


def the_repaired() -> Finding:
    return Finding.objects.get(state=FindingState.REPAIRED)


def test_room_promised_wrongly_is_put_right(vm: Vm) -> None:
    Host.objects.filter(pk=vm.host_id).update(vcpu_reserved=9)
    look()
    assert Host.objects.get(pk=vm.host_id).vcpu_reserved == vm.vcpu
    found = the_repaired()
    assert (found.rule, found.kind, found.target_id) == (Rule.MISCOUNTED, "host", vm.host_id)
    assert (
        rendered_message(found.kept)
        == f"9/{vm.memory_mib} were reserved (vCPU/MiB), but its VMs use 1/{vm.memory_mib}. Corrected."
    )
    entry = AuditEntry.objects.get(verb="host.recount")
    assert (entry.actor_name, entry.target_id) == ("platform", vm.host_id)


def test_room_promised_on_an_empty_host_is_taken_back(cloud: Cloud) -> None:
    Host.objects.filter(pk=cloud.hosts[0].pk).update(vcpu_reserved=4, memory_reserved_mib=4096)
    look()
    host = Host.objects.get(pk=cloud.hosts[0].pk)
    assert (host.vcpu_reserved, host.memory_reserved_mib) == (0, 0)


def test_a_subnet_searches_its_next_address_within_itself(
    cloud: Cloud, vm: Vm, subnet: Subnet, owner: Actor
) -> None:
    Subnet.objects.filter(pk=subnet.pk).update(last_given="192.0.2.7")
    look()
    assert the_repaired().kind == "subnet" and the_repaired().tenant_id == subnet.tenant_id
    assert AuditEntry.objects.filter(verb="subnet.recount", target_id=subnet.pk).exists()
    addresses = {IPv4Address(str(nic.ip)) for nic in Nic.objects.exclude(ip=None)}
    make_vm(owner, cloud, subnet, name="next")
    assert all(nic.ip in subnet.cidr for nic in Nic.objects.exclude(ip=None))
    assert Nic.objects.exclude(ip=None).count() == len(addresses) + 1


def test_an_address_outside_its_subnet_is_for_the_administrator(vm: Vm, subnet: Subnet) -> None:
    Nic.objects.filter(owner_id=vm.pk, role="internal").update(ip=str(subnet.gateway))
    look_twice()
    finding = the_finding()
    assert (finding.rule, finding.kind, finding.resource_id) == (Rule.MISCOUNTED, "nic", vm.pk)
    assert [choice.action for choice in actions(finding) if choice.allowed] == []


def test_what_a_recount_of_quotas_puts_right_is_kept_as_a_finding(
    vm: Vm, tenant_a: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    Quota.objects.filter(tenant=tenant_a, metric="vm").update(used=5)
    its_minute = timezone.now().replace(minute=tenant_a.pk % TURNS)
    monkeypatch.setattr(recounting, "timezone", SimpleNamespace(now=lambda: its_minute))
    recount_some()
    assert Quota.objects.get(tenant=tenant_a, metric="vm").used == 1
    found = the_repaired()
    assert (found.kind, found.aspect, found.target_id) == ("quota", "vm", tenant_a.uid)
    assert rendered_message(found.kept) == "5 were counted as used, but 1 exist. Corrected."
