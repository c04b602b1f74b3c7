"""The hypervisor contract on a real libvirt, through the agent of a pretend host, and what only a real one shows."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace

import pytest

from apps.drivers.libvirt import nic_xml
from apps.drivers.protocols import Hypervisor, Volumes
from apps.drivers.specs import OsFamily, PoolSpec, Power, SeedSpec, VmSpec, VolumeSpec
from tests.drivers.contracts.fabric import refused
from tests.drivers.contracts.hypervisor import DisksContract, HypervisorContract
from tests.drivers.contracts.nics import GuestNetworkContract, NicsContract, a_nic, with_nics
from tests.drivers.contracts.sizes import SizesContract
from tests.drivers.real_agents import RealAgent, running_agent, shared_pool
from tests.drivers.samples import a_vm, a_volume
from tests.onebox_fixtures import Onebox

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def agent(onebox: Onebox) -> Iterator[RealAgent]:
    with running_agent(onebox, onebox.hosts[0]) as running:
        yield running


@pytest.fixture(scope="module")
def pool(onebox: Onebox) -> Iterator[PoolSpec]:
    with shared_pool(onebox) as (made, _):
        yield made


@pytest.fixture
def volumes(agent: RealAgent) -> Volumes:
    return agent.remote.volumes()


@pytest.fixture
def hypervisor(agent: RealAgent) -> Hypervisor:
    return agent.remote.hypervisor()


@pytest.fixture
def vm(hypervisor: Hypervisor, volumes: Volumes, pool: PoolSpec) -> Iterator[VmSpec]:
    volume = a_volume(pool)
    volumes.ensure_volume(volume)
    spec = a_vm(volume)
    yield spec
    hypervisor.ensure_vm_absent(spec.id)
    volumes.ensure_volume_absent(volume)


class TestLibvirtHypervisor(HypervisorContract):
    @pytest.fixture(autouse=True)
    def _remember_host(self, agent: RealAgent) -> None:
        self.host = agent.host

    def pause(self, hypervisor: Hypervisor, vm_id: str) -> None:
        self.host.exec("virsh", "suspend", f"vm-{vm_id}")


@pytest.fixture
def data(hypervisor: Hypervisor, volumes: Volumes, pool: PoolSpec, vm: VmSpec) -> Iterator[VolumeSpec]:
    volume = a_volume(pool)
    volumes.ensure_volume(volume)
    yield volume
    hypervisor.ensure_vm_absent(vm.id)
    volumes.ensure_volume_absent(volume)


class TestLibvirtDisks(DisksContract):
    guest_answers = False  # its system disk is blank


class TestLibvirtSizes(SizesContract):
    """Its guest does nothing: its system disk is blank."""


class TestLibvirtNics(NicsContract):
    guest_answers = False


class TestLibvirtGuestNetwork(GuestNetworkContract):
    """Its guest has no agent: its system disk is blank."""


def seed_path(agent: RealAgent, vm: VmSpec) -> str:
    return f"/var/lib/scloud/{agent.name}/seeds/{vm.id}.iso"


@pytest.mark.requirement("OP-2")
def test_a_definition_without_its_seed_is_made_whole(
    agent: RealAgent, hypervisor: Hypervisor, vm: VmSpec
) -> None:
    hypervisor.ensure_vm(vm)
    agent.host.exec("rm", seed_path(agent, vm))
    with refused("hypervisor.volume_missing"):
        hypervisor.ensure_power(vm.id, Power.ON)
    hypervisor.ensure_vm(vm)
    assert hypervisor.ensure_power(vm.id, Power.ON).power is Power.ON


@pytest.mark.requirement("OP-2")
def test_a_seed_without_its_definition_goes_with_the_vm(
    agent: RealAgent, hypervisor: Hypervisor, vm: VmSpec
) -> None:
    hypervisor.ensure_vm(vm)
    agent.host.exec("virsh", "-q", "undefine", f"vm-{vm.id}")
    hypervisor.ensure_vm_absent(vm.id)
    agent.host.exec("test", "!", "-e", seed_path(agent, vm))


@pytest.mark.requirement("OP-2")
def test_a_removed_vm_leaves_no_file_of_its_own(agent: RealAgent, hypervisor: Hypervisor, vm: VmSpec) -> None:
    hypervisor.ensure_vm(vm)
    hypervisor.ensure_power(vm.id, Power.ON)
    hypervisor.ensure_vm_absent(vm.id)
    places = ("/var/lib/scloud", "/var/log/libvirt/qemu", "/etc/libvirt/qemu")
    assert agent.host.exec("find", *places, "-name", f"*{vm.id}*").split() == []


def test_a_new_seed_is_written_for_a_changed_one(
    agent: RealAgent, hypervisor: Hypervisor, vm: VmSpec
) -> None:
    hypervisor.ensure_vm(vm)
    before = agent.host.exec("sha256sum", seed_path(agent, vm))
    hypervisor.ensure_vm(vm)
    assert agent.host.exec("sha256sum", seed_path(agent, vm)) == before
    hypervisor.ensure_vm(replace(vm, seed=SeedSpec("another-name")))
    assert agent.host.exec("sha256sum", seed_path(agent, vm)) != before


@pytest.mark.requirement("SE-5")
def test_any_name_can_be_given_to_a_vm(hypervisor: Hypervisor, vm: VmSpec) -> None:
    hypervisor.ensure_vm(replace(vm, name='<实例> & "co"\n\''))
    assert hypervisor.status(vm.id).exists


def test_a_foreign_vm_of_the_host_is_not_reported(agent: RealAgent, hypervisor: Hypervisor) -> None:
    foreign = (
        "<domain type='qemu'><name>theirs</name><memory>65536</memory><os><type>hvm</type></os></domain>"
    )
    agent.host.exec("virsh", "-q", "define", "/dev/stdin", stdin=foreign)
    try:
        uuid = agent.host.exec("virsh", "domuuid", "theirs").strip()
        assert uuid not in {status.id for status in hypervisor.observe().vms}
    finally:
        agent.host.exec("virsh", "-q", "undefine", "theirs")


@pytest.mark.requirement("VM-1")
def test_libvirt_takes_and_starts_what_a_windows_guest_gets(
    agent: RealAgent, hypervisor: Hypervisor, vm: VmSpec
) -> None:
    hypervisor.ensure_vm(replace(vm, vcpu=2, os_family=OsFamily.WINDOWS))
    assert hypervisor.ensure_power(vm.id, Power.ON).power is Power.ON
    running = agent.host.exec("virsh", "-q", "dumpxml", f"vm-{vm.id}")
    assert "offset='localtime'" in running
    assert "sockets='1'" in running and "cores='2'" in running


@pytest.mark.requirement("NI-1")
def test_nics_have_their_places_and_are_guarded_also_when_they_are_plugged_in(
    agent: RealAgent, hypervisor: Hypervisor, vm: VmSpec
) -> None:
    internal, external, elastic = a_nic(0), a_nic(1, mtu=1500), a_nic(3)
    hypervisor.ensure_vm(with_nics(vm, internal, external))
    hypervisor.ensure_power(vm.id, Power.ON)
    hypervisor.ensure_nics(with_nics(vm, internal, external, elastic))
    for definition in ((), ("--inactive",)):
        found = nic_xml.nics_in(xml_of(agent, vm, *definition))
        places = {port: nic_xml.place_of(nic) for port, nic in found.items()}
        assert places == {internal.port_id: (0, 3), external.port_id: (0, 0x18), elastic.port_id: (0, 0x1A)}
        assert all(nic_xml.is_up(nic) for nic in found.values())
    taps = {target.get("dev") for target in ET.fromstring(xml_of(agent, vm)).iterfind(".//interface/target")}
    guarded = agent.host.exec("nft", "list", "table", "netdev", "scloud_guard")
    assert len(taps) == 3
    assert taps <= set(re.findall(r"vnet\d+", guarded))


def xml_of(agent: RealAgent, vm: VmSpec, *options: str) -> str:
    return agent.host.exec("virsh", "-q", "dumpxml", *options, f"vm-{vm.id}")


@pytest.mark.requirement("SE-10")
def test_a_nic_that_the_host_is_not_guarded_against_stays_disconnected_until_it_is(
    agent: RealAgent, hypervisor: Hypervisor, vm: VmSpec
) -> None:
    internal, elastic = a_nic(0), a_nic(2)
    hypervisor.ensure_vm(with_nics(vm, internal))
    hypervisor.ensure_power(vm.id, Power.ON)
    guard = "/usr/local/lib/scloud/guard-taps"
    agent.host.exec("mv", guard, f"{guard}.away")
    try:
        with refused("hypervisor.nic_not_guarded"):
            hypervisor.ensure_nics(with_nics(vm, internal, elastic))
        assert not nic_xml.is_up(nic_xml.nics_in(xml_of(agent, vm))[elastic.port_id])
    finally:
        agent.host.exec("mv", f"{guard}.away", guard)
    hypervisor.ensure_nics(with_nics(vm, internal, elastic))
    assert nic_xml.is_up(nic_xml.nics_in(xml_of(agent, vm))[elastic.port_id])
