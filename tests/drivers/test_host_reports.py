"""What a real host reports, and how soon."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from onebox.shell import patience

from apps.drivers.errors import DriverError
from apps.drivers.reports import HostReport, read_report
from apps.drivers.specs import Power, VmSpec, VmStatus
from apps.drivers.usage import STEP_SECONDS, read_usage
from tests.drivers.real_agents import RealAgent, running_agent, shared_pool
from tests.drivers.samples import a_vm, a_volume
from tests.onebox_fixtures import Onebox

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def agent(onebox: Onebox) -> Iterator[RealAgent]:
    with running_agent(onebox, onebox.hosts[1]) as running:
        yield running


@pytest.fixture
def vm(onebox: Onebox, agent: RealAgent) -> Iterator[VmSpec]:
    with shared_pool(onebox) as (pool, _):
        volume = a_volume(pool)
        agent.remote.volumes().ensure_volume(volume)
        spec = a_vm(volume)
        agent.remote.hypervisor().ensure_vm(spec)
        yield spec
        agent.remote.hypervisor().ensure_vm_absent(spec.id)


def report_of(agent: RealAgent) -> HostReport:
    report = read_report(agent.client, agent.name, agent.key)
    assert report is not None, agent.log()
    return report


def wait_for_status(agent: RealAgent, wanted: VmStatus, seconds: float) -> HostReport:
    """Wait until the host reports this of a VM."""
    give_up = time.monotonic() + patience(seconds)
    while True:
        report = report_of(agent)
        if wanted in [replace(seen, disks=None, nics=None) for seen in report.observation.vms]:
            return report
        assert time.monotonic() < give_up, f"not reported within {seconds} s: {report.observation.vms}"
        time.sleep(0.05)


@pytest.mark.requirement("CL-3")
def test_a_host_reports_what_it_has(agent: RealAgent) -> None:
    seen = report_of(agent).observation
    assert (seen.architecture, seen.virtualisation) == ("x86_64", "qemu")
    assert seen.vcpus >= 1
    assert 0 < seen.memory_used_mib < seen.memory_mib
    assert 0 <= seen.load_percent <= 100
    assert seen.cpu_model
    assert seen.hypervisor_version.split(".")[0].isdigit()


@pytest.mark.requirement("VM-9")
def test_a_vm_that_starts_or_stops_is_reported_at_once(agent: RealAgent, vm: VmSpec) -> None:
    agent.remote.hypervisor().ensure_power(vm.id, Power.ON, boot=3)
    on = VmStatus(vm.id, exists=True, power=Power.ON, boot=3, generation=1)
    wait_for_status(agent, on, 3)
    agent.host.exec("virsh", "-q", "destroy", f"vm-{vm.id}")
    wait_for_status(agent, VmStatus(vm.id, exists=True, power=Power.OFF, boot=3, generation=1), 3)


@pytest.mark.requirement("MO-1")
def test_a_host_leaves_its_and_its_vms_counters_apart_from_its_reports(agent: RealAgent, vm: VmSpec) -> None:
    agent.remote.hypervisor().ensure_power(vm.id, Power.ON, boot=1)
    give_up = time.monotonic() + patience(3 * STEP_SECONDS)
    while True:
        reading = read_usage(agent.client, agent.name, agent.key)
        found = [usage for usage in reading.vms if usage.id == vm.id] if reading else []
        if reading and found:
            break
        assert time.monotonic() < give_up, "no counters were left"
        time.sleep(0.2)
    assert (found[0].boot, found[0].vcpus) == (1, vm.vcpu)
    assert found[0].cpu_ns > 0
    assert found[0].memory_bytes > 0
    assert found[0].memory_total_bytes == vm.memory_mib << 20
    assert 0 < reading.host.cpu_busy_ms < reading.host.cpu_total_ms
    assert 0 < reading.host.memory_bytes < reading.host.memory_total_bytes
    assert 0 < reading.host.disk_used_bytes < reading.host.disk_total_bytes
    assert report_of(agent).observation.usage == ()


def last_words(agent: RealAgent, vm: VmSpec) -> str:
    """Return what QEMU and libvirt wrote last: why a VM has gone."""
    log = f"/var/log/libvirt/qemu/vm-{vm.id}.log"
    return agent.host.exec("sh", "-c", f"tail -n 5 {log}; journalctl -u libvirtd -n 30 --no-pager")


@pytest.mark.requirement("OP-2")
def test_a_killed_libvirtd_takes_no_vm_with_it_and_is_used_again_when_back(
    agent: RealAgent, vm: VmSpec
) -> None:
    hypervisor = agent.remote.hypervisor()
    hypervisor.ensure_power(vm.id, Power.ON, boot=1)
    agent.host.exec("systemctl", "kill", "--signal=KILL", "libvirtd.service")
    give_up = time.monotonic() + patience(30)
    while True:
        try:
            status = hypervisor.status(vm.id)
            break
        except DriverError as error:
            assert error.code == "hypervisor.unreachable", error
            assert time.monotonic() < give_up, "libvirt was not reached again"
    assert status.power is Power.ON
    assert agent.host.exec("pgrep", "-f", f"guest=vm-{vm.id}", check=False), last_words(agent, vm)
    destroyed = agent.host.exec("sh", "-c", f"virsh -q destroy vm-{vm.id} 2>&1", check=False)
    assert "error" not in destroyed, f"{destroyed}\n{last_words(agent, vm)}"
    wait_for_status(agent, VmStatus(vm.id, exists=True, power=Power.OFF, boot=1, generation=1), 4)
