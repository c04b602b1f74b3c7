"""Virtual machines of this host, through its libvirt."""

from apps.drivers.libvirt.hypervisor import LibvirtHypervisor
from apps.drivers.libvirt.live_volumes import LibvirtLiveVolumes
from apps.drivers.libvirt.settings import HostSettings

__all__ = ["HostSettings", "LibvirtHypervisor", "LibvirtLiveVolumes"]
