"""The definition of a VM as libvirt's domain XML."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

from apps.drivers.libvirt import disk_xml, nic_xml, sizes
from apps.drivers.libvirt.domains import name_of
from apps.drivers.libvirt.metadata import VmMetadata, element
from apps.drivers.libvirt.platform_xml import add_platform, has_legacy_devices
from apps.drivers.libvirt.pool_drivers import Describe
from apps.drivers.libvirt.settings import HostSettings
from apps.drivers.specs import VmSpec

HOTPLUG_PORTS = 10
"""Of a machine whose PCI Express bus takes nothing while it runs but at a free port: libvirt makes none to spare.
Beside those of NICs, which are numbered."""
NOT_XML = re.compile("[^\\t\\n\\r -\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
NEVER = "1970-01-01T00:00:01"


def build(
    spec: VmSpec,
    host: HostSettings,
    places: dict[str, Describe],
    metadata: VmMetadata,
    vnc_password: str,
) -> str:
    """Return the XML. `places` says of each volume id where its data is.

    The VM must start with a VNC password for one to be set later; this one is valid no more, so the console is closed.
    """
    domain = ET.Element("domain", type=host.virtualisation)
    _text(domain, "name", name_of(spec.id))
    _text(domain, "uuid", spec.id)
    _text(domain, "title", title_of(spec.name))
    ET.SubElement(domain, "metadata").append(element(metadata))
    sizes.add_size(domain, spec)
    _cpu_limit(domain, spec)
    add_platform(domain, spec, host)
    _ends(domain)
    devices = ET.SubElement(domain, "devices")
    for disk in spec.disks:
        devices.append(disk_xml.element(disk, places[disk.volume.id], express=spec.is_express))
    _seed(devices, host.seed_path(spec.id))
    for nic in spec.nics:
        devices.append(nic_xml.element(nic, host, express=spec.is_express))
    _consoles(devices, spec, host, vnc_password)
    _helpers(devices, spec)
    _owner(domain, spec.uid)
    ET.indent(domain)
    return ET.tostring(domain, encoding="unicode")


def title_of(name: str) -> str:
    """Return a name as a title: one line, without the characters that XML cannot hold (XML 1.0, 2.2)."""
    return " ".join(NOT_XML.sub(" ", name).split())


def _text(parent: ET.Element, tag: str, text: str, **attributes: str) -> None:
    ET.SubElement(parent, tag, attributes).text = text


def _cpu_limit(domain: ET.Element, spec: VmSpec) -> None:
    """Cap the whole VM, emulation included; a quota per vCPU would leave QEMU's own threads free."""
    if not spec.cpu_percent:
        return
    tune = ET.SubElement(domain, "cputune")
    _text(tune, "global_period", str(sizes.QUOTA_PERIOD_US))
    _text(tune, "global_quota", str(sizes.cpu_quota(spec)))


def _ends(domain: ET.Element) -> None:
    _text(domain, "on_poweroff", "destroy")
    _text(domain, "on_reboot", "restart")
    _text(domain, "on_crash", "destroy")


def _owner(domain: ET.Element, uid: int) -> None:
    """Run QEMU as a user and group of its own; libvirt gives it the VM's files when it starts.

    Beside this stands what libvirt adds by itself where the kernel has AppArmor or SELinux.
    """
    label = ET.SubElement(domain, "seclabel", type="static", model="dac", relabel="yes")
    _text(label, "label", f"+{uid}:+{uid}")


def _seed(devices: ET.Element, path: Path) -> None:
    """Attach first-boot data as a virtio disk: many cloud kernels have no driver for a CD-ROM."""
    disk = ET.SubElement(devices, "disk", type="file", device="disk")
    ET.SubElement(disk, "driver", name="qemu", type="raw")
    ET.SubElement(disk, "source", file=str(path))
    ET.SubElement(disk, "target", dev="vdz", bus="virtio")
    ET.SubElement(disk, "readonly")


def _consoles(devices: ET.Element, spec: VmSpec, host: HostSettings, vnc_password: str) -> None:
    serial = ET.SubElement(devices, "serial", type="pty")
    ET.SubElement(serial, "log", file=str(host.serial_log(spec.id)), append="on")
    agent = ET.SubElement(devices, "channel", type="unix")
    ET.SubElement(agent, "target", type="virtio", name="org.qemu.guest_agent.0")
    graphics = ET.SubElement(
        devices, "graphics", type="vnc", port="-1", autoport="yes", passwd=vnc_password, passwdValidTo=NEVER
    )
    ET.SubElement(graphics, "listen", type="address", address=host.management_ip)
    ET.SubElement(
        ET.SubElement(devices, "video"), "model", type="vga" if has_legacy_devices(spec) else "virtio"
    )


def _helpers(devices: ET.Element, spec: VmSpec) -> None:
    ET.SubElement(devices, "controller", type="usb", model="qemu-xhci")
    ET.SubElement(devices, "input", type="tablet", bus="usb")
    if not has_legacy_devices(spec):
        ET.SubElement(devices, "input", type="keyboard", bus="usb")
    if spec.is_express:
        for port in range(nic_xml.PLACES):
            ET.SubElement(devices, "controller", type="pci", index=str(port + 1), model="pcie-root-port")
        for _port in range(HOTPLUG_PORTS):
            ET.SubElement(devices, "controller", type="pci", model="pcie-root-port")
    balloon = ET.SubElement(devices, "memballoon", model="virtio")
    ET.SubElement(balloon, "stats", period="10")
    random = ET.SubElement(devices, "rng", model="virtio")
    _text(random, "backend", "/dev/urandom", model="random")
