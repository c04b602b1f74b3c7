"""Real guests change inside: a new password by the agent, and another system disk behind the same address."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from onebox.hosts import Host as Machine
from onebox.shell import wait_until
from passlib.hash import sha512_crypt

from apps.compute.models import Image, Vm
from apps.compute.services.image import import_image
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.models import Operation, OperationStatus
from apps.network.models import Eni, NicRole, Subnet
from apps.network.selectors import elastic_nics
from apps.network.specs import port_spec
from apps.storage.models import Disk
from tests.drivers.guests import Guest
from tests.drivers.netns import netns_guest
from tests.real_site import POOL, Customer, RealSite

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

FIRST, SECOND, THIRD = "First-boot-4711", "Zebra-crossing-4712", "Quiet-river-4713"


@dataclass
class Changing:
    """A VM with root's password, and the machine it runs on."""

    site: RealSite
    customer: Customer
    machine: Machine
    pk: str

    @property
    def vm(self) -> Vm:
        return Vm.objects.get(pk=self.pk)

    @property
    def guest(self) -> Guest:
        return Guest(self.machine, self.pk)

    def hash_of_root(self) -> str:
        return self.guest.output("grep ^root: /etc/shadow").split(":")[1]

    def act(self, action: str, body: object = None, *, within: float = 240) -> Operation:
        """Ask for an action on the VM and wait for its end."""
        asked = self.customer.api.change("POST", f"/vms/{self.pk}/{action}", body)
        rows = Operation.objects.filter(pk=asked["operation"]["id"])
        wait_until(lambda: not rows.open().exists(), f"the end of {action}", seconds=within, every=0.2)
        return rows.get()

    def done(self, action: str, body: object = None) -> None:
        operation = self.act(action, body)
        assert operation.status == OperationStatus.DONE, (operation.error, operation.steps)


@pytest.fixture(scope="module")
def changing(real_site: RealSite) -> Iterator[Changing]:
    customer = real_site.tenant("change")
    body = {
        "name": "change",
        "instance_type": real_site.small.pk,
        "image": str(real_site.image.pk),
        "subnet": customer.subnet,
        "security_group": None,
        "password": FIRST,
    }
    pk = customer.api.change("POST", "/vms", body)["resources"][0]["id"]
    real_site.wait_ready(pk=pk)
    host = Vm.objects.select_related("host").get(pk=pk).host
    assert host is not None
    yield Changing(real_site, customer, real_site.box.host(host.name), pk)


@pytest.mark.requirement("VM-4")
def test_root_gets_a_new_password_while_the_vm_runs_and_it_is_written_nowhere(changing: Changing) -> None:
    changing.guest.wait_booted()
    changing.done("reset-password", {"password": SECOND})
    assert sha512_crypt.verify(SECOND, changing.hash_of_root())
    assert not sha512_crypt.verify(FIRST, changing.hash_of_root())
    for words in (SECOND, changing.hash_of_root()):
        assert not changing.machine.exec("grep", "-rlF", "--", words, "/var/log", check=False).strip()


@pytest.mark.requirement("VM-4")
def test_without_its_agent_the_guest_keeps_its_password_and_the_task_says_what_to_do(
    changing: Changing,
) -> None:
    before = changing.hash_of_root()
    # Not at once: this very command is run by the agent. It comes back by itself.
    again = (
        "qemu-ga -d -m virtio-serial -p /dev/virtio-ports/org.qemu.guest_agent.0 -t /run -f /run/qemu-ga.pid"
    )
    changing.guest.output(f"(sleep 1; kill $(cat /run/qemu-ga.pid); sleep 120; {again}) >/dev/null 2>&1 &")
    wait_until(
        lambda: "disconnected" in changing.machine.exec("virsh", "dumpxml", f"vm-{changing.pk}"),
        "the agent to go",
        seconds=30,
    )
    operation = changing.act("reset-password", {"password": THIRD})
    assert (operation.status, operation.error["code"]) == (OperationStatus.FAILED, "vm.no_guest_agent")
    assert changing.vm.is_on
    changing.guest.wait_booted()
    assert changing.hash_of_root() == before


@pytest.mark.requirement("VM-5")
def test_a_reinstalled_vm_answers_at_the_same_address_with_another_disk(changing: Changing) -> None:
    site, customer, vm = changing.site, changing.customer, changing.vm
    old, nic = Disk.objects.get(vm=vm, role="system"), vm.nics.get(role=NicRole.INTERNAL)
    imported = import_image(
        SYSTEM,
        name="again",
        cluster=site.image.cluster,
        file=site.box.guest_image.name,
        os_name="Debian",
        default_disk_gib=1,
        guest_agent=True,
    )
    site.wait_ready(kind="image")
    image = Image.objects.get(pk=imported.target_id)
    changing.guest.output("touch /root/of-the-old-disk; sync")
    changing.done("power-off")

    changing.done("reinstall", {"image": str(image.pk), "password": THIRD, "disk_gib": 2})
    wait_until(lambda: not Disk.objects.filter(pk=old.pk).exists(), "the old disk to go", seconds=60)
    assert str(old.pk) not in changing.machine.exec("ls", "-R", POOL)
    changing.done("start")
    changing.guest.wait_booted()
    changing.guest.wait_for_address(str(nic.ip))
    assert changing.guest.run("test -e /root/of-the-old-disk")[0] != 0
    assert sha512_crypt.verify(THIRD, changing.hash_of_root())

    made = customer.api.change("POST", "/enis", {"name": "peer", "subnet": customer.subnet})["resource"]["id"]
    site.wait_ready(pk=made)
    eni: Eni = elastic_nics().get(pk=made)
    spec = port_spec(eni.nic, generation=eni.generation, default_route=False)
    other = next(host for host in site.box.hosts if host.name != changing.machine.name)
    with netns_guest(other, spec, str(Subnet.objects.get(pk=customer.subnet).gateway)) as peer:
        wait_until(lambda: peer.pings(str(nic.ip)), f"an answer of {nic.ip}", seconds=60)
