"""What a create costs in statements, and what 1,000 hosts cost the workers that listen to them.

CPU is this thread's own, so that whatever else the machine does changes little.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import mean
from typing import Any, cast
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.agent.fences import Fences
from apps.compute.services.instance_type import create_default_types
from apps.drivers.memory import World
from apps.infrastructure import backends
from apps.infrastructure.models import Host
from apps.infrastructure.reports import collect
from apps.infrastructure.usage import collect_usage
from apps.lifecycle import dispatch
from apps.lifecycle.engine import execute
from tests import factories
from tests.bench.report import Figure, report
from tests.bench.simulator.fleet import Fleet, standing_vms
from tests.bench.simulator.host import SimulatedHost, put_standing
from tests.bench.simulator.site import insert_standing
from tests.compute.factories import make_cloud, make_image

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900), pytest.mark.django_db(transaction=True)]

HOSTS, VMS = 1_000, 25_000
#: Hosts that report between two rounds of the collector: a period of five seconds, a round every two.
HEARD = 400
ROUNDS = 5


def cpu_ms(what: Callable[[], object]) -> float:
    """Return the CPU time of a call in this thread, in milliseconds."""
    started = time.thread_time()
    what()
    return 1000 * (time.thread_time() - started)


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[list[SimulatedHost]]:
    """A thousand hosts with 25 VMs each, in this process, that report when told."""
    cluster = factories.make_cluster(factories.make_region())
    create_default_types(cluster)
    image = make_image(factories.make_storage(cluster.region))
    fleet = Fleet("", tmp_path)
    fleet.enrol(cluster, HOSTS)
    insert_standing(cluster, image, VMS)
    world, standing, client = World(), standing_vms(), backends.redis_client()
    fences = Fences(tmp_path / "fences")
    made = []
    for name, key in fleet.keys.items():
        put_standing(world, name, standing[name], time.time())
        made.append(SimulatedHost(name, key, world, client, fences, lambda: None))
    yield made


def test_listening_to_a_thousand_hosts(hosts: list[SimulatedHost]) -> None:
    for host in hosts:
        host.report()
    whole = sizes(hosts, "report")
    first = cpu_ms(collect)
    step = cpu_ms(collect_usage)
    idle = cpu_ms(collect)
    rounds = []
    for _ in range(ROUNDS):
        for host in hosts[:HEARD]:
            host.report()
        rounds.append(cpu_ms(collect))
    beat = sizes(hosts[:HEARD], "heartbeat")
    usual = sorted(rounds)[ROUNDS // 2]
    report(
        "scale-costs",
        [
            Figure("a host's whole report, 25 VMs", whole, "bytes"),
            Figure("a heartbeat", beat, "bytes"),
            # Of three messages in fifteen seconds one is whole, and brings its heartbeat with it.
            Figure("written for a heartbeat, mean", beat + whole / 3, "bytes"),
            Figure("a round of reports, none new", idle, "ms"),
            Figure(f"a round of reports, {HEARD} new", usual, "ms", 200),
            Figure("of a core, at a round every 2 s", usual / 20, "%"),
            Figure("all hosts heard of for the first time", first, "ms"),
            Figure("a step of counters of all hosts and VMs", step, "ms", 3000),
            Figure("of a core, at a step every 30 s", step / 300, "%"),
        ],
    )
    assert Host.objects.filter(last_report_at__isnull=False).count() == HOSTS


def test_statements_of_a_create_and_a_delete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "dispatch", lambda operation_id: None)
    cloud = make_cloud(backends.memory_world())
    tenant = factories.make_tenant()
    subnet = cloud.network(tenant)
    client = factories.api_client(factories.make_owner(tenant))
    body = {
        "name": "web",
        "instance_type": cloud.small.pk,
        "image": str(cloud.image.pk),
        "subnet": str(subnet.pk),
        "security_group": None,
    }

    def create() -> Any:
        return client.post("/api/v1/vms", body, format="json").json()["operations"][0]

    execute(UUID(create()["id"]))  # loads all code in use
    with CaptureQueriesContext(connection) as asked:
        operation = create()
    with CaptureQueriesContext(connection) as made:
        execute(UUID(operation["id"]))
    with CaptureQueriesContext(connection) as told:
        deletion = client.delete(f"/api/v1/vms/{operation['target']['id']}").json()["operation"]
    with CaptureQueriesContext(connection) as removed:
        execute(UUID(deletion["id"]))
    report(
        "scale-statements",
        [
            Figure("create, request", len(asked), ""),
            Figure("create, worker", len(made), ""),
            Figure("delete, request", len(told), ""),
            Figure("delete, worker", len(removed), ""),
        ],
    )


def sizes(hosts: list[SimulatedHost], kind: str) -> float:
    """Return the mean length of what these hosts have left, in bytes."""
    client = backends.redis_client()
    return mean(cast("int", client.strlen(f"host.{host.name}.{kind}")) for host in hosts)
