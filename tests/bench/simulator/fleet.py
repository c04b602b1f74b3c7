"""The test's side of simulated hosts: their rows, what stands on them, and their processes."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.fernet import Fernet
from django.db import connection
from django.db.models import Prefetch

from apps.accounts.secrets import seal
from apps.compute.models import Vm
from apps.compute.specs import vm_spec
from apps.drivers.specs import ImageSpec, VmSpec
from apps.infrastructure.models import ComputeCluster
from apps.lifecycle.models import State
from apps.network.models import Nic
from apps.storage.models import Disk
from tests import factories
from tests.bench.simulator.task import HostPart, Task, write

ROOT = Path(__file__).resolve().parents[3]
_SPREAD = """
WITH host AS (SELECT resource_id, row_number() OVER (ORDER BY resource_id) - 1 AS n FROM infrastructure_host),
     vm AS (SELECT resource_id, row_number() OVER (ORDER BY resource_id) - 1 AS n FROM compute_vm)
UPDATE compute_vm SET host_id = host.resource_id, boot = 1
  FROM vm JOIN host ON vm.n % (SELECT count(*) FROM host) = host.n WHERE compute_vm.resource_id = vm.resource_id
"""
_RESERVE = """
UPDATE infrastructure_host SET vcpu_reserved = used.vcpu, memory_reserved_mib = used.memory
  FROM (SELECT host_id, sum(vcpu) AS vcpu, sum(memory_mib) AS memory FROM compute_vm GROUP BY host_id) used
 WHERE used.host_id = resource_id
"""


@dataclass
class Fleet:
    """Hosts that have rows, and the processes they live in while `running`."""

    redis_url: str
    directory: Path
    keys: dict[str, str] = field(default_factory=dict)
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def enrol(self, cluster: ComputeCluster, count: int) -> None:
        """Make the rows of hosts that have not reported yet."""
        for number in range(count):
            name, key = f"node-{number:04}", Fernet.generate_key().decode()
            factories.make_host(
                cluster, name, driver="agent", sealed_key=seal(key), state=State.PENDING, last_report_at=None
            )
            self.keys[name] = key

    @contextmanager
    def running(self, images: list[ImageSpec], processes: int) -> Iterator[None]:
        """Let the hosts run, with the VMs that their rows say, in so many processes."""
        standing = standing_vms()
        names = sorted(self.keys)
        try:
            for number in range(processes):
                hosts = [HostPart(name, self.keys[name], standing[name]) for name in names[number::processes]]
                self._start(self.directory / f"hosts-{number}", images, hosts)
            for process in self.processes:
                assert process.stdout and process.stdout.readline() == "ready\n", "the hosts did not start"
            yield
        finally:
            for process in self.processes:
                process.kill()
                process.wait(10)
            self.processes.clear()

    def _start(self, directory: Path, images: list[ImageSpec], hosts: list[HostPart]) -> None:
        directory.mkdir(parents=True)
        write(directory / "task", Task(self.redis_url, str(directory), images, hosts))
        command = [sys.executable, "-m", "tests.bench.simulator", str(directory / "task")]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.processes.append(subprocess.Popen(command, cwd=ROOT, **pipes))


def spread_vms() -> None:
    """Put the VMs that have rows evenly onto the hosts, and promise their room there."""
    with connection.cursor() as cursor:
        cursor.execute(_SPREAD)
        cursor.execute(_RESERVE)


def standing_vms() -> dict[str, list[VmSpec]]:
    """Return host name → the VMs that should run there."""
    found: dict[str, list[VmSpec]] = defaultdict(list)
    vms = Vm.objects.select_related("host", "image", "cluster").prefetch_related(
        Prefetch("disks", Disk.objects.select_related("cluster")), Prefetch("nics", Nic.objects.all()), "eips"
    )
    for vm in vms.iterator(chunk_size=2000):
        assert vm.host is not None
        found[vm.host.name].append(vm_spec(vm))
    return found
