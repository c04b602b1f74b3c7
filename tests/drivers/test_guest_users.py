"""A user per guest through a guest's life: one made before there was any, a migration by hand, a first boot, a stop."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import libvirt
import pytest
from onebox.hosts import Host

from apps.drivers.specs import ImageSpec, PoolSpec, Power, SeedSpec, VmSpec
from tests.drivers.guests import Guest
from tests.drivers.real_agents import RealAgent, running_agent, shared_pool
from tests.drivers.samples import a_vm, a_volume, an_image
from tests.onebox.test_migration import MOVE, connected
from tests.onebox_fixtures import Onebox

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(400),
    pytest.mark.requirement("SE-10"),
    pytest.mark.campaign("guests on real hosts", ("apps/drivers/libvirt/", "apps/agent/"), share=2),
]

Making = Callable[..., VmSpec]
TOKEN = "token-of-the-tenant-4711"
HASH = "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/"


@pytest.fixture(scope="module")
def agents(onebox: Onebox) -> Iterator[list[RealAgent]]:
    with running_agent(onebox, onebox.hosts[0]) as first, running_agent(onebox, onebox.hosts[1]) as second:
        yield [first, second]


@pytest.fixture(scope="module")
def pool(onebox: Onebox) -> Iterator[tuple[PoolSpec, Path]]:
    with shared_pool(onebox) as made:
        yield made


@pytest.fixture(scope="module")
def image(onebox: Onebox, agents: list[RealAgent], pool: tuple[PoolSpec, Path]) -> ImageSpec:
    made = an_image(pool[0])
    (pool[1] / "import").mkdir(mode=0o700, exist_ok=True)
    shutil.copy(onebox.guest_image, pool[1] / "import/upload.qcow2")
    agents[0].remote.volumes().ensure_image(made, f"{pool[0].path}/import/upload.qcow2")
    return made


@pytest.fixture
def make(agents: list[RealAgent], pool: tuple[PoolSpec, Path], image: ImageSpec) -> Iterator[Making]:
    """Define VMs with a system disk on the first host, and remove them afterwards."""
    made: list[VmSpec] = []

    def one(seed: SeedSpec | None = None) -> VmSpec:
        vm = a_vm(a_volume(pool[0], image), seed=seed)
        made.append(vm)
        agents[0].remote.volumes().ensure_volume(vm.disks[0].volume)
        agents[0].remote.hypervisor().ensure_vm(vm)
        return vm

    yield one
    for vm in made:
        for agent in agents:
            agent.remote.hypervisor().ensure_vm_absent(vm.id)
        agents[0].remote.volumes().ensure_volume_absent(vm.disks[0].volume)


def owner(host: Host, path: str) -> str:
    return host.exec("stat", "-c", "%u:%g %a", path).strip()


def volume_of(vm: VmSpec) -> str:
    volume = vm.disks[0].volume
    return f"{volume.pool.path}/volumes/{volume.id}.qcow2"


def image_of(vm: VmSpec) -> str:
    volume = vm.disks[0].volume
    return f"{volume.pool.path}/images/{volume.image_id}.qcow2"


def test_a_volume_is_the_guests_while_it_runs_and_roots_before_and_after(
    agents: list[RealAgent], make: Making
) -> None:
    agent, vm = agents[0], make()
    assert owner(agent.host, volume_of(vm)) == "0:0 600"
    agent.remote.hypervisor().ensure_power(vm.id, Power.ON, boot=1)
    assert owner(agent.host, volume_of(vm)) == f"{vm.uid}:{vm.uid} 600"
    assert owner(agent.host, image_of(vm)) == "0:0 444"
    agent.remote.hypervisor().ensure_power(vm.id, Power.OFF)
    assert owner(agent.host, volume_of(vm)) == "0:0 600"
    for place in ("volumes", "images"):
        assert owner(agent.host, f"{vm.disks[0].volume.pool.path}/{place}") == "0:0 711"


def test_a_vm_of_before_keeps_running_and_gets_its_user_at_the_next_start(
    agents: list[RealAgent], make: Making
) -> None:
    agent, vm = agents[0], make()
    hypervisor, name = agent.remote.hypervisor(), f"vm-{vm.id}"
    # As an installation of before has it: no label, a volume for all to read, a base image of libvirt's user.
    xml = agent.host.exec("virsh", "dumpxml", "--inactive", "--security-info", name)
    start, end = xml.index("<seclabel type='static'"), xml.rindex("</seclabel>") + len("</seclabel>")
    agent.host.exec("virsh", "define", "/dev/stdin", stdin=xml[:start] + xml[end:])
    agent.host.exec("chmod", "644", volume_of(vm))
    agent.host.exec("chown", "libvirt-qemu:libvirt-qemu", image_of(vm))
    agent.host.exec("chmod", "644", image_of(vm))
    agent.host.exec("virsh", "start", name)
    running_as = owner(agent.host, volume_of(vm))

    hypervisor.ensure_vm(replace(vm, generation=2))
    assert hypervisor.status(vm.id).power is Power.ON
    assert owner(agent.host, volume_of(vm)) == running_as, "the running one is left as it is"

    hypervisor.ensure_power(vm.id, Power.OFF)
    hypervisor.ensure_power(vm.id, Power.ON, boot=2)
    assert owner(agent.host, volume_of(vm)) == f"{vm.uid}:{vm.uid} 600"
    assert owner(agent.host, image_of(vm)) == "0:0 444"


def test_a_volume_that_its_qemu_has_pointed_elsewhere_is_not_followed(
    agents: list[RealAgent], make: Making
) -> None:
    """Whoever holds a QEMU can write its volume's header, which names the file behind it."""
    agent, vm, victim = agents[0], make(), make()
    agent.host.exec(
        "qemu-img", "rebase", "-u", "-f", "qcow2", "-F", "qcow2", "-b", volume_of(victim), volume_of(vm)
    )
    agent.remote.hypervisor().ensure_vm(vm)
    agent.remote.hypervisor().ensure_power(vm.id, Power.ON, boot=1)
    assert owner(agent.host, volume_of(victim)) == "0:0 600"
    opened = agent.host.exec("sh", "-c", f"ls -l /proc/$(pgrep -f guest=vm-{vm.id} | head -n 1)/fd")
    assert victim.disks[0].volume.id not in opened
    assert str(vm.disks[0].volume.image_id) in opened


def test_a_guest_migrates_between_hosts_and_stays_its_user(
    onebox: Onebox, agents: list[RealAgent], make: Making
) -> None:
    source, target = agents
    vm = make()
    source.remote.hypervisor().ensure_power(vm.id, Power.ON, boot=1)
    guest = Guest(source.host, vm.id)
    guest.wait_booted()
    guest.output("echo kept >/root/note; sync")
    seed = f"/var/lib/scloud/{source.name}/seeds/{vm.id}.iso"
    # The seed is the host's own file: it must be there, under the same path, before the guest comes.
    (target.host.root / seed[1:]).parent.mkdir(parents=True)
    shutil.copy(source.host.root / seed[1:], target.host.root / seed[1:])
    for folder in (f"/var/lib/scloud/{source.name}", f"/var/lib/scloud/{source.name}/seeds"):
        target.host.exec("chmod", "711", folder)
    try:
        # By the control plane over TLS. Its screen listens on the source's address, which the other host does not have.
        here, there = (connected(onebox, agent.host) for agent in agents)
        domain, address = here.lookupByName(f"vm-{vm.id}"), target.host.management_ip
        wanted = libvirt.VIR_DOMAIN_XML_MIGRATABLE | libvirt.VIR_DOMAIN_XML_SECURE
        xml = domain.XMLDesc(wanted).replace(source.host.management_ip, address)
        how = {
            libvirt.VIR_MIGRATE_PARAM_URI: f"tcp://{address}",
            libvirt.VIR_MIGRATE_PARAM_DEST_XML: xml,
            libvirt.VIR_MIGRATE_PARAM_PERSIST_XML: xml,
        }
        domain.migrate3(there, how, MOVE | libvirt.VIR_MIGRATE_TLS)
        assert owner(target.host, volume_of(vm)) == f"{vm.uid}:{vm.uid} 600"
        moved = Guest(target.host, vm.id)
        assert moved.output("cat /root/note").strip() == "kept"
        moved.output("echo written there >/root/note; sync")
        status = target.host.exec("sh", "-c", f"cat /proc/$(pgrep -f guest=vm-{vm.id} | head -n 1)/status")
        assert f"Uid:\t{vm.uid}\t{vm.uid}" in status
    finally:
        target.remote.hypervisor().ensure_vm_absent(vm.id)
        shutil.rmtree(target.host.root / f"var/lib/scloud/{source.name}")


@pytest.mark.requirement("SE-4")
def test_after_the_first_boot_neither_the_device_nor_a_file_holds_a_secret(
    agents: list[RealAgent], make: Making
) -> None:
    agent = agents[0]
    script = f"#!/bin/sh\n# {TOKEN}\necho again >>/root/runs\n"
    vm = make(SeedSpec("first", password_hash=HASH, user_data=script))
    hypervisor = agent.remote.hypervisor()
    hypervisor.ensure_power(vm.id, Power.ON, boot=1)
    guest = Guest(agent.host, vm.id)
    guest.wait_booted()
    guest.output("until [ -e /root/runs ]; do usleep 200000; done; sync", seconds=60)
    assert hypervisor.status(vm.id).guest_agent
    assert secrets_in_the_device(guest) == "2"

    hypervisor.ensure_seed(vm.id, SeedSpec("first"))

    assert secrets_in_the_device(guest) == "0"
    assert not hypervisor.status(vm.id).guest_agent, "it is looked at no more"
    where = ("/var/lib/scloud", "/var/lib/libvirt", "/etc/libvirt", "/var/log/libvirt", "/run/libvirt")
    find = ("grep", "-rlaE", f"{TOKEN}|saltsalt", "--exclude-dir=shared", *where)
    assert agent.host.exec(*find, check=False) == ""

    # A restart inside, then one by the host: the instance is the same, so nothing is run or set again.
    hypervisor.ensure_vm(replace(vm, seed=SeedSpec("first"), generation=2))
    hypervisor.ensure_power(vm.id, Power.OFF)
    hypervisor.ensure_power(vm.id, Power.ON, boot=2)
    guest.wait_booted()
    assert guest.output("hostname").strip() == "first"
    assert guest.output("cat /root/runs").split() == ["again"]
    assert HASH in guest.output("cat /etc/shadow")
    assert secrets_in_the_device(guest) == "0"
    assert agent.host.exec(*find, check=False) == ""


def secrets_in_the_device(guest: Guest) -> str:
    """Return how many of the two secrets the guest can read from the disk with its first-boot data."""
    command = (
        "echo 3 >/proc/sys/vm/drop_caches; dd if=/dev/vdb bs=4096 iflag=direct 2>/dev/null >/tmp/seed;"
        f" (grep -aq {TOKEN} /tmp/seed && echo x; grep -aq saltsalt /tmp/seed && echo x) | wc -l"
    )
    return guest.output(command).strip()
