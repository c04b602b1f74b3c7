"""A large site at work: 1,000 hosts with 25,000 VMs, while more are created and deleted at a pace.

SCLOUD_SCALE="hosts=1000 vms=25000 rate=20 seconds=120" changes the size.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from apps.infrastructure.models import SILENCE
from apps.lifecycle.models import Operation, OperationStatus
from tests.bench.processes import cpu_seconds, resident_mib
from tests.bench.report import Figure, report
from tests.bench.simulator.site import Site, simulated_site
from tests.bench.simulator.watch import Watch, groups, percentile, settling, wal_bytes
from tests.platform_fixtures import pretend_platform

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

SIZE = {"hosts": 1000, "vms": 25_000, "rate": 20, "seconds": 120, "processes": 2} | {
    name: int(value)
    for name, value in (part.split("=") for part in os.environ.get("SCLOUD_SCALE", "").split())
}
#: Seconds of watching before the load, and from a VM's creation to its deletion.
IDLE, LINGER = 40, 15


@pytest.fixture(scope="module")
def site(lasting_rows: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("scale")
    sizes = {name: SIZE[name] for name in ("hosts", "vms", "processes")}
    with (
        pretend_platform(directory, "process") as platform,
        simulated_site(platform, directory, **sizes) as made,
    ):
        yield made


def test_heartbeats_alone(site: Site) -> None:
    """What the hosts cost when nothing is requested."""
    before = cpu_seconds(groups(site))
    watch = Watch(site)
    watch.look(IDLE)
    spent = {name: total - before[name] for name, total in cpu_seconds(groups(site)).items()}
    report(
        "scale-idle",
        [
            *(Figure(f"CPU, {name}", 100 * seconds / IDLE, "%") for name, seconds in spent.items()),
            *watch.figures(),
            *site.message_sizes(),
        ],
    )
    assert watch.out_of_reach == 0


def test_creates_and_deletes_meanwhile(site: Site) -> None:
    site.load(rate=SIZE["rate"], seconds=3, linger=3, reads={})  # loads all code in use
    site.settle()
    Operation.objects.all().delete()
    before, wal = cpu_seconds(groups(site)), wal_bytes()
    with Watch(site) as watch:
        seen = site.load(SIZE["rate"], SIZE["seconds"], LINGER, site.reads())
        site.settle()
    spent = {name: total - before[name] for name, total in cpu_seconds(groups(site)).items()}
    made = Operation.objects.filter(verb="vm.create", status=OperationStatus.DONE).count()
    seconds = SIZE["seconds"]
    create, delete = settling("vm.create"), settling("vm.delete")
    report(
        "scale-load",
        [
            Figure("asked for", SIZE["rate"], "/s"),
            Figure("settled creates", create.per_second, "/s", 0.95 * SIZE["rate"], at_least=True),
            Figure("settled deletes", delete.per_second, "/s", 0.95 * SIZE["rate"], at_least=True),
            Figure("create, accepted to settled, p50", create.p50, "s"),
            Figure("create, accepted to settled, p95", create.p95, "s"),
            Figure("delete, accepted to settled, p50", delete.p50, "s"),
            Figure("delete, accepted to settled, p95", delete.p95, "s"),
            *(
                Figure(f"{name}, p{share}", percentile(times, share), "ms")
                for name, times in seen["times"].items()
                for share in (50, 95)
            ),
            Figure("clients behind their pace, p95", 1000 * percentile(seen["late"], 95), "ms"),
            *watch.figures(),
            *(Figure(f"CPU, {name}", 100 * used / (seconds + LINGER), "%") for name, used in spent.items()),
            *(
                Figure(f"CPU per VM created and deleted, {name}", 1000 * used / max(made, 1), "ms")
                for name, used in spent.items()
            ),
            Figure("WAL per VM created and deleted", (wal_bytes() - wal) / max(made, 1), "bytes"),
            *(Figure(f"memory, {name}", mib, "MiB") for name, mib in resident_mib(groups(site)).items()),
        ],
    )
    assert seen["refused"] == []
    assert not Operation.objects.filter(status=OperationStatus.FAILED).exists()
    assert watch.oldest < SILENCE.total_seconds()
