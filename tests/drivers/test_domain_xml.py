"""The domain definition, compared with kept files (SCLOUD_WRITE_GOLDEN=1 writes them anew: read the diff then)."""

import os
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from apps.drivers.errors import DriverError
from apps.drivers.libvirt import HostSettings, domain_xml, metadata
from apps.drivers.libvirt.domain_xml import DiskFiles
from apps.drivers.libvirt.metadata import VmMetadata
from apps.drivers.specs import DiskAttachment, NicAttachment, PoolSpec, SeedSpec, VmSpec, VolumeSpec

GOLDEN = Path(__file__).parent / "golden"
POOL = PoolSpec("aaaaaaaa-0000-4000-8000-000000000001", "file", "/pool")
SYSTEM = VolumeSpec("bbbbbbbb-0000-4000-8000-000000000001", POOL, 40)
DATA = VolumeSpec("bbbbbbbb-0000-4000-8000-000000000002", POOL, 10)
VM = VmSpec(
    id="cccccccc-0000-4000-8000-000000000001",
    name="web-1",
    vcpu=2,
    memory_mib=4096,
    disks=(DiskAttachment(SYSTEM), DiskAttachment(DATA, iops=500, bytes_per_second=100 << 20)),
    nics=(NicAttachment("dddddddd-0000-4000-8000-000000000001", "fa:16:3e:00:00:01"),),
    seed=SeedSpec("web-1"),
    uid=1_900_000_007,
    cpu_percent=200,
    generation=3,
)
HOST = HostSettings("host-1", "192.0.2.1", "qemu", userspace_datapath=True)


def xml_of(vm: VmSpec = VM, host: HostSettings = HOST) -> str:
    base = Path("/pool/images/eeeeeeee-0000-4000-8000-000000000001.qcow2")
    files = {
        disk.volume.id: DiskFiles(Path(f"/pool/volumes/{disk.volume.id}.qcow2"), base if index == 0 else None)
        for index, disk in enumerate(vm.disks)
    }
    return domain_xml.build(vm, host, files, VmMetadata(vm.generation, 7, "digest"), "hidden") + "\n"


@pytest.mark.parametrize(
    ("name", "host"),
    [("emulated", HOST), ("kvm", replace(HOST, virtualisation="kvm", userspace_datapath=False))],
)
def test_the_definition_is_as_kept(name: str, host: HostSettings) -> None:
    path = GOLDEN / f"{name}.xml"
    if os.environ.get("SCLOUD_WRITE_GOLDEN"):
        path.write_text(xml_of(host=host))
    assert xml_of(host=host) == path.read_text()


@pytest.mark.requirement("SE-5")
@pytest.mark.parametrize("name", ["</title><devices/>", "a\nb", 'x" y=\'"&amp;', "实例 1"])
def test_a_name_cannot_leave_its_place(name: str) -> None:
    domain = ET.fromstring(xml_of(replace(VM, name=name)))
    assert domain.findtext("title") == " ".join(name.split())
    assert len(domain.findall("devices")) == 1


@pytest.mark.requirement("SE-3")
def test_the_console_is_closed_by_default() -> None:
    graphics = ET.fromstring(xml_of()).find("./devices/graphics")
    assert graphics is not None
    assert graphics.get("passwd")
    assert graphics.get("passwdValidTo", "").startswith("1970")


def test_metadata_survives_the_way_through_libvirt() -> None:
    kept = VmMetadata(generation=4, boot=2, seed="abc")
    stored = ET.tostring(metadata.element(kept), encoding="unicode")
    assert metadata.parse(stored) == kept
    assert metadata.parse("not xml") == VmMetadata()


@pytest.mark.requirement("SE-5")
def test_an_id_that_is_none_is_no_path() -> None:
    with pytest.raises(DriverError, match="not an identifier"):
        HOST.seed_path("../../etc/passwd")
    with pytest.raises(DriverError, match="not an identifier"):
        HOST.serial_log("*")
