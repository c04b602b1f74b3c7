"""The part of a definition that says what computer a guest sees: machine, CPU, clock."""

import xml.etree.ElementTree as ET

from apps.drivers.libvirt import sizes
from apps.drivers.libvirt.settings import HostSettings
from apps.drivers.specs import Architecture, Firmware, OsFamily, VmSpec

TCG_CACHE_MIB = 32
"""Without this limit an emulated VM takes up to 1 GiB for translated code."""
ENLIGHTENMENTS = ("relaxed", "vapic", "vpindex", "runtime", "synic", "stimer", "reset", "frequencies")
"""Of Hyper-V, in an order in which each finds those it needs."""
SPINLOCK_RETRIES = 8191
WINDOWS_TIMERS = (
    {"name": "rtc", "tickpolicy": "catchup"},
    {"name": "pit", "tickpolicy": "delay"},
    {"name": "hpet", "present": "no"},
)


def add_platform(domain: ET.Element, spec: VmSpec, host: HostSettings) -> None:
    """Add machine, features, CPU and clock."""
    _machine(domain, spec)
    _features(domain, spec, host)
    _cpu(domain, spec, host)
    _clock(domain, spec, host)


def has_legacy_devices(spec: VmSpec) -> bool:
    """Return whether the machine has a PS/2 keyboard and a VGA card by itself."""
    return spec.architecture is Architecture.X86


def _machine(domain: ET.Element, spec: VmSpec) -> None:
    system = ET.SubElement(domain, "os")
    machine = "virt" if spec.architecture is Architecture.ARM else "q35" if spec.is_express else "pc"
    kind = ET.SubElement(system, "type", arch=spec.architecture.value, machine=machine)
    kind.text = "hvm"
    if spec.is_express:
        # libvirt finds the firmware of the host, and makes the VM's own file of variables from its template.
        system.set("firmware", "efi")
    if spec.architecture is Architecture.X86 and spec.is_express:
        _secure_boot(system, enabled=spec.firmware is Firmware.SECURE_BOOT)


def _secure_boot(system: ET.Element, *, enabled: bool) -> None:
    """Choose among the host's builds of UEFI: one that checks what it boots against Microsoft's keys, or none."""
    features = ET.SubElement(system, "firmware")
    value = "yes" if enabled else "no"
    ET.SubElement(features, "feature", enabled=value, name="enrolled-keys")
    ET.SubElement(features, "feature", enabled=value, name="secure-boot")
    if enabled:
        ET.SubElement(system, "loader", secure="yes")


def _features(domain: ET.Element, spec: VmSpec, host: HostSettings) -> None:
    features = ET.SubElement(domain, "features")
    ET.SubElement(features, "acpi")
    if spec.architecture is Architecture.X86:
        ET.SubElement(features, "apic")
    if spec.firmware is Firmware.SECURE_BOOT:
        # Only firmware in system management mode may change the variables that say what is trusted.
        ET.SubElement(features, "smm", state="on")
    if _is_enlightened(spec, host):
        hyperv = ET.SubElement(features, "hyperv", mode="custom")
        for name in ENLIGHTENMENTS:
            ET.SubElement(hyperv, name, state="on")
        ET.SubElement(hyperv, "spinlocks", state="on", retries=str(SPINLOCK_RETRIES))
    if host.virtualisation == "qemu":
        cache = ET.SubElement(ET.SubElement(features, "tcg"), "tb-cache", unit="MiB")
        cache.text = str(TCG_CACHE_MIB)


def _is_enlightened(spec: VmSpec, host: HostSettings) -> bool:
    """Return whether the guest is given Hyper-V's interfaces: KVM has them, emulation has not."""
    windows = spec.os_family is OsFamily.WINDOWS and spec.architecture is Architecture.X86
    return windows and host.virtualisation == "kvm"


def _cpu(domain: ET.Element, spec: VmSpec, host: HostSettings) -> None:
    cpu = _cpu_model(domain, spec.architecture, host)
    if spec.os_family is OsFamily.WINDOWS:
        # Editions of Windows use one or two sockets and leave the others idle.
        cores = spec.most_vcpu if spec.can_grow else spec.vcpu
        ET.SubElement(cpu, "topology", sockets="1", cores=str(cores), threads="1")
    if spec.can_grow:
        sizes.add_node(cpu, spec)


def _cpu_model(domain: ET.Element, architecture: Architecture, host: HostSettings) -> ET.Element:
    if architecture is Architecture.ARM:
        mode = "host-passthrough" if host.virtualisation == "kvm" else "maximum"
        return ET.SubElement(domain, "cpu", mode=mode, check="none")
    if host.virtualisation == "kvm":
        return ET.SubElement(domain, "cpu", mode="host-model", check="partial")
    cpu = ET.SubElement(domain, "cpu", mode="custom", match="exact", check="none")
    ET.SubElement(cpu, "model", fallback="forbid").text = "qemu64"
    return cpu


def _clock(domain: ET.Element, spec: VmSpec, host: HostSettings) -> None:
    if spec.os_family is not OsFamily.WINDOWS:
        ET.SubElement(domain, "clock", offset="utc")
        return
    # Windows takes the computer's clock for local time.
    clock = ET.SubElement(domain, "clock", offset="localtime")
    if spec.architecture is Architecture.X86:
        for timer in WINDOWS_TIMERS:
            ET.SubElement(clock, "timer", timer)
    if _is_enlightened(spec, host):
        ET.SubElement(clock, "timer", name="hypervclock", present="yes")
