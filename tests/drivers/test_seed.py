"""First-boot data as a disk."""

from apps.drivers.libvirt import seed
from apps.drivers.specs import SeedSpec

#: Where busybox looks for a btrfs superblock, before it looks for ISO 9660; it reads 4 KiB there.
FARTHEST_LOOK = 68 * 1024


def test_a_disk_with_next_to_nothing_on_it_is_long_enough_to_be_looked_at() -> None:
    image = seed.image("vm-1", SeedSpec(hostname="a"))
    assert len(image) >= FARTHEST_LOOK
    assert image[16 * 2048 + 40 :].startswith(b"cidata")
