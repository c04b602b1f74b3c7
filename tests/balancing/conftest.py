"""A pretend region with VMs, and hosts that are as busy as a test says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import User
from apps.compute.models import Vm
from apps.infrastructure.models import Host
from apps.lifecycle.actor import Actor
from apps.metrics.active_store import store
from apps.metrics.store import STEP, Sample, Subject
from tests.compute.conftest import cloud, no_lease_renewal, owner, subnet, world
from tests.factories import actor_for_user

__all__ = ["cloud", "no_lease_renewal", "owner", "subnet", "world"]

Busy = Callable[..., None]


@pytest.fixture
def admin(ada: User) -> Actor:
    return actor_for_user(ada)


@pytest.fixture
def busy(db: None) -> Busy:
    """Record what hosts and VMs use: `samples` of the last steps, the newest last; None for one that is missing."""

    def record(row: Host | Vm, samples: list[float | None], memory: float = 10) -> None:
        now = timezone.now()
        kind = "host" if isinstance(row, Host) else "vm"
        made = [
            Sample(Subject(kind, str(row.pk)), now - number * STEP, _values(row, cpu, memory))
            for number, cpu in enumerate(reversed(samples), 1)
            if cpu is not None
        ]
        store().record(made)
        if isinstance(row, Host):
            Host.objects.filter(pk=row.pk).update(
                load_percent=samples[-1], memory_used_mib=int(row.memory_mib * memory / 100)
            )

    return record


def _values(row: Any, cpu: float, memory: float) -> dict[str, float]:
    return {"cpu_percent": cpu, "memory_bytes": row.memory_mib * memory / 100 * (1 << 20)}
