"""vCPUs and memory of a domain: in its definition, and added to it while it runs.

A VM that can grow is started with places for more vCPUs and memory modules. What has been plugged in is part of the
definition's plain size from the next start on: no module is ever kept in a definition. Nothing is taken from a VM that
runs: QEMU has crashed after that.
"""

import xml.etree.ElementTree as ET
from typing import Any

from apps.drivers.hypervisor_errors import no_head_room
from apps.drivers.libvirt import domains
from apps.drivers.libvirt.device_change import LIVE, call
from apps.drivers.specs import VmSize, VmSpec

QUOTA_PERIOD_US = 100_000
MODULES = 16
"""So often memory can be added to a VM that runs."""
KIB_PER_MIB = 1 << 10
UNITS = {"KiB": 1, "MiB": 1 << 10, "GiB": 1 << 20}


def add_size(domain: ET.Element, spec: VmSpec) -> None:
    """Add vCPUs and memory to a definition."""
    if spec.can_grow:
        most = ET.SubElement(domain, "maxMemory", slots=str(MODULES), unit="MiB")
        most.text = str(spec.most_memory_mib)
    ET.SubElement(domain, "memory", unit="MiB").text = str(spec.memory_mib)
    current = {"current": str(spec.vcpu)} if spec.can_grow else {}
    ET.SubElement(domain, "vcpu", current).text = str(spec.most_vcpu if spec.can_grow else spec.vcpu)


def add_node(cpu: ET.Element, spec: VmSpec) -> None:
    """Put all vCPUs and memory into one NUMA node: QEMU plugs memory into nodes only."""
    ET.SubElement(
        ET.SubElement(cpu, "numa"),
        "cell",
        id="0",
        cpus=f"0-{spec.most_vcpu - 1}",
        memory=str(spec.memory_mib),
        unit="MiB",
    )


def cpu_quota(spec: VmSpec) -> int:
    """Return the CPU time in microseconds that the whole VM may use in each period."""
    return QUOTA_PERIOD_US * spec.cpu_percent // 100


def read(domain: Any) -> VmSize:
    """Return the size of a VM that runs; nothing of one that does not."""
    return _size(_running(domain)) if domains.runs(domain) else VmSize()


def grow(domain: Any, spec: VmSpec) -> None:
    """Bring a VM that runs up to the size of `spec`, looking first what it has. Raises DriverError, changing nothing,
    when it cannot become so large.
    """
    tree = _running(domain)
    now = _size(tree)
    more_vcpu, more_mib = spec.vcpu > now.vcpu, spec.memory_mib - now.memory_mib
    modules = len(tree.findall("./devices/memory"))
    if (
        spec.vcpu > now.most_vcpu
        or spec.memory_mib > now.most_memory_mib
        or (more_mib > 0 and modules >= MODULES)
    ):
        raise no_head_room(spec.id, now.most_vcpu, now.most_memory_mib)
    if more_mib > 0:
        # Its alias names the size it leads to: asked for twice, the second is refused and nothing is added twice.
        xml = ET.tostring(_module(more_mib, f"ua-memory-{spec.memory_mib}"), encoding="unicode")
        call(spec.id, lambda: domain.attachDeviceFlags(xml, LIVE))
    if more_vcpu:
        call(spec.id, lambda: domain.setVcpusFlags(spec.vcpu, LIVE))
    if more_vcpu and spec.cpu_percent:
        quota = {"global_period": QUOTA_PERIOD_US, "global_quota": cpu_quota(spec)}
        call(spec.id, lambda: domain.setSchedulerParametersFlags(quota, LIVE))


def _module(mib: int, alias: str) -> ET.Element:
    memory = ET.Element("memory", model="dimm")
    target = ET.SubElement(memory, "target")
    ET.SubElement(target, "size", unit="MiB").text = str(mib)
    ET.SubElement(target, "node").text = "0"
    ET.SubElement(memory, "alias", name=alias)
    return memory


def _running(domain: Any) -> ET.Element:
    return ET.fromstring(domain.XMLDesc(0))


def _size(tree: ET.Element) -> VmSize:
    vcpu = tree.find("vcpu")
    assert vcpu is not None
    most = int(vcpu.text or 0)
    memory = _mib(tree, "memory")
    return VmSize(
        vcpu=int(vcpu.get("current", most)),
        memory_mib=memory,
        most_vcpu=most,
        most_memory_mib=_mib(tree, "maxMemory") or memory,
    )


def _mib(tree: ET.Element, tag: str) -> int:
    """Return an amount of memory; libvirt writes KiB whatever it was given."""
    found = tree.find(tag)
    if found is None:
        return 0
    return int(found.text or 0) * UNITS[found.get("unit", "KiB")] // KIB_PER_MIB
