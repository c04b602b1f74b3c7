"""Talking to a guest through its agent. What it answers is the guest's word: bounded, and never waited for long."""

import json
from typing import Any

import libvirt
import libvirt_qemu

from apps.drivers.hypervisor_errors import silent_guest_agent
from apps.drivers.libvirt import disk_xml, domains
from apps.drivers.specs import GuestMounts
from apps.drivers.specs.devices import MOST_MOUNTS

SECONDS, FREEZE_SECONDS = 5, 10
LONGEST_PATH = 128
LONGEST_REPLY = 2**21
"""libvirt passes on five times as much: reading that again and again would keep the agent of the host from all else."""
SILENT = frozenset({libvirt.VIR_ERR_AGENT_UNRESPONSIVE, libvirt.VIR_ERR_AGENT_UNSYNCED})


class NoAnswer(Exception):
    """There is no guest agent, it does not answer, or it refused."""


def ask(domain: Any, command: str, seconds: int = SECONDS, **arguments: Any) -> Any:
    """Return what the guest agent answers; raise `NoAnswer` otherwise."""
    if not domains.guest_agent_connected(domain):
        raise NoAnswer
    request = {"execute": command} | ({"arguments": arguments} if arguments else {})
    try:
        reply = libvirt_qemu.qemuAgentCommand(domain, json.dumps(request), seconds, 0)
        if len(reply) > LONGEST_REPLY:
            raise NoAnswer
        return json.loads(reply)["return"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:  # lists in lists in lists …
        raise NoAnswer from error
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            raise
        raise NoAnswer(str(error)) from error


def freeze(domain: Any) -> bool:
    """Freeze the guest's file systems; return whether they are frozen now."""
    try:
        return is_frozen(domain) or int(ask(domain, "guest-fsfreeze-freeze", FREEZE_SECONDS)) > 0
    except (NoAnswer, ValueError, TypeError, OverflowError):
        return False


def is_frozen(domain: Any) -> bool:
    """Return whether the guest's file systems are frozen. Raises `NoAnswer`."""
    return bool(ask(domain, "guest-fsfreeze-status") == "frozen")


def thaw(domain: Any, vm_id: str) -> bool:
    """Let the guest write again; return whether it was frozen. Raises `DriverError` when it cannot be asked."""
    if not domains.guest_agent_connected(domain):
        return False  # a guest that was frozen keeps its agent
    try:
        frozen = is_frozen(domain)
        ask(domain, "guest-fsfreeze-thaw", FREEZE_SECONDS)
        return frozen
    except NoAnswer as error:
        raise silent_guest_agent(vm_id) from error


def mounts(domain: Any) -> GuestMounts:
    """Return where the guest has its disks mounted, by volume identifier."""
    try:
        reply = ask(domain, "guest-get-fsinfo")
    except NoAnswer:
        return GuestMounts(asked=False)
    known = _Known.of(domain)
    found: dict[str, list[str]] = {}
    for system in reply if isinstance(reply, list) else []:
        path = _path(system)
        for id in known.behind(system) if path else ():
            found.setdefault(id, []).append(path)
    return GuestMounts(
        asked=True, mounts={id: tuple(sorted(set(paths))[:MOST_MOUNTS]) for id, paths in found.items()}
    )


def _path(system: Any) -> str:
    path = system.get("mountpoint") if isinstance(system, dict) else None
    if not isinstance(path, str):
        return ""
    return "".join(c if c.isprintable() else "?" for c in path)[:LONGEST_PATH]


class _Known:
    """The disks of a running VM, by what a guest may call them by: serial number, and place on the PCI bus."""

    def __init__(self, by_serial: dict[str, str], by_place: dict[tuple[object, ...], str]) -> None:
        self._by_serial = by_serial
        self._by_place = by_place

    @classmethod
    def of(cls, domain: Any) -> "_Known":
        by_serial: dict[str, str] = {}
        by_place: dict[tuple[object, ...], str] = {}
        for id, disk in disk_xml.volumes_in(domain.XMLDesc(0)).items():
            by_serial[disk_xml.serial_of(id)] = id
            address = disk.find("address[@type='pci']")
            if address is not None:
                parts = (address.get(name, "0") for name in ("domain", "bus", "slot", "function"))
                by_place[tuple(int(part, 0) for part in parts)] = id
        return cls(by_serial, by_place)

    def behind(self, system: dict[str, Any]) -> set[str]:
        """Return the volumes that a file system is on."""
        disks = system.get("disk")
        found = (
            (self._volume(disk) for disk in disks if isinstance(disk, dict))
            if isinstance(disks, list)
            else ()
        )
        return {id for id in found if id}

    def _volume(self, disk: dict[str, Any]) -> str:
        serial, controller = disk.get("serial"), disk.get("pci-controller")
        # udev calls it by more than the serial alone on some buses.
        for known, id in self._by_serial.items():
            if isinstance(serial, str) and serial.endswith(known):
                return id
        if not isinstance(controller, dict):
            return ""
        place = tuple(controller.get(name) for name in ("domain", "bus", "slot", "function"))
        return self._by_place.get(place, "") if all(isinstance(part, int) for part in place) else ""
