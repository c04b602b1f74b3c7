"""A real guest whose disks are in Ceph: boots from a clone, grows, is snapshotted, and survives a power cut of both."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import cast

import pytest
from onebox import ceph_cluster
from onebox.ceph_site import CephSite
from onebox.shell import wait_until

from apps.drivers.errors import DriverError
from apps.drivers.protocols import Volumes
from apps.drivers.rbd.client import secret_id
from apps.drivers.rbd.volumes import RbdVolumes
from apps.drivers.specs import DiskAttachment, Power, SnapshotSpec, VmSpec, VolumeSource
from tests.drivers.ceph_pools import CephPool, make_pool
from tests.drivers.contracts.fabric import refused
from tests.drivers.guests import Guest
from tests.drivers.real_agents import RealAgent, running_agent
from tests.drivers.samples import a_vm, a_volume, an_image, new_id
from tests.onebox_fixtures import Onebox

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(400),
    pytest.mark.campaign("guests on real hosts", ("apps/drivers/rbd/",), share=2),
]


@dataclass
class Lab:
    """Two hosts with agents, and a pool of Ceph with the tiny guest's image."""

    agents: list[RealAgent]
    pool: CephPool
    volumes: Volumes
    vm: VmSpec
    data: DiskAttachment

    def start(self, number: int) -> Guest:
        """Run the VM on a host, as an operation does."""
        hypervisor = self.agents[number].remote.hypervisor()
        hypervisor.ensure_vm(self.vm)
        hypervisor.ensure_power(self.vm.id, Power.ON, boot=1)
        return Guest(self.agents[number].host, self.vm.id)


@pytest.fixture(scope="module")
def lab(onebox: Onebox, ceph: CephSite) -> Iterator[Lab]:
    with ExitStack() as stack:
        agents = [stack.enter_context(running_agent(onebox, host)) for host in onebox.hosts]
        pool = make_pool(ceph, "guests")
        stack.callback(pool.cluster.close)
        stack.callback(pool.empty)
        for agent in agents:
            agent.remote.hypervisor().ensure_pool_key(pool.pool_key)
            stack.callback(agent.remote.hypervisor().ensure_pool_key_absent, pool.spec.id)
        volumes = cast("Volumes", RbdVolumes(pool.cluster, hosts=agents[0].remote.volumes))
        upload = onebox.shared / "import" / f"{new_id()}.qcow2"
        upload.write_bytes(onebox.guest_image.read_bytes())
        stack.callback(upload.unlink)
        image = an_image(pool.spec)
        volumes.ensure_image(image, str(upload))
        system, data = a_volume(pool.spec, image), a_volume(pool.spec)
        for volume in (system, data):
            volumes.ensure_volume(volume)
        vm = a_vm(system)
        for agent in agents:
            stack.callback(agent.remote.hypervisor().ensure_vm_absent, vm.id)
        yield Lab(agents, pool, volumes, vm, DiskAttachment(data, slot=1))


@pytest.fixture(scope="module")
def guest(lab: Lab) -> Guest:
    started = lab.start(0)
    started.wait_booted()
    return started


@pytest.mark.requirement("OP-4")
def test_a_host_without_the_pools_key_says_so(lab: Lab) -> None:
    hypervisor = lab.agents[0].remote.hypervisor()
    hypervisor.ensure_pool_key_absent(lab.pool.spec.id)
    with refused("volumes.key_missing"):
        lab.start(0)
    hypervisor.ensure_pool_key(lab.pool.pool_key)


@pytest.mark.requirement("SE-4")
def test_the_key_is_in_no_place_where_others_can_read_it(lab: Lab, guest: Guest) -> None:
    host, key = guest.host, lab.pool.key
    shown = (
        host.exec("ps", "axeww"),
        host.exec("virsh", "dumpxml", "--security-info", f"vm-{guest.vm_id}"),
        host.exec("cat", f"/var/log/libvirt/qemu/vm-{guest.vm_id}.log"),
        host.exec("journalctl", "--no-pager", "-b"),
    )
    assert not any(key in text for text in shown)
    secret = ("virsh", "secret-get-value", secret_id(lab.pool.spec.id))
    assert key not in host.exec(*secret, check=False)
    held = host.exec(
        "find",
        "/",
        "-xdev",
        "-type",
        "f",
        "-perm",
        "/077",
        "-newer",
        "/etc/hostname",
        "-size",
        "-64k",
        "-path",
        "*ceph*",
    )
    assert held == ""


@pytest.mark.requirement("SE-10")
def test_a_guests_qemu_reaches_ceph_and_nothing_else(onebox: Onebox, ceph: CephSite, lab: Lab) -> None:
    user = ("setpriv", f"--reuid={lab.vm.uid}", f"--regid={lab.vm.uid}", "--clear-groups")
    redis = onebox.environment["SCLOUD_AGENT_REDIS"].partition(":")
    places = {
        (ceph.address, "3300"): "yes",
        (redis[0], redis[2]): "",
        (onebox.central.management_ip, "6642"): "",
    }
    for place, reached in places.items():
        script = 'nc -z -w 1 "$0" "$1" && echo yes'
        found = onebox.hosts[0].exec(*user, "sh", "-c", script, *place, check=False)
        assert (place, found.strip()) == (place, reached)


@pytest.mark.requirement("EV-2")
@pytest.mark.requirement("EV-3")
@pytest.mark.requirement("EV-5")
def test_a_disk_in_ceph_is_attached_grown_and_snapshotted_while_the_guest_writes(
    lab: Lab, guest: Guest
) -> None:
    hypervisor = lab.agents[0].remote.hypervisor()
    with_data = replace(lab.vm, disks=(*lab.vm.disks, lab.data))
    assert hypervisor.ensure_disks(with_data).holds(lab.data.volume.id)
    serial = lab.data.volume.id.replace("-", "")[:20]
    device = f"/dev/$(grep -l {serial} /sys/block/*/serial | cut -d/ -f4)"
    wait_until(lambda: guest.run(f"test -b {device}")[0] == 0, "the disk in the guest", seconds=20)
    guest.output(f"echo before | dd of={device} bs=512 conv=sync,fsync")
    snapshot = SnapshotSpec(new_id(), lab.data.volume)
    lab.volumes.ensure_snapshot(snapshot)
    guest.output(f"echo after | dd of={device} bs=512 conv=sync,fsync")
    with refused("volumes.volume_in_use"):
        lab.volumes.ensure_rolled_back(snapshot)

    larger = replace(lab.data, volume=replace(lab.data.volume, size_gib=2))
    hypervisor.ensure_disks(replace(lab.vm, disks=(*lab.vm.disks, larger)))
    wait_until(
        lambda: guest.output(f"cat /sys/block/$(basename {device})/size").strip() == str(2 << 21),
        "the new size in the guest",
        seconds=20,
    )

    copy = replace(a_volume(lab.pool.spec), source=VolumeSource(lab.data.volume.id, snapshot.id))
    lab.volumes.ensure_volume(copy)
    wait_until(lambda: lab.volumes.ensure_independent(copy).done, "the copy", seconds=30)
    assert lab.pool.read(copy, 0, 6) == b"before"

    wait_until(
        lambda: not hypervisor.ensure_disks(lab.vm).holds(lab.data.volume.id),
        "the disk's release",
        seconds=20,
    )
    lab.volumes.ensure_rolled_back(replace(snapshot, volume=larger.volume))
    assert lab.pool.read(larger.volume, 0, 6) == b"before"
    assert lab.pool.size_gib(larger.volume) == 2


@pytest.mark.requirement("OP-4")
def test_a_vm_is_not_started_from_a_cluster_that_hangs_and_its_host_answers_on(
    ceph: CephSite, lab: Lab, guest: Guest
) -> None:
    hypervisor = lab.agents[1].remote.hypervisor()
    with ceph.hanging("mon.a", "osd.0", "osd.1", "osd.2"):
        with refused("volumes.ceph_unreachable"):
            lab.start(1)
        assert hypervisor.status(lab.vm.id).power is Power.OFF
        assert guest.output("echo runs on") == "runs on\n"
    hypervisor.ensure_vm_absent(lab.vm.id)


@pytest.mark.requirement("OP-2")
def test_a_guest_comes_back_after_a_power_cut_of_its_host_and_of_the_cluster(
    ceph: CephSite, lab: Lab, guest: Guest
) -> None:
    guest.output("echo kept >/root/kept; sync")
    guest.host.exec("sh", "-c", f"kill -9 $(cat /run/libvirt/qemu/vm-{guest.vm_id}.pid)")
    ceph.power_cut()
    lab.agents[0].remote.hypervisor().ensure_vm_absent(guest.vm_id)
    ceph_cluster.start(ceph)

    def is_found_again() -> bool:
        try:
            return bool(lab.volumes.observe(lab.pool.spec).contents)
        except DriverError:
            return False

    wait_until(is_found_again, "the driver's way to the cluster", seconds=30)
    again = lab.start(1)
    again.wait_booted()
    assert again.output("cat /root/kept") == "kept\n"
    again.output("echo writes >/root/writes; sync")
