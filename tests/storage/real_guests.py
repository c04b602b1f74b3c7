"""What guests on real hosts have on their disks, and what they see of them."""

from __future__ import annotations

import re

from onebox.shell import OneboxError, wait_until

from apps.compute.models import Vm
from apps.storage.models import Disk
from tests.drivers.guests import Guest
from tests.real_site import RealSite

MOUNT = "/mnt/data"
#: Sectors that a GiB has.
SECTORS = 1 << 21


class DiskGuests:
    """The guests of a site's VMs."""

    site: RealSite

    def guest(self, vm: str) -> Guest:
        """Return the guest of a VM, on the host that has it."""
        host = Vm.objects.select_related("host").get(pk=vm).host
        assert host is not None
        return Guest(self.site.box.host(host.name), vm)

    def checksum(self, vm: str) -> str:
        """Have the guest check the data that is mounted, and return the checksum."""
        return self.guest(vm).output(f"testdata check {MOUNT}")

    def mounted_checksum(self, disk: Disk, vm: str) -> str:
        """Have the guest check the file system of an attached disk and the data in it, and leave it unmounted."""
        guest, path = self.guest(vm), disk.guest_path
        guest.output(f"e2fsck -fn {path} && mkdir -p {MOUNT} && mount {path} {MOUNT}")
        try:
            return self.checksum(vm)
        finally:
            guest.output(f"umount {MOUNT}")

    def acknowledged(self, vm: str) -> int:
        """Return how many records the guest's disks have acknowledged.

        The file is empty while it is written again, and an agent answers nothing while its guest is frozen.
        """
        found: list[str] = []

        def read() -> bool:
            try:
                found[:] = self.guest(vm).output("cat /run/testdata.acked").split()
            except OneboxError as error:
                if "frozen" not in str(error):
                    raise
            return bool(found)

        wait_until(read, "the guest to say how much was written", seconds=60, every=0.2)
        return int(found[0])

    def wait_writing(self, vm: str, more: int = 1, *, seconds: float = 60) -> None:
        """Wait until the guest's disks have acknowledged so many more records."""
        before = self.acknowledged(vm)
        wait_until(lambda: self.acknowledged(vm) >= before + more, "the guest to write", seconds=seconds)

    def stop_writing(self, vm: str, *places: str) -> None:
        """Have the guest write no more, and unmount; a write under way ends first."""
        until = "until umount {}; do usleep 50000; done"
        self.guest(vm).output(f"testdata stop; {'; '.join(until.format(at) for at in places)}")

    def records(self, disk: Disk, vm: str, at: str) -> int:
        """Have the guest mount an attached disk, check its records, and unmount it; return how many there are."""
        self.guest(vm).output(f"mkdir -p {at} && mount {disk.guest_path} {at}")
        return int(self.guest(vm).output(f"testdata records {at} && umount {at}"))

    def size_gib(self, disk: Disk, vm: str) -> float:
        """Return the size that the guest sees."""
        found = f"cat /sys/class/block/$(basename $(readlink {disk.guest_path}))/size"
        return int(self.guest(vm).output(found)) / SECTORS

    def limits(self, disk: Disk, vm: str, *where: str) -> tuple[int, int]:
        """Return (operations per second, bytes per second) that libvirt has of an attached disk."""
        slot = Disk.objects.get(pk=disk.pk).slot
        assert slot is not None
        words = ("virsh", "-q", "blkdeviotune", f"vm-{vm}", f"vd{'abcdefg'[slot]}", *where)
        text = self.guest(vm).host.exec(*words)
        iops, size = (re.search(rf"total_{of}_sec\s*: (\d+)", text) for of in ("iops", "bytes"))
        assert iops and size, text
        return int(iops[1]), int(size[1])
