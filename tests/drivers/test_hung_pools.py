"""A pool that hangs: nothing is asked of libvirt for it, which would hang too and hold the VM."""

import os
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from onebox.shell import patience

from apps.drivers.files import FileVolumes, layout
from apps.drivers.libvirt import disk_xml, disks, pool_drivers
from apps.drivers.specs import PoolSpec, VmDisks, VmSpec
from tests.drivers.contracts.fabric import refused
from tests.drivers.contracts.hypervisor import with_data
from tests.drivers.contracts.volumes import a_snapshot
from tests.drivers.samples import a_pool, a_vm, a_volume, an_image

pytestmark = pytest.mark.requirement("OP-4")


class RunningVm:
    """A domain that may be asked for nothing else."""

    def isActive(self) -> bool:
        return True


class StoppedVm:
    """A domain that is off; its definition has the disks of a VM."""

    def __init__(self, vm: VmSpec) -> None:
        made = (
            disk_xml.element(disk, pool_drivers.describe(disk.volume), express=vm.is_express)
            for disk in vm.disks
        )
        self._xml = "".join(ET.tostring(each, encoding="unicode") for each in made)

    def isActive(self) -> bool:
        return False

    def XMLDesc(self, _flags: int) -> str:
        return f"<domain><devices>{self._xml}</devices></domain>"


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No pool of files answers."""
    may_end = threading.Event()

    def read(_pool: PoolSpec) -> None:
        may_end.wait(20)

    hangs = replace(pool_drivers.DRIVERS["file"], read=read)
    monkeypatch.setitem(pool_drivers.DRIVERS, "file", hangs)
    monkeypatch.setattr(disks, "POOL_SECONDS", 0.1)
    yield
    may_end.set()


@pytest.mark.usefixtures("hanging")
def test_disks_of_a_vm_that_is_off_need_no_pool(tmp_path: Path) -> None:
    vm = with_data(a_vm(a_volume(pool := a_pool(tmp_path))), a_volume(pool), iops=500)
    ids = tuple(disk.volume.id for disk in vm.disks)
    assert disks.ensure(StoppedVm(vm), vm) == VmDisks((), ids)


@pytest.mark.usefixtures("hanging")
def test_disks_of_a_pool_that_hangs_are_neither_attached_nor_detached() -> None:
    pool = a_pool()
    began = time.monotonic()
    with refused("volumes.pool_unresponsive"):
        disks.ensure(RunningVm(), with_data(a_vm(a_volume(pool)), a_volume(pool)))
    assert time.monotonic() - began < patience(5)


def test_volumes_of_a_pool_that_hangs_hold_no_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    may_end, volumes = threading.Event(), FileVolumes()
    pool = a_pool(tmp_path)
    volume, image = a_volume(pool), an_image(pool)
    snapshot = a_snapshot(volume)
    monkeypatch.setattr(os, "statvfs", lambda _path: may_end.wait(20))
    monkeypatch.setattr(layout, "ANSWER_SECONDS", 0.05)
    attempts: list[Callable[[], object]] = [
        lambda: volumes.ensure_volume(volume),
        lambda: volumes.ensure_volume_absent(volume),
        lambda: volumes.ensure_snapshot(snapshot),
        lambda: volumes.ensure_snapshot_absent(snapshot),
        lambda: volumes.ensure_rolled_back(snapshot),
        lambda: volumes.ensure_image(image, f"{pool.path}/import/none"),
        lambda: volumes.ensure_image_absent(image),
        lambda: volumes.ensure_image_copy(image, image),
        lambda: volumes.ensure_image_from_snapshot(image, snapshot),
        lambda: volumes.observe(pool),
        lambda: volumes.inventory(pool),
    ]
    for attempt in attempts:
        with refused("volumes.pool_unresponsive"):
            attempt()
    may_end.set()


def test_a_pool_of_a_type_that_the_agent_does_not_know_is_refused_for_good() -> None:
    with refused("volumes.unknown_driver"):
        disks.need_answer(replace(a_pool(), driver="tape"))
