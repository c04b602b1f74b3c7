"""A pretend region with disks and a VM, as the tests of compute have it."""

from __future__ import annotations

from tests.compute.conftest import cloud, owner, subnet, world

__all__ = ["cloud", "owner", "subnet", "world"]
