"""An agent that is killed, stopped and started."""

import time

import pytest
from onebox.shell import patience

from apps.drivers.orders import Fence
from apps.drivers.specs import Power, VmSpec
from tests.agent.conftest import PretendHost
from tests.drivers.contracts.fabric import refused
from tests.drivers.samples import a_pool, a_vm, a_volume


@pytest.fixture
def host(mortal_host: PretendHost) -> PretendHost:
    return mortal_host


@pytest.fixture
def vm(host: PretendHost) -> VmSpec:
    volume = a_volume(a_pool())
    host.remote().volumes().ensure_volume(volume)
    return a_vm(volume)


@pytest.mark.requirement("OP-2")
def test_a_killed_agent_is_reported_as_unreachable_and_drops_what_came_meanwhile(
    host: PretendHost, vm: VmSpec
) -> None:
    host.kill()
    began = time.monotonic()
    with refused("host.unreachable"):
        host.remote(timeout=1.0).hypervisor().ensure_vm(vm)
    assert time.monotonic() - began < patience(3)
    host.start()
    hypervisor = host.remote().hypervisor()
    hypervisor.observe()
    assert not hypervisor.status(vm.id).exists
    hypervisor.ensure_vm(vm)
    assert hypervisor.ensure_power(vm.id, Power.ON, boot=1).power is Power.ON


@pytest.mark.requirement("OP-2")
def test_a_fence_outlives_the_agent(host: PretendHost, vm: VmSpec) -> None:
    host.remote().hypervisor(Fence(5, 2)).ensure_vm(vm)
    host.kill()
    host.start()
    with refused("agent.stale_order"):
        host.remote().hypervisor(Fence(5, 1)).ensure_vm_absent(vm.id)
    assert host.remote().hypervisor().status(vm.id).exists


def test_an_agent_ends_when_asked(host: PretendHost) -> None:
    assert host.stop() == 0
