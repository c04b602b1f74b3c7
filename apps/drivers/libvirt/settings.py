"""What the driver has to know of its host."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from apps.drivers.ids import checked_id

Virtualisation = Literal["kvm", "qemu"]


@dataclass(frozen=True, slots=True)
class HostSettings:
    """One host.

    `virtualisation` is what a boot probe or the administrator found to work ("qemu" is emulation). With
    `userspace_datapath` Open vSwitch forwards in user space, where guests must not leave checksums to the NIC.
    `management_ip` is where VNC listens. `state_dir` keeps seeds.
    """

    name: str
    management_ip: str
    virtualisation: Virtualisation
    userspace_datapath: bool
    state_dir: Path = Path("/var/lib/scloud")
    log_dir: Path = Path("/var/log/libvirt/qemu")
    integration_bridge: str = "br-int"
    uri: str = "qemu:///system"

    def seed_path(self, vm_id: str) -> Path:
        """Return the file of a VM's first-boot data."""
        return self.state_dir / "seeds" / f"{checked_id(vm_id)}.iso"

    @property
    def ceph_keys(self) -> Path:
        """Return the directory of the keys of Ceph pools."""
        return self.state_dir / "ceph"

    def serial_log(self, vm_id: str) -> Path:
        """Return the file in which virtlogd keeps a VM's serial output, rotating it so that it cannot fill the disk."""
        return self.log_dir / f"{checked_id(vm_id)}.serial.log"
