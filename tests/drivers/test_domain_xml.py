"""The domain definition, compared with kept files (SCLOUD_WRITE_GOLDEN=1 writes them again: read the diff then)."""

import os
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import libvirt
import pytest

from apps.drivers.errors import DriverError
from apps.drivers.libvirt import HostSettings, disk_xml, domain_xml, metadata, nic_xml, rbd_disks
from apps.drivers.libvirt.metadata import VmMetadata
from apps.drivers.libvirt.pool_drivers import DiskFiles, in_files
from apps.drivers.rbd.client import secret_id
from apps.drivers.specs import (
    Architecture,
    DiskAttachment,
    Firmware,
    NicAttachment,
    OsFamily,
    PoolSpec,
    SeedSpec,
    VmSpec,
    VolumeSpec,
)

GOLDEN = Path(__file__).parent / "golden"
POOL = PoolSpec("aaaaaaaa-0000-4000-8000-000000000001", "file", "/pool")
SYSTEM = VolumeSpec("bbbbbbbb-0000-4000-8000-000000000001", POOL, 40)
DATA = VolumeSpec("bbbbbbbb-0000-4000-8000-000000000002", POOL, 10)
VM = VmSpec(
    id="cccccccc-0000-4000-8000-000000000001",
    name="web-1",
    vcpu=2,
    memory_mib=4096,
    disks=(DiskAttachment(SYSTEM), DiskAttachment(DATA, iops=500, bytes_per_second=100 << 20, slot=1)),
    nics=(NicAttachment("dddddddd-0000-4000-8000-000000000001", "fa:16:3e:00:00:01"),),
    seed=SeedSpec("web-1"),
    uid=1_900_000_007,
    cpu_percent=200,
    generation=3,
)
HOST = HostSettings("host-1", "192.0.2.1", "qemu", userspace_datapath=True)


def xml_of(vm: VmSpec = VM, host: HostSettings = HOST) -> str:
    base = Path("/pool/images/eeeeeeee-0000-4000-8000-000000000001.qcow2")
    places = {
        disk.volume.id: in_files(
            DiskFiles(Path(f"/pool/volumes/{disk.volume.id}.qcow2"), base if disk.slot == 0 else None)
        )
        for disk in vm.disks
    }
    return domain_xml.build(vm, host, places, VmMetadata(vm.generation, 7, "digest"), "hidden") + "\n"


@pytest.mark.parametrize(
    ("name", "host"),
    [("emulated", HOST), ("kvm", replace(HOST, virtualisation="kvm", userspace_datapath=False))],
)
def test_the_definition_is_as_kept(name: str, host: HostSettings) -> None:
    path = GOLDEN / f"{name}.xml"
    if os.environ.get("SCLOUD_WRITE_GOLDEN"):
        path.write_text(xml_of(host=host))
    assert xml_of(host=host) == path.read_text()


WINDOWS, ARM = replace(VM, vcpu=8, os_family=OsFamily.WINDOWS), replace(VM, architecture=Architecture.ARM)
KVM = replace(HOST, virtualisation="kvm")


@pytest.mark.requirement("VM-1")
@pytest.mark.parametrize("host", [HOST, KVM], ids=["emulated", "kvm"])
def test_windows_gets_local_time_its_timers_and_one_socket(host: HostSettings) -> None:
    domain = ET.fromstring(xml_of(WINDOWS, host))
    clock, topology = domain.find("clock"), domain.find("cpu/topology")
    assert clock is not None and topology is not None
    assert clock.get("offset") == "localtime"
    assert topology.attrib == {"sockets": "1", "cores": "8", "threads": "1"}
    timers = {timer.get("name"): timer.get("present", timer.get("tickpolicy")) for timer in clock}
    assert timers.items() >= {"rtc": "catchup", "pit": "delay", "hpet": "no"}.items()
    enlightened = [feature.tag for feature in domain.findall("features/hyperv/*[@state='on']")]
    if host is KVM:
        assert {"relaxed", "vapic", "spinlocks", "synic", "stimer"} <= set(enlightened)
        assert timers["hypervclock"] == "yes"
    else:
        assert enlightened == [] and "hypervclock" not in timers, "emulation has no Hyper-V interfaces"


@pytest.mark.requirement("VM-7")
@pytest.mark.parametrize("vm", [VM, WINDOWS], ids=["linux", "windows"])
def test_a_vm_that_can_grow_has_places_for_vcpus_and_memory(vm: VmSpec) -> None:
    domain = ET.fromstring(xml_of(replace(vm, most_vcpu=16, most_memory_mib=16384)))
    vcpu, memory, most, cell = (
        domain.find(path) for path in ("vcpu", "memory", "maxMemory", "cpu/numa/cell")
    )
    assert vcpu is not None and memory is not None and most is not None and cell is not None
    assert (vcpu.text, vcpu.get("current")) == ("16", str(vm.vcpu))
    assert (memory.text, most.text, most.attrib) == ("4096", "16384", {"slots": "16", "unit": "MiB"})
    assert (cell.get("cpus"), cell.get("memory")) == ("0-15", "4096")
    topology = domain.find("cpu/topology")
    assert (topology is not None and topology.get("cores")) == ("16" if vm is WINDOWS else False)


def test_linux_gets_utc_and_no_interfaces_of_hyper_v() -> None:
    domain = ET.fromstring(xml_of(host=KVM))
    assert ET.tostring(domain.find("clock"), encoding="unicode").strip() == '<clock offset="utc" />'  # type: ignore[arg-type]
    assert domain.find("features/hyperv") is None


@pytest.mark.requirement("VM-1")
@pytest.mark.parametrize(
    ("host", "mode"), [(HOST, "maximum"), (KVM, "host-passthrough")], ids=["emulated", "kvm"]
)
def test_an_arm_guest_starts_from_uefi_on_a_machine_without_devices_of_a_pc(
    host: HostSettings, mode: str
) -> None:
    domain = ET.fromstring(xml_of(ARM, host))
    system, kind, cpu = domain.find("os"), domain.find("os/type"), domain.find("cpu")
    assert system is not None and kind is not None and cpu is not None
    assert (system.get("firmware"), kind.attrib) == ("efi", {"arch": "aarch64", "machine": "virt"})
    assert cpu.get("mode") == mode
    assert domain.find("features/apic") is None
    assert [model.get("type") for model in domain.findall("devices/video/model")] == ["virtio"]
    assert {device.get("type") for device in domain.findall("devices/input[@bus='usb']")} == {
        "tablet",
        "keyboard",
    }


UEFI, SECURE = replace(VM, firmware=Firmware.UEFI), replace(VM, firmware=Firmware.SECURE_BOOT)


@pytest.mark.requirement("VM-1")
@pytest.mark.parametrize(("vm", "secure"), [(UEFI, "no"), (SECURE, "yes")], ids=["uefi", "secure boot"])
def test_a_pc_with_uefi_has_pci_express_and_asks_for_the_firmware_that_fits(vm: VmSpec, secure: str) -> None:
    domain = ET.fromstring(xml_of(vm))
    system, kind = domain.find("os"), domain.find("os/type")
    assert system is not None and kind is not None
    assert (system.get("firmware"), kind.get("machine")) == ("efi", "q35")
    features = {each.get("name"): each.get("enabled") for each in system.iterfind("firmware/feature")}
    assert features == {"enrolled-keys": secure, "secure-boot": secure}
    assert (system.find("loader[@secure='yes']") is not None) == (secure == "yes")
    assert (domain.find("features/smm[@state='on']") is not None) == (secure == "yes")
    nic = domain.find("devices/interface/address")
    assert nic is not None and nic.get("bus") == "0x01"
    assert domain.find("devices/disk/address") is None
    ports = domain.findall("devices/controller[@model='pcie-root-port']")
    assert len(ports) == nic_xml.PLACES + domain_xml.HOTPLUG_PORTS


def test_a_vm_with_bios_has_the_machine_it_always_had() -> None:
    domain = ET.fromstring(xml_of())
    assert domain.find("os/type[@machine='pc']") is not None
    assert domain.find("os[@firmware]") is None and domain.find("os/loader") is None


@pytest.fixture(scope="module")
def libvirt_schema() -> Any:
    """A libvirt that checks a definition against its schema, and knows no machine of its own."""
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    connection = libvirt.open("test:///default")
    yield connection
    connection.close()


@pytest.mark.requirement("VM-1")
@pytest.mark.parametrize("family", OsFamily)
@pytest.mark.parametrize("firmware", Firmware)
def test_definitions_are_valid_by_the_schema_of_libvirt(
    libvirt_schema: Any, family: OsFamily, firmware: Firmware
) -> None:
    for host in (HOST, KVM):
        xml = xml_of(replace(VM, os_family=family, firmware=firmware), host)
        assert not _errors_by_schema(libvirt_schema, xml)


def test_the_schema_finds_what_is_wrong(libvirt_schema: Any) -> None:
    assert _errors_by_schema(libvirt_schema, xml_of(SECURE).replace('name="secure-boot"', 'name="magic"'))


def _errors_by_schema(connection: Any, xml: str) -> str:
    """Return what the schema says; that this libvirt runs no QEMU is no concern of it."""
    try:
        connection.defineXMLFlags(xml, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
    except libvirt.libvirtError as error:
        return str(error) if error.get_error_code() == libvirt.VIR_ERR_XML_INVALID_SCHEMA else ""
    return ""


@pytest.mark.requirement("EV-2")
def test_a_disk_keeps_its_place_whichever_others_there_are() -> None:
    last = DiskAttachment(DATA, slot=6)
    disks = ET.fromstring(xml_of(replace(VM, disks=(VM.disks[0], last)))).findall("devices/disk")
    system, data, seed = disks
    assert [disk_xml.device_of(disk) for disk in disks] == ["vda", "vdg", "vdz"]
    address = data.find("address")
    assert address is not None and address.get("slot") == "0x16"
    assert system.find("address") is None and seed.find("address") is None
    assert data.find("boot") is None
    assert list(disk_xml.volumes_in(xml_of())) == [SYSTEM.id, DATA.id]


@pytest.mark.requirement("NI-1", "EN-2")
@pytest.mark.parametrize(
    ("vm", "places"),
    [
        (VM, [(0, 0x03), (0, 0x18), (0, 0x1A), (0, 0x1E)]),
        (ARM, [(1, 0), (2, 0), (4, 0), (8, 0)]),
        (UEFI, [(1, 0), (2, 0), (4, 0), (8, 0)]),
    ],
    ids=["x86", "arm", "uefi"],
)
def test_a_nic_keeps_its_place_whichever_others_there_are(vm: VmSpec, places: list[tuple[int, int]]) -> None:
    nics = tuple(NicAttachment(f"port-{slot}", f"02:00:00:00:00:0{slot}", slot=slot) for slot in (0, 1, 3, 7))
    for number in range(1, 5):
        domain = xml_of(replace(vm, nics=nics[-number:]))
        found = nic_xml.nics_in(domain)
        assert [nic_xml.place_of(nic) for nic in found.values()] == places[-number:]
        disks = {address.get("slot") for address in ET.fromstring(domain).iterfind("devices/disk/address")}
        assert not disks & {f"{slot:#04x}" for bus, slot in places if bus == 0}
    ports = [port.get("index") for port in ET.fromstring(xml_of(vm)).iterfind(".//controller[@index]")]
    assert ports == ([] if vm is VM else [str(number) for number in range(1, 9)])


def test_an_attachment_differs_when_its_place_mac_or_mtu_does() -> None:
    nic = NicAttachment("port", "02:00:00:00:00:01", slot=2)
    made = nic_xml.element(nic, HOST, express=False)
    for change in ({"slot": 3}, {"mac": "02:00:00:00:00:02"}, {"mtu": 1500}):
        other = nic_xml.element(replace(nic, **change), HOST, express=False)
        assert nic_xml.differs(made, other)
    assert not nic_xml.differs(made, nic_xml.element(replace(nic, mac=nic.mac.upper()), HOST, express=False))


def test_a_link_goes_down_and_up() -> None:
    made = nic_xml.element(NicAttachment("port", "02:00:00:00:00:01"), HOST, express=False)
    down = ET.fromstring(nic_xml.with_link(made, up=False))
    assert nic_xml.is_up(made) and not nic_xml.is_up(down)
    assert nic_xml.is_up(ET.fromstring(nic_xml.with_link(down, up=True)))
    assert "<link" not in nic_xml.with_link(made, up=True)


@pytest.mark.requirement("EV-6")
def test_a_burst_is_so_many_times_the_limit_for_so_long() -> None:
    bursting = DiskAttachment(DATA, iops=500, slot=1, burst=3, burst_seconds=30)
    tune = ET.fromstring(xml_of(replace(VM, disks=(VM.disks[0], bursting)))).find("devices/disk/iotune")
    assert tune is not None
    assert {limit.tag: limit.text for limit in tune} == {
        "total_iops_sec": "500",
        "total_iops_sec_max": "1500",
        "total_iops_sec_max_length": "30",
    }


def test_an_arm_guest_has_free_ports_for_what_is_plugged_into_it() -> None:
    controllers = ET.fromstring(xml_of(ARM)).findall("devices/controller[@model='pcie-root-port']")
    assert len(controllers) >= 6
    assert ET.fromstring(xml_of()).findall("devices/controller[@model='pcie-root-port']") == []


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
    kept = VmMetadata(generation=4, boot=2, seed="abc", network='{"nics": "<&>"}')
    stored = ET.tostring(metadata.element(kept), encoding="unicode")
    assert metadata.parse(stored) == kept
    assert metadata.parse("not xml") == VmMetadata()


@pytest.mark.requirement("SE-5")
def test_an_id_that_is_none_is_no_path() -> None:
    with pytest.raises(DriverError, match="not a valid identifier"):
        HOST.seed_path("../../etc/passwd")
    with pytest.raises(DriverError, match="not a valid identifier"):
        HOST.serial_log("*")


@pytest.mark.requirement("CL-2")
def test_a_volume_in_ceph_is_a_disk_that_qemu_reaches_by_itself() -> None:
    pool = PoolSpec("7", "rbd", "volumes", ("192.0.2.9:3300", "[2001:db8::9]:3300"), "scloud")
    volume = VolumeSpec(SYSTEM.id, pool, 40)
    vm = replace(VM, disks=(DiskAttachment(volume, iops=500),))
    xml = domain_xml.build(vm, HOST, {volume.id: rbd_disks.describe(volume)}, VmMetadata(), "hidden")
    disk = ET.fromstring(xml).find("./devices/disk")
    assert disk is not None
    assert disk.get("type") == "network"
    assert {child.tag: child.attrib for child in disk if child.attrib} == {
        "driver": {
            "name": "qemu",
            "type": "raw",
            "cache": "none",
            "error_policy": "enospace",
            "discard": "unmap",
        },
        "auth": {"username": "scloud"},
        "source": {"protocol": "rbd", "name": f"volumes/volume-{volume.id}"},
        "target": {"dev": "vda", "bus": "virtio"},
        "boot": {"order": "1"},
    }
    hosts = [host.attrib for host in disk.iterfind("source/host")]
    assert hosts == [{"name": "192.0.2.9", "port": "3300"}, {"name": "2001:db8::9", "port": "3300"}]
    assert disk_xml.volume_id_of(disk) == volume.id
    secret = disk.find("auth/secret")
    assert secret is not None
    assert secret.attrib == {"type": "ceph", "uuid": secret_id("7")}
    assert disk.findtext("iotune/total_iops_sec") == "500"
