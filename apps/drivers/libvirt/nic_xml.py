"""One NIC of a VM in libvirt's domain XML, and finding it there again."""

import copy
import xml.etree.ElementTree as ET

from apps.drivers.libvirt.settings import HostSettings
from apps.drivers.specs import INTERNAL_SLOT, NicAttachment
from apps.drivers.specs.devices import ELASTIC_SLOTS

NO_OFFLOAD = {
    "host": ("csum", "gso", "tso4", "tso6", "ecn", "ufo"),
    "guest": ("csum", "tso4", "tso6", "ecn", "ufo"),
}
INTERNAL_PCI_SLOT = 0x03
"""Where libvirt puts the first NIC of a PC by itself: VMs have theirs there since before NICs had places."""
FIRST_OTHER_PCI_SLOT = 0x18
"""Behind the disks' places, so that plugging a NIC in or out moves no other device."""
PLACES = ELASTIC_SLOTS.stop
"""So many NICs a VM can have. A machine with PCI Express has a port for each, by number."""


def element(nic: NicAttachment, host: HostSettings, *, express: bool) -> ET.Element:
    """Return the <interface>."""
    interface = ET.Element("interface", type="bridge")
    ET.SubElement(interface, "mac", address=nic.mac)
    ET.SubElement(interface, "source", bridge=host.integration_bridge)
    port = ET.SubElement(interface, "virtualport", type="openvswitch")
    ET.SubElement(port, "parameters", interfaceid=nic.port_id)
    ET.SubElement(interface, "model", type="virtio")
    if host.userspace_datapath:
        driver = ET.SubElement(interface, "driver", name="qemu")
        for side, features in NO_OFFLOAD.items():
            ET.SubElement(driver, side, {feature: "off" for feature in features})
    ET.SubElement(interface, "mtu", size=str(nic.mtu))
    bus, slot = place(nic.slot, express=express)
    where = {"domain": "0x0000", "bus": f"{bus:#04x}", "slot": f"{slot:#04x}", "function": "0x0"}
    ET.SubElement(interface, "address", {"type": "pci", **where})
    return interface


def place(slot: int, *, express: bool) -> tuple[int, int]:
    """Return bus and slot on the PCI bus of the NIC with this slot of ours; with PCI Express, each has its own bus."""
    if express:
        return slot + 1, 0
    return 0, INTERNAL_PCI_SLOT if slot == INTERNAL_SLOT else FIRST_OTHER_PCI_SLOT + slot - 1


def place_of(interface: ET.Element) -> tuple[int, int]:
    """Return bus and slot of an <interface>; (-1, -1) of one that has no place."""
    address = interface.find("address[@type='pci']")
    if address is None:
        return -1, -1
    return int(address.get("bus", "0"), 0), int(address.get("slot", "0"), 0)


def nics_in(domain_xml: str) -> dict[str, ET.Element]:
    """Return port identifier → <interface>, in the order of the definition."""
    found = ET.fromstring(domain_xml).iterfind("./devices/interface")
    return {id: interface for interface in found if (id := port_of(interface))}


def port_of(interface: ET.Element) -> str:
    """Return the fabric port that an <interface> plugs into, "" for none."""
    parameters = interface.find("virtualport/parameters")
    return parameters.get("interfaceid", "") if parameters is not None else ""


def differs(interface: ET.Element, wanted: ET.Element) -> bool:
    """Whether an <interface> of the stored definition has another MAC, MTU or place than is wanted."""
    return place_of(interface) != place_of(wanted) or any(
        _value(interface, tag, name) != _value(wanted, tag, name)
        for tag, name in (("mac", "address"), ("mtu", "size"))
    )


def _value(interface: ET.Element, tag: str, name: str) -> str:
    node = interface.find(tag)
    return node.get(name, "").lower() if node is not None else ""


def is_up(interface: ET.Element) -> bool:
    """Whether the guest sees a link."""
    link = interface.find("link")
    return link is None or link.get("state") != "down"


def with_link(interface: ET.Element, *, up: bool) -> str:
    """Return the XML of the NIC with its link up or down. What says nothing of it is up."""
    made = copy.deepcopy(interface)
    link = made.find("link")
    if link is None and not up:
        link = ET.SubElement(made, "link")
    if link is not None:
        link.set("state", "up" if up else "down")
    return ET.tostring(made, encoding="unicode")
