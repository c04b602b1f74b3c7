"""The hypervisor contract on a real libvirt, through the agent of a pretend host."""

from collections.abc import Iterator

import pytest

from apps.drivers.remote import RemoteHypervisor, RemoteVolumes
from apps.drivers.specs import PoolSpec, VmSpec
from tests.drivers.contracts.hypervisor import HypervisorContract
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
def volumes(agent: RealAgent) -> RemoteVolumes:
    return agent.remote.volumes()


@pytest.fixture
def hypervisor(agent: RealAgent) -> RemoteHypervisor:
    return agent.remote.hypervisor()


@pytest.fixture
def vm(hypervisor: RemoteHypervisor, volumes: RemoteVolumes, pool: PoolSpec) -> Iterator[VmSpec]:
    volume = a_volume(pool)
    volumes.ensure_volume(volume)
    spec = a_vm(volume)
    yield spec
    hypervisor.ensure_vm_absent(spec.id)
    volumes.ensure_volume_absent(volume)


class TestLibvirtHypervisor(HypervisorContract):
    pass
