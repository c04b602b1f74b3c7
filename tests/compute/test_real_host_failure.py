"""A real host dies: its VMs run on the other. A host whose network alone is broken is left alone. Never two of a VM."""

from __future__ import annotations

import logging
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest
from onebox.hosts import Host as Machine
from onebox.shell import wait_until

from apps.compute.models import Power, Vm
from apps.infrastructure.models import Failure, Host, HostController, Liveness
from apps.infrastructure.services.failure import set_controller
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.models import Event, Operation, State
from tests.onebox.management_controller import PASSWORD, USER, ManagementController, management_controller
from tests.real_site import Customer, RealSite

pytestmark = [pytest.mark.real, pytest.mark.timeout(500), pytest.mark.requirement("CL-7")]

log = logging.getLogger(__name__)
VMS = 4
#: Longer than a host may be silent until it would be fenced.
NETWORK_FAULT_SECONDS = 20


@dataclass
class Census:
    """How many QEMUs each VM has, on all hosts together, counted from outside them ten times a second."""

    most: dict[str, int] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.stopping.wait(0.1):
            lines = subprocess.run(
                ["pgrep", "-af", "qemu-system.*guest=vm-"], capture_output=True, text=True, check=False
            ).stdout.splitlines()
            now: dict[str, int] = {}
            for line in lines:
                vm = line.partition("guest=vm-")[2][:36]
                now[vm] = now.get(vm, 0) + 1
            for vm, count in now.items():
                self.most[vm] = max(count, self.most.get(vm, 0))


@contextmanager
def census() -> Iterator[Census]:
    made = Census()
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        yield made
    finally:
        made.stopping.set()
        thread.join()


@dataclass
class Scene:
    """A tenant's VMs on the first host, and what would switch that host off."""

    site: RealSite
    customer: Customer
    doomed: Machine
    controller: ManagementController
    vms: list[str]

    @property
    def row(self) -> Host:
        return Host.objects.get(name=self.doomed.name)

    def pids(self) -> set[str]:
        return set(self.doomed.exec("pgrep", "qemu-system", check=False).split())

    def settle(self) -> None:
        wait_until(lambda: not Operation.objects.open().exists(), "all to settle", seconds=240, every=0.1)


@pytest.fixture(scope="module")
def scene(real_site: RealSite) -> Iterator[Scene]:
    doomed, other = real_site.box.hosts
    customer = real_site.tenant("failing")
    with ExitStack() as stack:
        controllers = {
            machine.name: stack.enter_context(
                management_controller(machine.power_cut, lambda machine=machine: machine.pid() is not None)
            )
            for machine in (doomed, other)
        }
        for name, made in controllers.items():
            set_controller(
                SYSTEM,
                Host.objects.get(name=name),
                url=made.url,
                user=USER,
                password=PASSWORD,
                authority=made.authority,
            )
        Host.objects.filter(name=other.name).update(accepts_vms=False)
        answer = customer.api.change(
            "POST",
            "/vms",
            {
                "name": "doomed",
                "count": VMS,
                "image": str(real_site.idle.pk),
                "instance_type": real_site.small.pk,
                "subnet": customer.subnet,
                "security_group": customer.security_group,
            },
        )
        vms = [str(vm["id"]) for vm in answer["resources"]]
        real_site.wait_ready(pk__in=vms)
        Host.objects.update(accepts_vms=True)
        yield Scene(real_site, customer, doomed, controllers[doomed.name], vms)
        if doomed.pid() is None:
            real_site.box.switch_on(doomed)
        for vm in vms:
            customer.api.change("DELETE", f"/vms/{vm}")
        wait_until(lambda: not Operation.objects.open().exists(), "all to be deleted", seconds=240)


def test_controllers_are_asked_beforehand(scene: Scene) -> None:
    wait_until(
        lambda: set(HostController.objects.values_list("power", flat=True)) == {"On"},
        "both controllers to answer",
        seconds=120,
    )
    wait_until(
        lambda: len(list((scene.site.box.shared / "heartbeats").glob("*"))) == 2,
        "heartbeats on the storage",
        seconds=120,
    )


def test_a_host_whose_management_network_is_cut_is_not_failed_over(scene: Scene) -> None:
    before = scene.pids()
    assert len(before) == VMS
    with census() as counted:
        scene.doomed.exec("ip", "link", "set", "mgmt0", "down")
        try:
            wait_until(
                lambda: scene.row.liveness == Liveness.NETWORK_FAULT,
                "the network fault to be seen",
                seconds=60,
            )
            # Not a wait for anything: its length is what is tried.
            time.sleep(NETWORK_FAULT_SECONDS)
            assert scene.row.liveness == Liveness.NETWORK_FAULT
        finally:
            scene.doomed.exec("ip", "link", "set", "mgmt0", "up")
        wait_until(lambda: scene.row.liveness == Liveness.ALIVE, "the host to be heard again", seconds=120)
    assert scene.pids() == before, "no guest was touched"
    assert scene.controller.resets == []
    assert not Operation.objects.filter(verb__in=["host.fence", "vm.recover"]).exists()
    assert set(counted.most.values()) == {1}


def test_the_vms_of_a_host_that_lost_its_power_run_on_the_other_once(scene: Scene) -> None:
    scene.settle()
    row, other = scene.row, scene.site.box.hosts[1]
    Event.objects.filter(resource=row).delete()
    with census() as counted:
        cut_at, started = time.time(), time.monotonic()
        scene.doomed.power_cut()
        mine = Vm.objects.filter(pk__in=scene.vms, host__name=other.name, power_seen=Power.ON)
        wait_until(lambda: mine.count() > 0, "the first VM to run elsewhere", seconds=120, every=0.05)
        first = time.monotonic() - started
        wait_until(lambda: mine.count() == VMS, "all VMs to run elsewhere", seconds=240, every=0.05)
        last = time.monotonic() - started
        at = {event.code: event.at.timestamp() - cut_at for event in Event.objects.filter(resource=row)}
        log.warning(
            "suspected after %.1f s, certain %.1f s, first VM %.1f s, last of %d %.1f s",
            *(at["host.suspected"], at["host.off"], first, VMS, last),
        )
        assert scene.row.failure == Failure.OFF
        running = other.exec("virsh", "list", "--name").split()
        assert {f"vm-{vm}" for vm in scene.vms} <= set(running)
        scene.site.box.switch_on(scene.doomed)
        wait_until(lambda: scene.row.failure == "", "the host to be taken back", seconds=240)
        there = scene.doomed.exec("virsh", "list", "--all", "--name").split()
        assert not {f"vm-{vm}" for vm in scene.vms} & set(there)
        scene.settle()
        assert set(other.exec("virsh", "list", "--name").split()) == set(running)
    assert set(counted.most.values()) == {1}
    assert not Vm.objects.exclude(state=State.READY).exists()
