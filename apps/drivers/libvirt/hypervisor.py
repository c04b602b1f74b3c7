"""The `Hypervisor` driver for libvirt."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from apps.drivers.hypervisor_errors import already_here, missing_vm
from apps.drivers.ids import checked_id
from apps.drivers.libvirt import (
    arriving,
    console,
    disks,
    domain_xml,
    domains,
    guest_agent,
    guest_password,
    neighbours,
    nic_guard,
    nics,
    observation,
    pool_keys,
    rbd_disks,
    screenshot,
    seed,
    seeds,
    sizes,
    starting,
)
from apps.drivers.libvirt.connection import Connection
from apps.drivers.libvirt.guest_networks import GuestNetworks
from apps.drivers.libvirt.heartbeats import HeartbeatPlans
from apps.drivers.libvirt.held import HeldVms
from apps.drivers.libvirt.metadata import VmMetadata
from apps.drivers.libvirt.pool_drivers import add_ceph, describe
from apps.drivers.libvirt.power_button import PowerButton
from apps.drivers.libvirt.settings import HostSettings
from apps.drivers.rbd.client import RbdClient
from apps.drivers.specs import (
    RESUMABLE,
    Arrival,
    ConsoleAddress,
    FoundAddress,
    GuestMounts,
    GuestNetwork,
    GuestNetworkState,
    GuestPassword,
    HeartbeatPlan,
    Held,
    HostObservation,
    PoolKey,
    Power,
    Presence,
    Screenshot,
    SeedSpec,
    VmDisks,
    VmNics,
    VmSize,
    VmSpec,
    VmStatus,
)


class LibvirtHypervisor:
    """`Hypervisor` over libvirt on this host. One caller at a time per VM; different VMs in parallel."""

    def __init__(self, settings: HostSettings) -> None:
        self._settings = settings
        self.connection = Connection(settings.uri)
        self.held = HeldVms(self.connection, settings.state_dir / "held")
        self.heartbeats = HeartbeatPlans(settings.state_dir / "heartbeats.json", settings.name)
        self.ceph = RbdClient(settings.ceph_keys)
        add_ceph(self.ceph)
        self.networks = GuestNetworks(self.connection)
        self.connection.on_agent = self.networks.agent_changed
        self._meter = observation.LoadMeter()
        self._button = PowerButton()

    def ensure_vm(self, spec: VmSpec) -> None:
        with self.connection.use() as connection:
            domain = domains.find(connection, spec.id)
            known = domains.about(domain) if domain is not None else VmMetadata()
            wanted = replace(
                seeds.bring(self._settings, spec.id, spec.seed, known), generation=spec.generation
            )
            places = {disk.volume.id: describe(disk.volume) for disk in spec.disks}
            xml = domain_xml.build(spec, self._settings, places, wanted, console.random_password())
            connection.defineXML(xml)

    def ensure_vm_absent(self, vm_id: str) -> None:
        with self.connection.use() as connection:
            domain = domains.find(connection, vm_id)
            if domain is not None:
                domains.stop(domain)
                domains.undefine(domain)
        self._button.forget(vm_id)
        self.networks.forget(vm_id)
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
            return domains.status(vm_id, domain, self.networks.look)

    def ensure_resumed(self, vm_id: str) -> VmStatus:
        with self.connection.use() as connection:
            domain = domains.find(connection, vm_id)
            status = domains.status(vm_id, domain, self.networks.look)
            if domain is None or status.paused not in RESUMABLE or not status.resumable:
                return status
            domains.resume(domain)
            return domains.status(vm_id, domain, self.networks.look)

    def ensure_seed(self, vm_id: str, seed: SeedSpec) -> None:
        with self.connection.use() as connection:
            domain = domains.find(connection, vm_id)
            if domain is not None:
                seeds.bring_domain(self._settings, vm_id, domain, seed)

    def ensure_disks(self, spec: VmSpec) -> VmDisks:
        with self.connection.use() as connection:
            domain = domains.known(connection, spec.id)
            return disks.ensure(domain, spec)

    def disks(self, vm_id: str) -> VmDisks:
        with self.connection.use() as connection:
            domain = domains.find(connection, vm_id)
            return disks.read(domain) if domain is not None else VmDisks()

    def ensure_nics(self, spec: VmSpec) -> VmNics:
        with self.connection.use() as connection:
            domain = domains.known(connection, spec.id)
            seeds.bring_domain(self._settings, spec.id, domain, spec.seed)
            return nics.ensure(domain, spec, self._settings, nic_guard.guard)

    def nics(self, vm_id: str) -> VmNics:
        with self.connection.use() as connection:
            domain = domains.find(connection, vm_id)
            return nics.read(domain) if domain is not None else VmNics()

    def ensure_size(self, spec: VmSpec) -> VmSize:
        with self.connection.use() as connection:
            domain = domains.find(connection, spec.id)
            if domain is not None and domains.runs(domain):
                sizes.grow(domain, spec)
        self.ensure_vm(spec)
        return self.size(spec.id)

    def size(self, vm_id: str) -> VmSize:
        with self.connection.use() as connection:
            domain = domains.find(connection, vm_id)
            return sizes.read(domain) if domain is not None else VmSize()

    def mounts(self, vm_id: str) -> GuestMounts:
        with self.connection.use() as connection:
            domain = domains.known(connection, vm_id)
            return guest_agent.mounts(domain) if domain.isActive() else GuestMounts(asked=False)

    def ensure_guest_network(self, vm_id: str, network: GuestNetwork) -> GuestNetworkState:
        return self.networks.ensure(vm_id, network)

    def ensure_password(self, wanted: GuestPassword) -> None:
        with self.connection.use() as connection:
            guest_password.ensure(domains.running(connection, wanted.id), wanted)

    def ensure_held(self, vm_id: str, seconds: int, *, pause: bool) -> Held:
        return self.held.hold(vm_id, seconds, pause=pause)

    def ensure_released(self, vm_id: str) -> Held:
        return self.held.release(vm_id)

    def ensure_arrival(self, spec: VmSpec) -> Arrival:
        for pool in {disk.volume.pool.id: disk.volume.pool for disk in spec.disks}.values():
            disks.need_answer(pool)
        with self.connection.use() as connection:
            if domains.find(connection, spec.id) is not None:
                raise already_here(spec.id)
        path = self._settings.seed_path(spec.id)
        seed.write(path, seed.image(spec.id, spec.seed))
        return Arrival(screen_host=self._settings.management_ip, seed=str(path))

    def ensure_stays(self, vm_id: str) -> VmStatus:
        with self.connection.use() as connection:
            domain = domains.find(connection, vm_id)
            if domain is not None and domain.isActive():
                arriving.end_leaving(domain)
            return domains.status(vm_id, domain, self.networks.look)

    def ensure_pool_key(self, key: PoolKey) -> None:
        with self.connection.use() as connection:
            pool_keys.ensure(connection, key)
        self.ceph.keep_key(key)

    def ensure_pool_key_absent(self, pool_id: str) -> None:
        with self.connection.use() as connection:
            pool_keys.ensure_absent(connection, pool_id)
        self.ceph.forget_key(pool_id)

    def follow_heartbeats(self, plan: HeartbeatPlan) -> None:
        self.heartbeats.follow(plan)

    def probe_addresses(
        self, physical_network: str, vlan: int, addresses: tuple[str, ...]
    ) -> tuple[FoundAddress, ...]:
        return neighbours.probe(physical_network, vlan, addresses)

    def status(self, vm_id: str) -> VmStatus:
        with self.connection.use() as connection:
            return domains.status(vm_id, domains.find(connection, vm_id), self.networks.look)

    def presence(self, vm_id: str) -> Presence:
        with self.connection.use() as connection:
            return arriving.presence(domains.find(connection, vm_id))

    def open_console(self, vm_id: str, *, password: str, valid_until: datetime) -> ConsoleAddress:
        with self.connection.use() as connection:
            return console.open_vnc(domains.running(connection, vm_id), password, valid_until)

    def close_console(self, vm_id: str) -> None:
        with self.connection.use() as connection:
            domain = domains.find(connection, vm_id)
            if domain is not None and domain.isActive():
                console.close_vnc(domain)

    def screenshot(self, vm_id: str) -> Screenshot:
        with self.connection.use() as connection:
            domain = domains.running(connection, vm_id)
            return screenshot.scaled(vm_id, screenshot.take(connection, domain))

    def observe(self) -> HostObservation:
        with self.connection.use() as connection:
            virtualisation, look = self._settings.virtualisation, self.networks.look
            return observation.observe(connection, virtualisation, self._meter, look)

    def _start(self, vm_id: str, domain: Any, boot: int) -> None:
        if domains.runs(domain):
            return
        rbd_disks.need_answers(self.ceph, domain)
        starting.prepare(vm_id, domain)
        domains.set_about(domain, replace(domains.about(domain), boot=boot))
        self._button.forget(vm_id)
        starting.start(vm_id, domain)
