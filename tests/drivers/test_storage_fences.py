"""Shutting hosts out of storage clusters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from onebox.ceph_site import CephSite

from apps.drivers.errors import DriverError
from apps.drivers.memory import MemoryHypervisor, MemoryStorageFence, MemoryVolumes, World
from apps.drivers.rbd.fencing import host_of
from apps.drivers.rbd.host_fence import RbdHostFence, entry_of, has_entry, is_at
from apps.drivers.rbd.volumes import RbdVolumes
from apps.drivers.specs import Power, VolumeSpec
from apps.drivers.storage_fence import StorageFence
from tests.drivers.ceph_pools import CephPool, make_pool
from tests.drivers.contracts.fabric import refused
from tests.drivers.contracts.storage_fence import NOBODY, StorageFenceContract, Writes
from tests.drivers.samples import a_pool, a_vm, a_volume
from tests.drivers.test_rbd_fencing import clients, holding

pytestmark = pytest.mark.requirement("CL-7")
LOCKED = "hypervisor.volume_in_use"


class TestPretend(StorageFenceContract):
    @pytest.fixture
    def world(self) -> World:
        return World()

    @pytest.fixture
    def address(self) -> str:
        return "host-1"

    @pytest.fixture
    def volume(self, world: World) -> VolumeSpec:
        made = a_volume(a_pool())
        MemoryVolumes(world).ensure_volume(made)
        return made

    @pytest.fixture
    def fence(self, world: World) -> StorageFence:
        return MemoryStorageFence(world)

    @pytest.fixture
    def writes(self, world: World, volume: VolumeSpec, address: str) -> Writes:
        host, elsewhere = MemoryHypervisor(world, address), MemoryHypervisor(world, "host-2")
        vm = a_vm(volume)
        for each in (host, elsewhere):
            each.ensure_vm(vm)
        host.ensure_power(vm.id, Power.ON, boot=1)

        def can_write(_volume: VolumeSpec) -> bool:
            """Whether the VM has the disk so that no other host can open it."""
            try:
                elsewhere.ensure_power(vm.id, Power.ON, boot=1)
            except DriverError as error:
                assert error.code == LOCKED
                return True
            elsewhere.ensure_power(vm.id, Power.OFF)
            return False

        return can_write

    def test_no_vm_starts_on_a_host_that_is_shut_out(self, world: World, fence: StorageFence) -> None:
        volume = a_volume(a_pool())
        MemoryVolumes(world).ensure_volume(volume)
        vm = a_vm(volume)
        host = MemoryHypervisor(world, "host-1")
        host.ensure_vm(vm)
        fence.ensure_shut_out("host-1", [volume], ())
        with refused("volumes.shut_out"):
            host.ensure_power(vm.id, Power.ON, boot=1)
        fence.ensure_readmitted("host-1")
        assert host.ensure_power(vm.id, Power.ON, boot=1).power is Power.ON


@pytest.fixture
def pool(ceph: CephSite) -> Iterator[CephPool]:
    made = make_pool(ceph, "hostfencing")
    yield made
    made.cluster.close()


def allow(ceph: CephSite, pool: CephPool, mon: str) -> None:
    """Give the pool's user these rights on the monitors."""
    ceph.ceph("auth", "caps", f"client.{pool.spec.user}", "mon", mon, "osd", "profile rbd pool=hostfencing")


@pytest.mark.real
@pytest.mark.timeout(240)
def test_a_user_with_the_rights_that_the_guide_names_shuts_a_host_out_of_ceph_and_admits_it(
    ceph: CephSite, pool: CephPool
) -> None:
    fence = RbdHostFence(pool.cluster)
    try:
        fence.ensure_shut_out(NOBODY, [], ())
        assert f"{NOBODY}:0/0 " in ceph.exec("ceph", "osd", "blocklist", "ls")
        with refused("volumes.readmission_forbidden"):
            fence.ensure_readmitted(NOBODY)
        assert fence.is_shut_out(NOBODY)
        allow(ceph, pool, 'profile rbd, allow command "osd blocklist" with blocklistop=rm')
        pool.cluster.close()
        for _ in range(2):
            fence.ensure_readmitted(NOBODY)
        assert not fence.is_shut_out(NOBODY)
    finally:
        allow(ceph, pool, "profile rbd")


@pytest.mark.real
@pytest.mark.timeout(240)
def test_the_platform_does_not_shut_itself_out_of_ceph(pool: CephPool) -> None:
    fence, volume = RbdHostFence(pool.cluster), a_volume(pool.spec)
    RbdVolumes(pool.cluster).ensure_volume(volume)
    with holding(pool, volume) as client:
        (own,) = {host_of(each) for each in clients(pool, volume)}
        with refused("volumes.own_address"):
            fence.ensure_shut_out(own, [volume], ())
        assert client.say() == "written"
        client.leave()
    pool.empty()


@pytest.mark.parametrize(
    ("address", "entry"), [("172.31.0.11", "172.31.0.11:0/0"), ("2001:db8::1", "[2001:db8::1]:0/0")]
)
def test_an_entry_names_all_clients_of_an_address(address: str, entry: str) -> None:
    assert entry_of(address) == entry
    assert has_entry([entry], address)
    assert has_entry([f"v2:{entry}"], address)
    assert not has_entry([entry.replace(":0/0", ":0/42")], address), "of one client only"
    assert not has_entry(["172.31.0.1:0/0", "[2001:db8::]:0/0"], address)


def test_own_addresses_are_recognized() -> None:
    own = "[v2:172.31.0.1:0/42,v1:172.31.0.1:0/42]"
    assert is_at(own, "172.31.0.1")
    assert not is_at(own, "72.31.0.1")
    assert not is_at(own, "172.31.0.11")
    assert is_at("v2:[2001:db8::1]:0/42", "2001:db8::1")
