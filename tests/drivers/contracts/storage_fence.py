"""What every `StorageFence` does. Of Ceph's `test_storage_fences.py` tests what needs no host of its own address."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from apps.drivers.specs import VolumeSpec
from apps.drivers.storage_fence import StorageFence
from tests.drivers.contracts.fabric import refused

NOBODY = "192.0.2.77"
#: Tells whether a client at the address that is shut out can write to a volume now.
Writes = Callable[[VolumeSpec], bool]


@pytest.mark.requirement("CL-7")
class StorageFenceContract:
    """`fence` is that of a pool with `volume`, which a client at `address` has open; `writes` has it write."""

    def test_a_host_that_is_shut_out_can_write_nothing_until_it_is_readmitted(
        self, fence: StorageFence, volume: VolumeSpec, address: str, writes: Writes
    ) -> None:
        assert writes(volume)
        for _ in range(2):
            fence.ensure_shut_out(address, [volume], {address})
        assert fence.is_shut_out(address)
        assert not writes(volume)
        for _ in range(2):
            fence.ensure_readmitted(address)
        assert not fence.is_shut_out(address)

    def test_only_that_host_is_shut_out(
        self, fence: StorageFence, volume: VolumeSpec, address: str, writes: Writes
    ) -> None:
        fence.ensure_shut_out(NOBODY, [], {address})
        assert not fence.is_shut_out(address)
        assert writes(volume)
        fence.ensure_readmitted(NOBODY)

    def test_nobody_is_shut_out_where_a_disk_is_open_at_an_unknown_address(
        self, fence: StorageFence, volume: VolumeSpec, address: str, writes: Writes
    ) -> None:
        assert writes(volume)
        with refused("volumes.unknown_client"):
            fence.ensure_shut_out(NOBODY, [volume], {"192.0.2.78"})
        assert not fence.is_shut_out(NOBODY)
        assert writes(volume)
