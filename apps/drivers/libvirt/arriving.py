"""The definition of a VM that moves, as it must be on the host it moves to; and what an ended migration has left."""

import contextlib
import xml.etree.ElementTree as ET
from typing import Any

import libvirt

from apps.drivers.libvirt import domains
from apps.drivers.specs import Arrival, Presence

#: Why a domain is paused that has not begun to run here, or has been copied away.
WAITING = (
    libvirt.VIR_DOMAIN_PAUSED_UNKNOWN,
    libvirt.VIR_DOMAIN_PAUSED_MIGRATION,
    libvirt.VIR_DOMAIN_PAUSED_POSTCOPY,
    libvirt.VIR_DOMAIN_PAUSED_STARTING_UP,
)
WANTED = libvirt.VIR_DOMAIN_XML_SECURE | libvirt.VIR_DOMAIN_XML_MIGRATABLE


def running_there(domain: Any, arrival: Arrival) -> str:
    """Return the definition of the running VM for the other host."""
    return adapted(domain.XMLDesc(WANTED), arrival)


def stored_there(domain: Any, arrival: Arrival) -> str:
    """Return the definition of its next start for the other host."""
    return adapted(domain.XMLDesc(WANTED | libvirt.VIR_DOMAIN_XML_INACTIVE), arrival)


def adapted(xml: str, arrival: Arrival) -> str:
    """Return a definition with the screen's address and the seed's file of another host."""
    tree = ET.fromstring(xml)
    for graphics in tree.iterfind("./devices/graphics[@type='vnc']"):
        graphics.set("listen", arrival.screen_host)
        for listen in graphics.iterfind("listen[@type='address']"):
            listen.set("address", arrival.screen_host)
    for disk in tree.iterfind("./devices/disk"):
        target, source = disk.find("target"), disk.find("source")
        if target is not None and source is not None and target.get("dev") == "vdz":
            source.set("file", arrival.seed)
    return ET.tostring(tree, encoding="unicode")


def cpu_of(domain: Any) -> str:
    """Return the processor that the running guest sees, as libvirt compares it; "" where it says none."""
    cpu = ET.fromstring(domain.XMLDesc(WANTED)).find("cpu")
    if cpu is None or cpu.get("mode") != "custom":
        return ""
    return ET.tostring(cpu, encoding="unicode")


def missing_features(connection: Any, domain: Any) -> str:
    """Return what a host's processors lack of what the guest uses, "" for nothing or where nobody can tell."""
    if ET.fromstring(domain.XMLDesc(0)).get("type") != "kvm":
        return ""  # emulated: QEMU makes the features, on any machine
    cpu = cpu_of(domain)
    if not cpu:
        return ""
    try:
        connection.compareHypervisorCPU(
            None, None, None, "kvm", cpu, libvirt.VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE
        )
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_CPU_INCOMPATIBLE:
            return str(error).rpartition(": ")[2]
        raise
    return ""


def end_leaving(domain: Any) -> None:
    """Abort a migration from this host that is under way, and let a VM go on that waits for its end."""
    with contextlib.suppress(libvirt.libvirtError):  # there is none, or it has ended
        domain.abortJob()
    if waits_for_migration(domain):
        domains.resume(domain)


def presence(domain: Any | None) -> Presence:
    """Return what this host has of a VM."""
    if domain is None:
        return Presence.ABSENT
    try:
        if not domains.runs(domain):
            return Presence.OFF
        state, reason = domain.state()[:2]
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return Presence.ABSENT
        raise
    if state in (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_CRASHED):
        return Presence.OFF
    waits = state == libvirt.VIR_DOMAIN_PAUSED and reason in WAITING
    return Presence.WAITING if waits else Presence.RUNNING


def waits_for_migration(domain: Any) -> bool:
    """Whether the VM stands still for a migration."""
    state, reason = domain.state()[:2]
    return bool(state == libvirt.VIR_DOMAIN_PAUSED and reason == libvirt.VIR_DOMAIN_PAUSED_MIGRATION)
