"""Changing a device in the stored definition of a VM and in the VM that runs."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import libvirt

from apps.drivers.deadline import Deadline
from apps.drivers.hypervisor_errors import slow_hypervisor

LIVE, STORED = libvirt.VIR_DOMAIN_AFFECT_LIVE, libvirt.VIR_DOMAIN_AFFECT_CONFIG
CALL_SECONDS = 15.0
NOT_NOW = frozenset(
    {
        libvirt.VIR_ERR_DEVICE_MISSING,  # it has gone by itself
        libvirt.VIR_ERR_OPERATION_FAILED,  # the guest refuses, or has been asked before and not answered yet
        libvirt.VIR_ERR_OPERATION_INVALID,  # it is off
    }
)
_deadline = Deadline()


def call(what: str, work: Callable[[], Any]) -> Any:
    """Do what libvirt may take long for; raise `DriverError` when it takes too long."""
    return _deadline.run(what, work, CALL_SECONDS, lambda: slow_hypervisor(what, CALL_SECONDS))


@dataclass(frozen=True, slots=True)
class DeviceChange:
    """The steps that all kinds of devices have; `find` reads its kind from the XML of a domain, by identifier."""

    domain: Any
    vm_id: str
    find: Callable[[str], dict[str, ET.Element]]

    def running(self) -> dict[str, ET.Element]:
        """Return the devices of the VM that runs, none when it is off."""
        return self.find(self.domain.XMLDesc(0)) if self.domain.isActive() else {}

    def places(self) -> list[tuple[int, dict[str, ET.Element]]]:
        """Return the devices in the stored definition, then those of the VM that runs, if it runs."""
        stored = (STORED, self.find(self.domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)))
        return [stored, (LIVE, self.running())] if self.domain.isActive() else [stored]

    def do(self, where: int, work: Callable[[], Any]) -> Any:
        """Do what libvirt may take long for; nothing where it is for a running VM that has been switched off."""
        try:
            return call(self.vm_id, work)
        except libvirt.libvirtError as error:
            if where == LIVE and not self.domain.isActive():
                return None
            raise error

    def let_go(self, xml: str, where: int) -> None:
        """Ask the guest for it; libvirt waits some seconds for its answer. It is asked again with the next call."""
        try:
            self.do(where, lambda: self.domain.detachDeviceFlags(xml, where))
        except libvirt.libvirtError as error:
            if error.get_error_code() not in NOT_NOW:
                raise
