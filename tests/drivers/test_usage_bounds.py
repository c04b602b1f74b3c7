"""What a guest says of itself stays within what it can have, and is that guest's loss alone."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.fernet import Fernet

from apps.drivers.bounds import MOST_COUNT, MOST_VMS
from apps.drivers.libvirt.observation import KIB, usage_of
from apps.drivers.redis_bounds import MOST_BYTES
from apps.drivers.sealing import Seal
from apps.drivers.specs import DiskUsage, HostUsage, Power, VmStatus, VmUsage
from apps.drivers.specs.devices import MOST_DISKS
from apps.drivers.usage import USAGE, UsageReading
from tests.drivers.samples import new_id

HONEST = {
    "cpu.time": 5_000_000_000,
    "vcpu.current": 2,
    "balloon.maximum": 1 << 20,
    "balloon.current": 1 << 20,
    "balloon.rss": 300 << 10,
    "balloon.available": 1000 << 10,
    "balloon.usable": 600 << 10,
    "block.count": 2,
    "block.0.rd.bytes": 10,
    "block.0.rd.reqs": 1,
    "block.0.wr.bytes": 10,
    "block.0.wr.reqs": 1,
    "block.1.rd.bytes": 5,
    "net.count": 1,
    "net.0.rx.bytes": 10,
    "net.0.tx.bytes": 10,
}
"""What libvirt says of a VM of 1 GiB."""
GUESTS_WORD = [name for name in HONEST if name not in ("balloon.maximum", "block.count", "net.count")]
ABSURD = (2**64 - 1, 2**63, 2**54, -1, -(2**63))


def lies() -> Iterator[tuple[str, int]]:
    return ((name, value) for name in GUESTS_WORD for value in ABSURD)


def a_vm() -> VmStatus:
    return VmStatus(new_id(), exists=True, power=Power.ON, boot=1)


def arrived(*vms: VmUsage) -> UsageReading:
    """Return a host's reading as the control plane opens it."""
    seal = Seal(Fernet.generate_key())
    return seal.open(
        USAGE, seal.close(USAGE, UsageReading(datetime.now(UTC), "boot", HostUsage(), vms)), UsageReading
    )


@pytest.mark.requirement("EV-6")
def test_each_disk_has_its_own_counters() -> None:
    first, second = new_id(), new_id()
    stats: dict[str, Any] = {**HONEST, "block.0.wr.times": 7, "block.count": 3, "block.2.rd.bytes": 1 << 70}
    stats |= {f"block.{number}.name": f"vd{name}" for number, name in enumerate("abz")}
    (vm,) = arrived(usage_of(a_vm(), stats, {"vda": first, "vdb": second})).vms
    assert vm.disks == (
        DiskUsage(first, read_bytes=10, write_bytes=10, read_ops=1, write_ops=1, write_ns=7),
        DiskUsage(second, read_bytes=5),
    )
    many = {f"vd{number}": new_id() for number in range(100)}
    names = {f"block.{number}.name": f"vd{number}" for number in range(100)}
    crowd: dict[str, Any] = {"block.count": 100, **names}
    assert len(arrived(usage_of(a_vm(), {**HONEST, **crowd}, many)).vms[0].disks) == MOST_DISKS


def test_the_counters_of_a_full_host_are_still_read() -> None:
    seal = Seal(Fernet.generate_key())
    disks = tuple(DiskUsage(new_id(), *[MOST_COUNT] * 6) for _ in range(7))
    vms = tuple(VmUsage(new_id(), disks=disks) for _ in range(100))
    sealed = seal.close(USAGE, UsageReading(datetime.now(UTC), "boot", HostUsage(), vms))
    assert len(sealed) * MOST_VMS / 100 < MOST_BYTES


@pytest.mark.requirement("SE-10")
@pytest.mark.parametrize(("name", "value"), list(lies()))
def test_a_guest_that_lies_spoils_no_other_figures(name: str, value: int) -> None:
    honest, liar = a_vm(), a_vm()
    before = usage_of(honest, HONEST)
    first, second = arrived(before, usage_of(liar, {**HONEST, name: value})).vms
    assert first == before
    assert (first.memory_bytes, first.memory_total_bytes) == (400 << 20, 1 << 30)
    assert second.id == liar.id
    assert 0 <= second.memory_bytes <= HONEST["balloon.maximum"] * KIB
    assert 0 <= second.memory_total_bytes <= HONEST["balloon.maximum"] * KIB
