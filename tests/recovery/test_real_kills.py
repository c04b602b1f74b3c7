"""kill -9 on real hosts: VMs are at several points of their creation or deletion when a process dies."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from onebox.shell import wait_until

from apps.compute.models import Power, Vm
from apps.lifecycle.models import Operation, OperationStatus, State
from tests.real_site import Customer, RealSite
from tests.recovery.audit import audit, strangers
from tests.recovery.traces import traces

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(400),
    pytest.mark.campaign("kills on real hosts", ("tests/recovery/traces.py",), share=4),
]

SETTLE_SECONDS = 240
#: VMs under way when something is killed, spread over the time that one takes undisturbed.
AT_ONCE = 4


@dataclass
class Environment:
    """A site with a tenant, and how long a create and a delete take when nothing is killed."""

    site: RealSite
    customer: Customer
    body: dict[str, Any]
    strange: frozenset[str]
    create_seconds: float = 0.0
    delete_seconds: float = 0.0

    def create(self, name: str) -> str:
        answer = self.customer.api.change("POST", "/vms", {**self.body, "name": name})
        return str(answer["resources"][0]["id"])

    def delete(self, vm_id: str) -> None:
        self.customer.api.change("DELETE", f"/vms/{vm_id}")

    def settle(self) -> float:
        """Wait until no operation is open; return how many seconds that took."""
        started = time.monotonic()
        wait_until(
            lambda: not Operation.objects.open().exists(), "all to settle", seconds=SETTLE_SECONDS, every=0.05
        )
        return time.monotonic() - started


@pytest.fixture(scope="module")
def environment(real_site: RealSite) -> Environment:
    """Measure one undisturbed create and delete, which says when to kill."""
    customer = real_site.tenant("kills")
    body = {
        "image": str(real_site.idle.pk),
        "instance_type": real_site.small.pk,
        "subnet": customer.api.get("/subnets")["results"][0]["id"],
        "security_group": customer.api.get("/security-groups")["results"][0]["id"],
    }
    made = Environment(real_site, customer, body, strangers())
    vm = made.create("undisturbed")
    made.create_seconds = made.settle()
    made.delete(vm)
    made.delete_seconds = made.settle()
    return made


@pytest.fixture
def before(environment: Environment) -> Iterator[set[str]]:
    """What stood on the hosts before the test."""
    yield traces(environment.site.box)


def kill_worker(environment: Environment) -> None:
    environment.site.platform.kill("worker")
    environment.site.platform.start("worker")


def kill_web(environment: Environment) -> None:
    environment.site.platform.kill("web")
    environment.site.platform.start("web")


def kill_agents(environment: Environment) -> None:
    """systemd starts them again."""
    _kill_units(environment, "scloud-agent.service")


def kill_libvirt(environment: Environment) -> None:
    """systemd starts it again; QEMU runs on."""
    _kill_units(environment, "libvirtd.service")


def _kill_units(environment: Environment, unit: str) -> None:
    for host in environment.site.box.hosts:
        host.exec("systemctl", "kill", "--signal=KILL", unit)


@pytest.mark.requirement("OP-2")
@pytest.mark.parametrize("kill", [kill_worker, kill_agents, kill_libvirt, kill_web])
def test_vms_settle_and_nothing_leaks_when_a_process_dies(
    environment: Environment, before: set[str], kill: Callable[[Environment], None]
) -> None:
    vms = under_way(
        [lambda n=n: environment.create(f"vm-{n}") for n in range(AT_ONCE)], environment.create_seconds
    )
    kill(environment)
    environment.settle()
    assert Vm.objects.filter(pk__in=vms, state=State.READY, power_seen=Power.ON).count() == AT_ONCE
    assert audit(environment.strange) == []

    under_way([lambda vm=vm: environment.delete(vm) for vm in vms], environment.delete_seconds)
    kill(environment)
    environment.settle()
    assert not Vm.objects.exists()
    assert not Operation.objects.filter(status=OperationStatus.FAILED).exists()
    assert audit(environment.strange) == []
    assert traces(environment.site.box) == before


def under_way(requests: list[Callable[[], Any]], seconds: float) -> list[Any]:
    """Make the requests so that, on return, they are at points evenly spread over `seconds`."""
    pause = seconds / (len(requests) + 1)
    answers = []
    for request in requests:
        answers.append(request())
        time.sleep(
            pause
        )  # not a wait for anything: it decides where each of them will be when the kill comes
    return answers
