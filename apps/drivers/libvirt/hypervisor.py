"""The `Hypervisor` driver for libvirt."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import libvirt

from apps.drivers.hypervisor_errors import missing_vm, vm_is_off
from apps.drivers.ids import checked_id
from apps.drivers.libvirt import (
    console,
    disks,
    domain_xml,
    domains,
    guest_agent,
    observation,
    pool_keys,
    rbd_disks,
    screenshot,
    seed,
    starting,
)
from apps.drivers.libvirt.connection import Connection
from apps.drivers.libvirt.held import HeldVms
from apps.drivers.libvirt.metadata import VmMetadata
from apps.drivers.libvirt.pool_drivers import add_ceph, describe
from apps.drivers.libvirt.power_button import PowerButton
from apps.drivers.libvirt.settings import HostSettings
from apps.drivers.rbd.client import RbdClient
from apps.drivers.specs import (
    RESUMABLE,
    ConsoleAddress,
    GuestMounts,
    Held,
    HostObservation,
    PoolKey,
    Power,
    Screenshot,
    SeedSpec,
    VmDisks,
    VmSpec,
    VmStatus,
)


class LibvirtHypervisor:
    """`Hypervisor` over libvirt on this host. One caller at a time per VM; different VMs in parallel."""

    def __init__(self, settings: HostSettings) -> None:
        self._settings = settings
        self.connection = Connection(settings.uri)
        self.held = HeldVms(self.connection, settings.state_dir / "held")
        self.ceph = RbdClient(settings.ceph_keys)
        add_ceph(self.ceph)
        self._meter = observation.LoadMeter()
        self._button = PowerButton()

    def ensure_vm(self, spec: VmSpec) -> None:
        with self.connection.use() as connection:
            domain = domains.find(connection, spec.id)
            known = domains.about(domain) if domain is not None else VmMetadata()
            wanted = replace(self._bring_seed(spec.id, spec.seed, known), generation=spec.generation)
            places = {disk.volume.id: describe(disk.volume) for disk in spec.disks}
            xml = domain_xml.build(spec, self._settings, places, wanted, console.random_password())
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
        self._button.forget(vm_id)
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
                self._button.press(vm_id, domain)
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

    def ensure_disks(self, spec: VmSpec) -> VmDisks:
        with self.connection.use() as connection:
            domain = domains.find(connection, spec.id)
            if domain is None:
                raise missing_vm(spec.id)
            return disks.ensure(domain, spec)

    def disks(self, vm_id: str) -> VmDisks:
        with self.connection.use() as connection:
            domain = domains.find(connection, vm_id)
            return disks.read(domain) if domain is not None else VmDisks()

    def mounts(self, vm_id: str) -> GuestMounts:
        with self.connection.use() as connection:
            domain = domains.find(connection, vm_id)
            if domain is None:
                raise missing_vm(vm_id)
            return guest_agent.mounts(domain) if domain.isActive() else GuestMounts(asked=False)

    def ensure_held(self, vm_id: str, seconds: int, *, pause: bool) -> Held:
        return self.held.hold(vm_id, seconds, pause=pause)

    def ensure_released(self, vm_id: str) -> Held:
        return self.held.release(vm_id)

    def ensure_pool_key(self, key: PoolKey) -> None:
        with self.connection.use() as connection:
            pool_keys.ensure(connection, key)
        self.ceph.keep_key(key)

    def ensure_pool_key_absent(self, pool_id: str) -> None:
        with self.connection.use() as connection:
            pool_keys.ensure_absent(connection, pool_id)
        self.ceph.forget_key(pool_id)

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
        rbd_disks.need_answers(self.ceph, domain)
        starting.prepare(vm_id, domain)
        domains.set_about(domain, replace(domains.about(domain), boot=boot))
        self._button.forget(vm_id)
        starting.start(vm_id, domain)
