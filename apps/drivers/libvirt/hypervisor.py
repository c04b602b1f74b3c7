"""The `Hypervisor` driver for libvirt."""

import time
from dataclasses import replace
from datetime import datetime
from typing import Any

import libvirt

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.files.layout import base_path, keep_base, keep_private, volume_path
from apps.drivers.hypervisor_errors import locked_volume, missing_vm, missing_volume, vm_is_off
from apps.drivers.ids import checked_id
from apps.drivers.libvirt import console, domain_xml, domains, observation, screenshot, seed
from apps.drivers.libvirt.connection import Connection
from apps.drivers.libvirt.domain_xml import DiskFiles
from apps.drivers.libvirt.metadata import VmMetadata
from apps.drivers.libvirt.settings import HostSettings
from apps.drivers.specs import (
    RESUMABLE,
    ConsoleAddress,
    HostObservation,
    Power,
    Screenshot,
    SeedSpec,
    VmSpec,
    VmStatus,
)

PRESS_SECONDS = 15.0
"""The power button is not pressed again sooner: some guests take a second press for "cancel"."""


class LibvirtHypervisor:
    """`Hypervisor` over libvirt on this host. One caller at a time per VM; different VMs in parallel."""

    def __init__(self, settings: HostSettings) -> None:
        self._settings = settings
        self.connection = Connection(settings.uri)
        self._meter = observation.LoadMeter()
        self._pressed: dict[str, float] = {}

    def ensure_vm(self, spec: VmSpec) -> None:
        with self.connection.use() as connection:
            domain = domains.find(connection, spec.id)
            known = domains.about(domain) if domain is not None else VmMetadata()
            wanted = replace(self._bring_seed(spec.id, spec.seed, known), generation=spec.generation)
            files = {
                disk.volume.id: DiskFiles(volume_path(disk.volume), base_path(disk.volume))
                for disk in spec.disks
            }
            xml = domain_xml.build(spec, self._settings, files, wanted, console.random_password())
            connection.defineXML(xml)

    def _bring_seed(self, vm_id: str, wanted: SeedSpec, known: VmMetadata) -> VmMetadata:
        """Bring the seed to what is wanted and return what is to stand of it in the definition."""
        path, digest = self._settings.seed_path(vm_id), seed.digest(vm_id, wanted)
        if not path.exists() or (known.seed != digest and wanted.is_secret):
            seed.write(path, seed.image(vm_id, wanted))
        elif known.seed != digest:
            seed.overwrite(path, seed.image(vm_id, wanted))
        return replace(known, seed=digest, secret=wanted.is_secret)

    def ensure_vm_absent(self, vm_id: str) -> None:
        with self.connection.use() as connection:
            domain = domains.find(connection, vm_id)
            if domain is not None:
                domains.stop(domain)
                domain.undefineFlags(
                    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
                    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
                    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
                    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
                )
        self._pressed.pop(vm_id, None)
        seed.remove(self._settings.seed_path(vm_id))
        for log in self._settings.log_dir.glob(f"*{checked_id(vm_id)}*"):
            log.unlink(missing_ok=True)

    def ensure_power(self, vm_id: str, power: Power, *, boot: int = 0, graceful: bool = False) -> VmStatus:
        with self.connection.use() as connection:
            domain = domains.find(connection, vm_id)
            if domain is None:
                if power is Power.ON:
                    raise missing_vm(vm_id)
                return VmStatus(id=vm_id, exists=False)
            if power is Power.ON:
                self._start(vm_id, domain, boot)
            elif graceful:
                self._press_power_button(vm_id, domain)
            else:
                domains.stop(domain)
            return domains.status(vm_id, domain)

    def ensure_resumed(self, vm_id: str) -> VmStatus:
        with self.connection.use() as connection:
            domain = domains.find(connection, vm_id)
            status = domains.status(vm_id, domain)
            if domain is None or status.paused not in RESUMABLE or not status.resumable:
                return status
            domains.resume(domain)
            return domains.status(vm_id, domain)

    def ensure_seed(self, vm_id: str, seed: SeedSpec) -> None:
        with self.connection.use() as connection:
            domain = domains.find(connection, vm_id)
            if domain is not None:
                domains.set_about(domain, self._bring_seed(vm_id, seed, domains.about(domain)))

    def status(self, vm_id: str) -> VmStatus:
        with self.connection.use() as connection:
            return domains.status(vm_id, domains.find(connection, vm_id))

    def open_console(self, vm_id: str, *, password: str, valid_until: datetime) -> ConsoleAddress:
        with self.connection.use() as connection:
            return console.open_vnc(self._running(connection, vm_id), password, valid_until)

    def close_console(self, vm_id: str) -> None:
        with self.connection.use() as connection:
            domain = domains.find(connection, vm_id)
            if domain is not None and domain.isActive():
                console.close_vnc(domain)

    def screenshot(self, vm_id: str) -> Screenshot:
        with self.connection.use() as connection:
            domain = self._running(connection, vm_id)
            return screenshot.scaled(vm_id, screenshot.take(connection, domain))

    def observe(self) -> HostObservation:
        with self.connection.use() as connection:
            return observation.observe(connection, self._settings.virtualisation, self._meter)

    def _running(self, connection: Any, vm_id: str) -> Any:
        domain = domains.find(connection, vm_id)
        if domain is None:
            raise missing_vm(vm_id)
        if not domain.isActive():
            raise vm_is_off(vm_id)
        return domain

    def _start(self, vm_id: str, domain: Any, boot: int) -> None:
        if domains.runs(domain):
            return
        for path in domains.disk_files(domain):
            try:
                keep_private(path)  # made before guests had users of their own, it may be readable by all
            except FileNotFoundError:
                raise missing_volume(vm_id, path.stem) from None
        for path in domains.base_files(domain):
            keep_base(path)
        domains.set_about(domain, replace(domains.about(domain), boot=boot))
        self._pressed.pop(vm_id, None)
        try:
            domain.createWithFlags(libvirt.VIR_DOMAIN_START_FORCE_BOOT)
        except libvirt.libvirtError as error:
            translated = self._start_error(vm_id, domain, error)
            if translated is None:
                raise
            raise translated from error

    def _start_error(self, vm_id: str, domain: Any, error: libvirt.libvirtError) -> DriverError | None:
        words = str(error)
        if 'write" lock' in words or 'shared "write' in words:
            held = [path.stem for path in domains.disk_files(domain) if str(path) in words]
            return locked_volume(vm_id, held[0] if held else "?")
        if "KVM" in words or "kvm" in words:
            return DriverError(
                _("KVM does not work on the host: %(words)s"),
                values={"words": words},
                code="hypervisor.no_kvm",
                permanent=True,
                hint=_('Set virtualisation = "qemu" in the host’s agent.toml, or repair KVM.'),
            )
        return None

    def _press_power_button(self, vm_id: str, domain: Any) -> None:
        now = time.monotonic()
        if not domain.isActive() or now - self._pressed.get(vm_id, -PRESS_SECONDS) < PRESS_SECONDS:
            return
        self._pressed[vm_id] = now
        try:
            domain.shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID:
                raise
