"""One disk of a VM in libvirt's domain XML, and finding it there again."""

import xml.etree.ElementTree as ET
from pathlib import PurePosixPath

from apps.drivers.bounds import is_id
from apps.drivers.libvirt.pool_drivers import Describe
from apps.drivers.specs import DiskAttachment

SERIAL_LENGTH = 20
"""What virtio has room for."""
FIRST_DATA_PCI_SLOT = 0x10
"""Data disks have PCI slots of their own, behind those that libvirt gives to all else. So the guest finds them in this
order, whichever are there, and the system disk and the first-boot data before them."""


def element(attachment: DiskAttachment, describe: Describe, *, express: bool) -> ET.Element:
    """Return the <disk>; `describe` writes where its data is."""
    disk = ET.Element("disk", type="", device="disk")
    describe(disk)
    ET.SubElement(disk, "target", dev=target_of(attachment), bus="virtio")
    ET.SubElement(disk, "serial").text = serial_of(attachment.volume.id)
    if attachment.slot == 0:
        ET.SubElement(disk, "boot", order="1")
    elif not express:
        slot = f"{FIRST_DATA_PCI_SLOT + attachment.slot:#04x}"
        ET.SubElement(disk, "address", type="pci", domain="0x0000", bus="0x00", slot=slot, function="0x0")
    limits = {name: value for name, value in iotune(attachment).items() if value}
    if limits:
        tune = ET.SubElement(disk, "iotune")
        for name, value in limits.items():
            ET.SubElement(tune, name).text = str(value)
    return disk


def target_of(attachment: DiskAttachment) -> str:
    """Return vda, vdb, … by slot; vdz is the seed."""
    return f"vd{chr(ord('a') + attachment.slot)}"


def serial_of(volume_id: str) -> str:
    """Return what the guest sees as the disk's serial number."""
    return volume_id.replace("-", "")[:SERIAL_LENGTH]


def iotune(attachment: DiskAttachment) -> dict[str, int]:
    """Return the limits by libvirt's names; 0 is none. Bytes and operations, reading and writing together."""
    found: dict[str, int] = {}
    limits = (("total_bytes_sec", attachment.bytes_per_second), ("total_iops_sec", attachment.iops))
    bursts = attachment.burst > 1
    for name, value in limits:
        found[name] = value
    for name, value in limits:
        found[f"{name}_max"] = value * attachment.burst if bursts else 0
    for name, value in limits:
        found[f"{name}_max_length"] = attachment.burst_seconds if bursts and value else 0
    return found


def limits_in(disk: ET.Element) -> dict[str, int]:
    """Return the limits of a <disk> by libvirt's names; what is not there is not limited."""
    tune = ((each.tag, each.text or "") for each in disk.iterfind("iotune/*"))
    return {name: int(text) for name, text in tune if text.isdecimal()}


def volumes_in(domain_xml: str) -> dict[str, ET.Element]:
    """Return volume identifier → <disk> of what a VM may write to, in the order of its definition: not the seed.

    What somebody else has attached on the host, called otherwise than our volumes, is not ours.
    """
    disks = ET.fromstring(domain_xml).iterfind("./devices/disk")
    return {id: disk for disk in disks if disk.find("readonly") is None and is_id(id := volume_id_of(disk))}


def limits_of(disk: ET.Element) -> tuple[int, int]:
    """Return operations and bytes per second of a <disk>; 0 is none."""
    return (
        int(disk.findtext("./iotune/total_iops_sec", "0")),
        int(disk.findtext("./iotune/total_bytes_sec", "0")),
    )


def volume_id_of(disk: ET.Element) -> str:
    """Return the identifier of the volume that a <disk> stands for: its file is POOL/volumes/ID.qcow2, its RBD image
    POOL/volume-ID."""
    source = disk.find("source")
    if source is None:
        return ""
    return PurePosixPath(source.get("file") or source.get("name") or "").stem.removeprefix("volume-")


def device_of(disk: ET.Element) -> str:
    """Return the target by which libvirt knows a <disk>."""
    target = disk.find("target")
    return target.get("dev", "") if target is not None else ""
