"""Plugging NICs into a VM and out of it.

Every step looks first and changes only what differs, so that a run may be repeated from its start. A NIC is plugged
into a running VM with its link down, which is set up once the host is guarded: a run that dies in between is finished
by the next.
"""

import xml.etree.ElementTree as ET
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import libvirt

from apps.drivers.hypervisor_errors import taken_nic_slot
from apps.drivers.libvirt import nic_xml
from apps.drivers.libvirt.device_change import LIVE, STORED, DeviceChange
from apps.drivers.libvirt.settings import HostSettings
from apps.drivers.specs import NicAttachment, VmNics, VmSpec
from apps.drivers.specs.devices import MOST_NICS

Guard = Callable[[str, Any], None]


def read(domain: Any) -> VmNics:
    """Return which NICs the VM has."""
    running = nic_xml.nics_in(domain.XMLDesc(0)) if domain.isActive() else {}
    stored = nic_xml.nics_in(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    return VmNics(tuple(running)[:MOST_NICS], tuple(stored)[:MOST_NICS])


def ensure(domain: Any, spec: VmSpec, host: HostSettings, guard: Guard) -> VmNics:
    """Bring the NICs to `spec`."""
    change = _Change(DeviceChange(domain, spec.id, nic_xml.nics_in), spec, host)
    change.detach({nic.port_id for nic in spec.nics})
    taken = [nic.slot for nic in spec.nics if not change.attach(nic)]
    change.connect(guard)
    if taken:
        raise taken_nic_slot(spec.id, taken[0])
    return read(domain)


@dataclass(frozen=True, slots=True)
class _Change:
    """The steps, each for the definition of the next start and for the VM that runs."""

    device: DeviceChange
    spec: VmSpec
    host: HostSettings

    def detach(self, wanted: Collection[str]) -> None:
        for where, nics in self.device.places():
            for port, nic in nics.items():
                if port not in wanted:
                    self.device.let_go(ET.tostring(nic, encoding="unicode"), where)

    def attach(self, nic: NicAttachment) -> bool:
        """Add the NIC wherever it is missing; return False when the running VM has another in its place."""
        made = nic_xml.element(nic, self.host, express=self.spec.is_express)
        for where, nics in self.device.places():
            known = nics.get(nic.port_id)
            if known is not None and where == STORED and nic_xml.differs(known, made):
                self.device.let_go(ET.tostring(known, encoding="unicode"), STORED)
            elif known is not None:
                continue
            if where == LIVE and nic_xml.place_of(made) in map(nic_xml.place_of, nics.values()):
                return False
            self._plug_in(nic_xml.with_link(made, up=where == STORED), where)
        return True

    def _plug_in(self, xml: str, where: int) -> None:
        self.device.do(where, lambda: self.device.domain.attachDeviceFlags(xml, where))

    def connect(self, guard: Guard) -> None:
        """Set up the links that are down, once the host is guarded."""
        down = [nic for nic in self.device.running().values() if not nic_xml.is_up(nic)]
        if not down:
            return
        guard(self.spec.id, self.device.domain)
        for nic in down:
            self._set_up(nic_xml.with_link(nic, up=True))

    def _set_up(self, xml: str) -> None:
        self.device.do(LIVE, lambda: self.device.domain.updateDeviceFlags(xml, LIVE))
