"""Overviews: a tenant's, a VM's, a host's and a cluster's, at a constant number of queries."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import Tenant, User
from apps.compute.models import Image, Power, Vm
from apps.compute.services.key_pair import create_key_pair
from apps.compute.services.power import shut_down_vm
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Resource, State
from apps.metrics.active_store import store
from apps.metrics.store import STEP, Sample, Subject
from apps.metrics.tiers import floor
from apps.network.models import Subnet
from apps.quotas.models import Quota
from tests.compute.factories import Cloud, ask_for_vms, make_vm
from tests.factories import page_client

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("UX-14")]


def shown(user: User | None, path: str) -> str:
    answer = page_client(user).get(path)
    assert answer.status_code == 200, answer.content
    return re.sub(r"\s+", " ", answer.content.decode())


def fail(vm: Vm, message: str) -> None:
    error = {"code": "host.unreachable", "message": message, "hint": "Retry."}
    Resource.objects.filter(pk=vm.pk).update(state=State.ERROR, error=error)


def steps(html: str) -> list[str]:
    """Return each first step: its name, "done" when it is ticked, "link" when it can be taken."""
    items = re.findall(r'<li class="(step-done)?"> <span class="step-mark">(.*?)</li>', html)
    return [
        " ".join(
            filter(
                None,
                [re.findall(r"<h3>([^<]*)", rest)[0], done and "done", "link" if "btn" in rest else ""],
            )
        )
        for done, rest in items
    ]


def test_a_new_tenant_sees_the_first_steps_with_those_done_ticked(alice: User, owner: Actor) -> None:
    html = shown(alice, "/")
    assert steps(html) == ["Create VPC link", "Add SSH key link", "Create VM link"]
    assert html.count("btn-primary") == 1
    create_key_pair(owner, name="laptop")
    assert steps(shown(alice, "/")) == ["Create VPC link", "Add SSH key done", "Create VM link"]


def test_who_may_only_look_is_offered_no_step(vera: User, tenant_a: Tenant) -> None:
    html = shown(vera, "/")
    assert steps(html) == ["Create VPC", "Add SSH key", "Create VM"]
    assert "/vms/create/" not in html


def test_with_a_vm_the_steps_are_gone_and_create_vm_is_the_one_primary_button(
    alice: User, vera: User, owner: Actor, cloud: Cloud, subnet: Subnet
) -> None:
    make_vm(owner, cloud, subnet)
    html = shown(alice, "/")
    assert steps(html) == []
    assert html.count("btn-primary") == 1
    assert 'class="btn btn-primary" href="/vms/create/"' in html
    assert html.count("primary-card") == 1
    assert "btn-primary" not in shown(vera, "/")


def test_a_tenants_overview_counts_vms_by_state_and_names_the_cause_of_failures(
    alice: User, owner: Actor, cloud: Cloud, subnet: Subnet
) -> None:
    running, stopped, changing, failed = (make_vm(owner, cloud, subnet, name=f"vm-{n}") for n in range(4))
    Vm.objects.filter(pk=stopped.pk).update(power=Power.OFF, power_seen=Power.OFF)
    shut_down_vm(owner, changing)
    fail(failed, "Host node-4 <did not> answer.")
    ask_for_vms(owner, cloud, subnet, name="new")
    html = shown(alice, "/")
    counts = re.findall(
        r'href="([^"]*)"><span class="state-count">(\d+)</span><span class="state-word">(\w+)', html
    )
    assert counts == [
        ("/vms/?status=running", "1", "Running"),
        ("/vms/?status=stopped", "1", "Stopped"),
        ("/vms/?status=running,stopped,paused,failed&amp;not=status", "2", "Changing"),
        ("/vms/?status=failed", "1", "Failed"),
    ]
    assert re.search(rf'<a href="/vms/{failed.pk}/">vm-3</a><small>[^<]+</small>', html)
    assert "node-4" not in html, "tenants read no names of hosts"
    assert f'href="/vms/{running.pk}/"' in html


def test_a_tenant_sees_nothing_of_another(bob: User, owner: Actor, cloud: Cloud, subnet: Subnet) -> None:
    fail(make_vm(owner, cloud, subnet, name="secret"), "secret cause")
    html = shown(bob, "/")
    assert "secret" not in html
    assert "state-count" not in html


def test_a_quota_that_is_nearly_used_up_needs_attention(alice: User, tenant_a: Tenant) -> None:
    Quota.objects.filter(tenant=tenant_a, metric="vcpu").update(limit=10, used=8)
    Quota.objects.filter(tenant=tenant_a, metric="vpc").update(limit=10, used=7)
    html = shown(alice, "/")
    assert "Quota: vCPUs" in html
    assert "Quota: VPCs" not in html
    assert html.index("8 of 10") < html.index("7 of 10"), "the one nearest to its limit comes first"


def test_a_running_vm_shows_its_load_of_the_last_hour(
    alice: User, owner: Actor, cloud: Cloud, subnet: Subnet
) -> None:
    vm = make_vm(owner, cloud, subnet)
    now = floor(timezone.now(), STEP)
    store().record(
        [Sample(Subject("vm", str(vm.pk)), now - number * STEP, {"cpu_percent": 42}) for number in range(4)]
    )
    html = shown(alice, "/")
    assert 'class="sparkline"' in html
    assert "42 %" in html


def test_a_vms_overview_has_charts_addresses_and_the_ssh_line(
    alice: User, owner: Actor, cloud: Cloud, subnet: Subnet
) -> None:
    vm = make_vm(owner, cloud, subnet)
    ip = str(vm.nics.get(role="internal").ip)
    html = shown(alice, f"/vms/{vm.pk}/")
    assert f'data-copy="ssh root@{ip}"' in html
    assert f'data-copy="{ip}"' in html
    assert f'data-api="/api/v1/vms/{vm.pk}/metrics"' in html
    assert re.findall(r'<div class="chart-line-head"> <h3>(\w+)', html) == ["CPU", "Memory", "Network"]
    assert html.count("primary-card") == 1
    Image.objects.filter(pk=cloud.image.pk).update(os_family=Image.Family.WINDOWS)
    assert "ssh root@" not in shown(alice, f"/vms/{vm.pk}/")


@pytest.mark.parametrize(
    "path", ["/", "/admin/", "/admin/hosts/{host}/", "/admin/compute-clusters/{cluster}/"]
)
def test_an_overview_costs_the_same_number_of_queries_however_many_vms_there_are(
    path: str, alice: User, ada: User, owner: Actor, cloud: Cloud, subnet: Subnet
) -> None:
    user = ada if path.startswith("/admin/") else alice
    url = path.format(host=cloud.hosts[0].pk, cluster=cloud.cluster.pk)
    fail(make_vm(owner, cloud, subnet, name="first"), "Out of memory.")
    make_vm(owner, cloud, subnet, name="second")
    Vm.objects.update(host=cloud.hosts[0])
    shown(user, url)
    with CaptureQueriesContext(connection) as few:
        shown(user, url)
    for vm in (make_vm(owner, cloud, subnet, name=f"more-{n}") for n in range(4)):
        Vm.objects.filter(pk=vm.pk).update(host=cloud.hosts[0])
        fail(vm, "Out of memory.")
    ask_for_vms(owner, cloud, subnet, name="new", count=2)
    with CaptureQueriesContext(connection) as many:
        shown(user, url)
    assert len(many) <= len(few), [query["sql"][:150] for query in many.captured_queries]


def test_a_host_names_its_busiest_vms(ada: User, owner: Actor, cloud: Cloud, subnet: Subnet) -> None:
    vms = [make_vm(owner, cloud, subnet, name=f"vm-{n}") for n in range(3)]
    Vm.objects.update(host=cloud.hosts[0])
    now = floor(timezone.now() - timedelta(seconds=1), STEP)
    for vm, load in zip(vms, (10, 90, 50), strict=True):
        store().record([Sample(Subject("vm", str(vm.pk)), now, {"cpu_percent": load})])
    html = shown(ada, f"/admin/hosts/{cloud.hosts[0].pk}/")
    assert [html.index(f">vm-{n}<") for n in (1, 2, 0)] == sorted(html.index(f">vm-{n}<") for n in range(3))


def test_a_cluster_without_hosts_has_nothing_green(ada: User, cloud: Cloud) -> None:
    for host in cloud.hosts:
        host.delete()
    html = shown(ada, f"/admin/compute-clusters/{cloud.cluster.pk}/")
    states = html[html.index('class="host-states"') :].split("</div>")[0]
    assert "0 hosts available" in states
    assert "pill-ok" not in states


def test_the_images_counted_are_those_that_can_be_used(cloud: Cloud, alice: User) -> None:
    assert cloud.image.is_base, "nobody's own, and usable by all"
    tiles = {tile["kind"]: tile["count"] for tile in page_client(alice).get("/").context["tiles"]}
    assert tiles["image"] == 1
