"""One action on 200 VMs, the request sent again until all are reached: how long until every one of them is accepted."""

from __future__ import annotations

import time

import pytest

from apps.accounts.keys import issue_key
from apps.accounts.models import ApiKey
from apps.compute.models import Vm
from apps.infrastructure import backends
from apps.lifecycle.models import Operation
from tests import factories
from tests.bench.report import Figure, report
from tests.bench.test_lists import insert_vms
from tests.compute.factories import make_cloud, make_subnet
from tests.platform_fixtures import Platform

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

COUNT = 200


@pytest.mark.requirement("UX-4")
def test_two_hundred_rows_of_one_batch(memory_platform: Platform) -> None:
    cloud = make_cloud(backends.memory_world(), hosts=1)
    tenant = factories.make_tenant("acme")
    subnet = make_subnet(cloud.region, factories.default_project(tenant), "10.0.0.0/16")
    insert_vms(tenant, COUNT + 1, subnet, cloud.hosts[0], cloud.image, cloud.small)
    memory_platform.start("web")
    client = memory_platform.client(
        issue_key(factories.make_owner(tenant), "bench", ApiKey.Scope.WRITE, None)[1]
    )
    first, *rest = [str(pk) for pk in Vm.objects.values_list("pk", flat=True)]
    client.ask("POST", "/vms/bulk", {"action": "restart", "ids": [first]})  # loads all code in use
    started = time.perf_counter()
    statuses = {"waiting"}
    while "waiting" in statuses:
        answer = client.ask("POST", "/vms/bulk", {"action": "restart", "ids": rest}, key="bench")
        statuses = {item["status"] for item in answer.body["results"]}
    seconds = time.perf_counter() - started
    assert statuses == {"accepted"}
    assert Operation.objects.filter(verb="vm.restart").count() == COUNT + 1
    report(
        "bulk",
        [Figure(f"{COUNT} VMs", seconds, "s", 4), Figure("each of them", 1000 * seconds / COUNT, "ms")],
    )
