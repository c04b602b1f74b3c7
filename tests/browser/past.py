"""A past for the sample_site site: what was requested over the last days, and what was measured in the last hours."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from random import Random
from typing import Any

from django.utils import timezone

from apps.audit.models import AuditEntry
from apps.compute.models import Vm
from apps.infrastructure.models import Host
from apps.lifecycle.models import Operation, Resource
from apps.metrics.store import STEP, Subject
from apps.metrics.tiers import RAW, floor
from apps.storage.models import Disk
from tests.metrics.keeping import keep

GIB = 1 << 30
HOURS = 6


def spread_over_days() -> None:
    """Let what was done in one go have been done over days, each change taking the seconds it takes on real hosts."""
    chance = Random(7)  # noqa: S311  # the same pictures each time
    at = timezone.now() - timedelta(minutes=11)
    for operation in Operation.objects.order_by("-sequence"):
        at -= timedelta(minutes=chance.choice((2, 3, 4, 45, 190, 1270)), seconds=chance.randrange(60))
        took = timedelta(seconds=chance.uniform(2, 14))
        steps = [
            {**step, "at": (at + took * (number + 1) / (len(operation.steps) + 1)).isoformat()}
            for number, step in enumerate(operation.steps)
        ]
        Operation.objects.filter(pk=operation.pk).update(
            created_at=at, started_at=at, finished_at=operation.finished_at and at + took, steps=steps
        )
        AuditEntry.objects.filter(operation=operation).update(at=at)
        Resource.objects.filter(pk=operation.target_id).update(created_at=at, updated_at=at + took)
    for entry in AuditEntry.objects.filter(operation=None).order_by("-pk"):
        at -= timedelta(minutes=chance.randrange(3, 200))
        AuditEntry.objects.filter(pk=entry.pk).update(at=at)


def measure() -> None:
    """Give every VM and host six hours of samples, with a gap in which nothing was measured."""
    now = floor(timezone.now(), STEP)
    moments = [now - STEP * n for n in range(int(timedelta(hours=HOURS) / STEP), 0, -1)]
    gap = (now - timedelta(minutes=21), now - timedelta(minutes=16))
    seen = [at for at in moments if not gap[0] < at < gap[1]]
    for number, vm in enumerate(Vm.objects.filter(power_seen="on"), start=1):
        chance = Random(number)  # noqa: S311
        keep(Subject("vm", str(vm.pk)), RAW, [(at, _vm(vm, at, number, chance)) for at in seen])
    for number, disk in enumerate(Disk.objects.filter(vm__power_seen="on", role=Disk.Role.DATA), start=1):
        chance = Random(200 + number)  # noqa: S311
        keep(Subject("disk", str(disk.pk)), RAW, [(at, _disk(at, number, chance)) for at in seen])
    for number, host in enumerate(Host.objects.filter(driver="memory"), start=1):
        chance = Random(100 + number)  # noqa: S311
        keep(Subject("host", str(host.pk)), RAW, [(at, _host(host, at, number, chance)) for at in seen])


def _wave(at: datetime, number: int, minutes: float, chance: Random) -> float:
    """Return 0…1: busy times that come and go, and some noise."""
    slow = math.sin(at.timestamp() / 60 / minutes + number)
    fast = math.sin(at.timestamp() / 60 / (minutes / 7.3) + 2 * number)
    return min(1.0, max(0.02, 0.45 + 0.28 * slow + 0.1 * fast + chance.gauss(0, 0.045)))


def _vm(vm: Vm, at: datetime, number: int, chance: Random) -> dict[str, float]:
    busy = _wave(at, number, 38, chance)
    total = vm.memory_mib * 1024 * 1024
    return {"cpu_percent": 8 + 70 * busy, **_rest(total * (0.38 + 0.2 * busy), total, busy, chance, 1.0)}


def _host(host: Host, at: datetime, number: int, chance: Random) -> dict[str, float]:
    busy = _wave(at, number, 55, chance)
    total = host.memory_mib * 1024 * 1024
    return {
        "cpu_percent": 20 + 45 * busy,
        "load": host.vcpus * (0.2 + 0.5 * busy),
        "disk_used_bytes": 61.0 * GIB,
        "disk_total_bytes": 240.0 * GIB,
        **_rest(total * (0.5 + 0.1 * busy), total, busy, chance, 6.0),
    }


def _disk(at: datetime, number: int, chance: Random) -> dict[str, float]:
    busy = _wave(at, number, 30, chance)
    moved = {
        name: value for name, value in _rest(0, 0, busy, chance, 8.0).items() if name.startswith("disk_")
    }
    return {**moved, "disk_read_ms": 0.3 + 0.5 * busy, "disk_write_ms": 0.5 + 1.1 * busy}


def _rest(used: float, total: float, busy: float, chance: Random, scale: float) -> dict[str, float]:
    burst = scale * (3.0 if chance.random() < 0.02 else 1.0)
    return {
        "memory_bytes": used,
        "memory_total_bytes": float(total),
        "disk_read_bytes_per_second": burst * 2.1e6 * busy * chance.uniform(0.6, 1.4),
        "disk_write_bytes_per_second": burst * 4.4e6 * busy * chance.uniform(0.6, 1.4),
        "disk_read_ops_per_second": burst * 90 * busy * chance.uniform(0.7, 1.3),
        "disk_write_ops_per_second": burst * 210 * busy * chance.uniform(0.7, 1.3),
        "net_rx_bytes_per_second": burst * 1.3e6 * busy * chance.uniform(0.7, 1.3),
        "net_tx_bytes_per_second": burst * 3.8e6 * busy * chance.uniform(0.7, 1.3),
    }


def hold_under_way(name: str) -> None:
    """Let the creation of a VM that is done stand at its second step, in the hands of a worker that takes its time."""
    operation = Operation.objects.filter(target_name=name).latest("created_at")
    kept: dict[str, Any] = {
        "status": "running",
        "progress": 40,
        "steps": operation.steps[:2],
        "finished_at": None,
        "lease_until": timezone.now() + timedelta(hours=3),
        "deadline": timezone.now() + timedelta(hours=3),
    }
    Operation.objects.filter(pk=operation.pk).update(**kept)
    Resource.objects.filter(pk=operation.target_id).update(state="pending")
