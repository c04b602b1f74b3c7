"""Finding domains and reading them."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import libvirt

from apps.drivers.hypervisor_errors import missing_vm, vm_is_off
from apps.drivers.libvirt import metadata, pauses
from apps.drivers.specs import GuestNetworkReason, PauseReason, Power, VmStatus


def find(connection: Any, vm_id: str) -> Any | None:
    """Return the domain, None when the host does not know it."""
    try:
        return connection.lookupByUUIDString(vm_id)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return None
        raise


def known(connection: Any, vm_id: str) -> Any:
    """Return the domain. Raises DriverError when the host does not know it."""
    domain = find(connection, vm_id)
    if domain is None:
        raise missing_vm(vm_id)
    return domain


def running(connection: Any, vm_id: str) -> Any:
    """Return the domain of a VM that is on. Raises DriverError for any other."""
    domain = known(connection, vm_id)
    if not domain.isActive():
        raise vm_is_off(vm_id)
    return domain


def name_of(vm_id: str) -> str:
    """Return what libvirt calls a VM of the platform."""
    return f"vm-{vm_id}"


def is_ours(domain: Any) -> bool:
    """Return whether the platform made the domain; what else runs on the host is none of its business."""
    return bool(domain.name() == name_of(domain.UUIDString()))


def about(domain: Any) -> metadata.VmMetadata:
    """Return what the platform keeps in the definition that the next start will use."""
    try:
        kind, where = libvirt.VIR_DOMAIN_METADATA_ELEMENT, libvirt.VIR_DOMAIN_AFFECT_CONFIG
        return metadata.parse(domain.metadata(kind, metadata.NAMESPACE, where))
    except libvirt.libvirtError as error:
        if error.get_error_code() in (libvirt.VIR_ERR_NO_DOMAIN_METADATA, libvirt.VIR_ERR_OPERATION_INVALID):
            return metadata.VmMetadata()
        raise


def set_about(domain: Any, value: metadata.VmMetadata) -> None:
    """Replace what `about` reads."""
    domain.setMetadata(
        libvirt.VIR_DOMAIN_METADATA_ELEMENT,
        metadata.plain_element(value),
        metadata.PREFIX,
        metadata.NAMESPACE,
        libvirt.VIR_DOMAIN_AFFECT_CONFIG,
    )


Look = Callable[[str, metadata.VmMetadata], tuple[int, GuestNetworkReason]]
"""Says of a running VM which generation of its network the guest has, or why it has none."""


def status(vm_id: str, domain: Any | None, look: Look) -> VmStatus:
    """Return the domain as a `VmStatus`; one that vanishes meanwhile does not exist."""
    if domain is None:
        return VmStatus(id=vm_id, exists=False)
    try:
        known = about(domain)
        power = Power.ON if domain.isActive() else Power.OFF
        paused = pauses.reason(domain) if power is Power.ON else PauseReason.NONE
        connected = known.secret and power is Power.ON and guest_agent_connected(domain)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return VmStatus(id=vm_id, exists=False)
        raise
    applied, missing = look(vm_id, known) if power is Power.ON else (0, GuestNetworkReason.NONE)
    return VmStatus(
        id=vm_id,
        exists=True,
        power=power,
        boot=known.boot,
        generation=known.generation,
        paused=paused,
        resumable=pauses.cause_is_gone(paused, volume_files(domain)) if paused else False,
        guest_agent=connected,
        guest_network=applied,
        guest_network_reason=missing,
    )


def guest_agent_connected(domain: Any) -> bool:
    """Return whether the guest agent has opened its end of the channel in the VM that runs."""
    tree = ET.fromstring(domain.XMLDesc(0))
    target = tree.find("./devices/channel/target[@name='org.qemu.guest_agent.0']")
    return target is not None and target.get("state") == "connected"


def disk_files(domain: Any) -> list[Path]:
    """Return the files of the disks that the VM would start with, seed included."""
    tree = ET.fromstring(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    return [Path(source.get("file", "")) for source in tree.iterfind("./devices/disk/source[@file]")]


def volume_files(domain: Any) -> list[Path]:
    """Return the files of the disks that the VM may write to: all but the seed."""
    tree = ET.fromstring(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    disks = [disk for disk in tree.iterfind("./devices/disk") if disk.find("readonly") is None]
    return [Path(source.get("file", "")) for disk in disks for source in disk.iterfind("source[@file]")]


def base_files(domain: Any) -> list[Path]:
    """Return the files of the images that the VM's disks are thin over."""
    tree = ET.fromstring(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    return [
        Path(source.get("file", "")) for source in tree.iterfind("./devices/disk/backingStore/source[@file]")
    ]


def runs(domain: Any) -> bool:
    """Return whether the VM is on, and will be.

    A libvirtd that was killed finds its VMs again in the background when it starts, and ends those that were only just
    being started; until then they pass for active. Asking what needs the VM's job waits for that (libvirt's
    qemuProcessReconnect holds it).
    """
    try:
        if domain.isActive():
            domain.memoryStats()
            return bool(domain.isActive())
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID:
            raise
    return False


def is_paused(domain: Any) -> bool:
    """Return whether the VM is on and its processors stand still, for whatever reason."""
    return bool(domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED)


def is_suspended(domain: Any) -> bool:
    """Return whether somebody has paused the VM: we, or an administrator on the host."""
    return bool(domain.state()[:2] == [libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_USER])


def resume(domain: Any) -> None:
    """Let a paused VM go on; fine when it does by now, or is off."""
    try:
        domain.resume()
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID:
            raise


def stop(domain: Any) -> None:
    """Switch the VM off by force; fine when it is off."""
    try:
        domain.destroy()
    except libvirt.libvirtError as error:
        if error.get_error_code() not in (libvirt.VIR_ERR_OPERATION_INVALID, libvirt.VIR_ERR_NO_DOMAIN):
            raise


def undefine(domain: Any) -> None:
    """Remove the definition and all that libvirt keeps beside it."""
    domain.undefineFlags(
        libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
        | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
        | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
        | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
    )
