"""An image's file on its way from a host to the control plane: whole parts, sealed, over a real Redis."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.agent.long_jobs import LongJobs
from apps.agent.verbs import handlers
from apps.drivers.memory import MemoryVolumes, World
from apps.drivers.orders import Fence
from apps.drivers.protocols import Volumes
from apps.drivers.specs.storage import MOST_PART_BYTES
from tests.agent.both_ends import Ends
from tests.drivers.samples import a_pool, an_image


@pytest.mark.requirement("IM-3")
def test_parts_of_the_largest_size_come_through_byte_by_byte(redis_port: int, tmp_path: Path) -> None:
    here = MemoryVolumes(World())
    image = an_image(a_pool())
    here.ensure_image(image, f"memory:{64 << 20}")
    ends = Ends(redis_port, tmp_path, handlers(Volumes, here, LongJobs()))
    there = ends.remote.volumes(Fence(3, 1))
    size = there.ensure_exported(image)
    assert size == here.ensure_exported(image) > 2 * MOST_PART_BYTES
    for at in range(0, size, MOST_PART_BYTES):
        part = there.read_exported(image, at)
        assert part == here.read_exported(image, at)
    assert [order.fence for order in ends.sent if order.verb == "volumes.read_exported"] == [None] * 3
    there.ensure_export_absent(image)
