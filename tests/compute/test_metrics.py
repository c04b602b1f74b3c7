"""Metrics in the API and on the monitoring tab."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.compute.models import Power, Vm
from apps.infrastructure.models import Host
from apps.lifecycle.actor import Actor
from apps.metrics import ranges
from apps.metrics.active_store import store
from apps.metrics.quantities import names_of
from apps.metrics.store import STEP, Sample, Subject
from apps.metrics.tiers import floor
from apps.network.models import Subnet
from tests.compute.factories import Cloud, make_vm
from tests.factories import api_client, make_admin, make_owner, make_tenant, page_client

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("UX-9")]


@pytest.fixture
def vm(cloud: Cloud, subnet: Subnet, owner: Actor) -> Vm:
    return make_vm(owner, cloud, subnet)


def read(owner: Actor, vm: Vm, query: str = "") -> Any:
    return api_client(owner.user).get(f"/api/v1/vms/{vm.pk}/metrics{query}")


def test_columns_have_a_value_or_null_for_each_time(owner: Actor, vm: Vm) -> None:
    now = floor(timezone.now(), STEP)
    subject = Subject("vm", str(vm.pk))
    store().record([Sample(subject, now - 2 * STEP, {"cpu_percent": 12.345}), Sample(subject, now, {})])
    answer = read(owner, vm).json()
    assert answer["step_seconds"] == 30
    assert [metric["name"] for metric in answer["metrics"]] == list(names_of("vm"))
    cpu = dict(zip(answer["times"], answer["metrics"][0]["values"], strict=True))
    assert answer["metrics"][0]["unit"] == "percent"
    assert cpu[int((now - 2 * STEP).timestamp())] == 12.35
    assert [value for value in cpu.values() if value is not None] == [12.35]


@pytest.mark.parametrize("name", ranges.BY_NAME)
def test_no_range_has_more_than_600_points(owner: Actor, vm: Vm, name: str) -> None:
    answer = read(owner, vm, f"?range={name}").json()
    assert 25 < len(answer["times"]) <= 600
    length = answer["times"][-1] - answer["times"][0]
    assert length == pytest.approx(ranges.BY_NAME[name].length.total_seconds(), rel=0.05)


def test_a_range_is_given_by_its_ends_too(owner: Actor, vm: Vm) -> None:
    end = timezone.now() - timedelta(days=3)
    start = end - timedelta(hours=1)
    answer = read(owner, vm, f"?start={start:%Y-%m-%dT%H:%M:%SZ}&end={end:%Y-%m-%dT%H:%M:%SZ}").json()
    assert answer["step_seconds"] == 300, "what is three days old is kept in steps of five minutes"
    assert answer["last_sample_at"] is None


@pytest.mark.parametrize(
    "query",
    [
        "?range=2h",
        "?start=tomorrow",
        "?start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z",
        "?start=1999-01-01T00:00:00Z&end=1999-01-02T00:00:00Z",
    ],
)
def test_what_is_no_range_is_refused(owner: Actor, vm: Vm, query: str) -> None:
    answer = read(owner, vm, query)
    assert answer.status_code == 400
    assert answer.json()["errors"]


@pytest.mark.requirement("SE-1")
def test_strangers_do_not_learn_of_a_vm_nor_tenants_of_a_host(owner: Actor, vm: Vm) -> None:
    stranger = api_client(make_owner(make_tenant("strange")))
    assert stranger.get(f"/api/v1/vms/{vm.pk}/metrics").status_code == 404
    assert api_client(owner.user).get(f"/api/v1/hosts/{vm.host_id}/metrics").status_code == 404
    assert api_client(make_admin("watch")).get(f"/api/v1/hosts/{vm.host_id}/metrics").status_code == 200


def page(owner: Actor, vm: Vm) -> str:
    return page_client(owner.user).get(f"/vms/{vm.pk}/monitoring/?range=6h").content.decode()


def test_the_tab_has_a_frame_for_each_chart_and_the_chosen_range(owner: Actor, vm: Vm) -> None:
    html = page(owner, vm)
    for name in names_of("vm"):
        assert f'data-name="{name}"' in html
    assert 'data-range="6h" aria-current="true"' in html
    assert "chart-why" not in html


def test_the_tab_says_why_nothing_new_comes(owner: Actor, vm: Vm) -> None:
    Host.objects.filter(pk=vm.host_id).update(last_report_at=timezone.now() - timedelta(minutes=5))
    assert "host is unreachable" in page(owner, vm)
    Vm.objects.filter(pk=vm.pk).update(power=Power.OFF, power_seen=Power.OFF)
    assert "The VM is stopped" in page(owner, vm)
