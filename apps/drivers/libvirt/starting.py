"""Starting a domain, and saying in the platform's words why one does not start."""

from typing import Any

import libvirt

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.files.layout import keep_base, keep_private
from apps.drivers.hypervisor_errors import locked_volume, missing_volume
from apps.drivers.libvirt import domains


def prepare(vm_id: str, domain: Any) -> None:
    """Make the files of the VM ready to be opened; raise `DriverError` when one is missing."""
    for path in domains.disk_files(domain):
        try:
            keep_private(path)  # made before guests had users of their own, it may be readable by all
        except FileNotFoundError:
            raise missing_volume(vm_id, path.stem) from None
    for path in domains.base_files(domain):
        keep_base(path)


def start(vm_id: str, domain: Any) -> None:
    """Start the domain."""
    try:
        domain.createWithFlags(libvirt.VIR_DOMAIN_START_FORCE_BOOT)
    except libvirt.libvirtError as error:
        translated = _translated(vm_id, domain, error)
        if translated is None:
            raise
        raise translated from error


def _translated(vm_id: str, domain: Any, error: libvirt.libvirtError) -> DriverError | None:
    words = str(error)
    if 'write" lock' in words or 'shared "write' in words:
        held = [path.stem for path in domains.disk_files(domain) if str(path) in words]
        return locked_volume(vm_id, held[0] if held else "?")
    if "error reading header from volume-" in words and "No such file" in words:
        return missing_volume(
            vm_id, words.partition("error reading header from volume-")[2].partition(":")[0]
        )
    if "KVM" in words or "kvm" in words:
        return DriverError(
            _("KVM does not work on the host: %(words)s"),
            values={"words": words},
            code="hypervisor.no_kvm",
            permanent=True,
            hint=_('Set virtualisation = "qemu" in the host’s agent.toml, or repair KVM.'),
        )
    return None
