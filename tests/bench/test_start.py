"""From POST to a running guest, over a shell script that takes the bare steps on the same hosts at the same time."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pytest
from onebox import certificates
from onebox.hosts import Host
from onebox.shell import wait_until, write

from apps.compute.models import Power, Vm
from apps.drivers.ovn.rows import derived
from apps.lifecycle.models import State
from apps.network.models import Nic
from tests.bench.report import Figure, report
from tests.onebox_fixtures import Onebox
from tests.real_site import POOL, Customer, RealSite

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

ROUNDS = 8
SCRIPT = Path(__file__).with_name("bare-start")


@dataclass
class Pattern:
    """A VM of the platform, from which the script's VM is copied: the same definition, image and network."""

    vm_id: str
    nic: Nic
    disk_id: str
    host: Host
    xml: str

    def copy(self, host: Host, vm_id: str, port: str, mac: str) -> str:
        """Return the definition for another host and with other names in it."""
        changed = self.xml.replace(self.vm_id, vm_id).replace(self.disk_id, vm_id)
        changed = changed.replace(self.host.management_ip, host.management_ip)
        return changed.replace(str(self.nic.pk), port).replace(self.nic.mac, mac)


@pytest.fixture(scope="module")
def customer(real_site: RealSite) -> Customer:
    return real_site.tenant("speed")


def test_from_post_to_running_over_the_bare_steps(real_site: RealSite, customer: Customer) -> None:
    vm = create(real_site, customer)
    pattern = pattern_of(real_site, vm)
    ours, bare = [], []
    for number in range(ROUNDS):
        host = real_site.box.hosts[number % 2]
        bare.append(seconds_of_script(real_site, pattern, host, number))
        started = time.perf_counter()
        another = create(real_site, customer)
        ours.append(time.perf_counter() - started)
        delete(customer, another)
    delete(customer, vm)
    report(
        "start",
        [
            Figure("shell script, median", median(bare), "s"),
            Figure("POST to running, median", median(ours), "s"),
            Figure("POST to running, over the script", median(ours) / median(bare), "", 1.15),
            Figure("the same, fastest of each", min(ours) / min(bare), ""),
        ],
    )


def create(site: RealSite, customer: Customer) -> Vm:
    """Ask for a VM and wait until it runs."""
    body = {
        "name": "speed",
        "image": str(site.image.pk),
        "instance_type": site.small.pk,
        "subnet": customer.subnet,
        "security_group": customer.security_group,
    }
    vm_id = customer.api.change("POST", "/vms", body)["resources"][0]["id"]
    running = Vm.objects.filter(pk=vm_id, state=State.READY, power_seen=Power.ON)
    wait_until(running.exists, "the VM to run", seconds=60, every=0.01)
    return running.get()


def delete(customer: Customer, vm: Vm) -> None:
    customer.api.change("DELETE", f"/vms/{vm.pk}")
    wait_until(lambda: not Vm.objects.filter(pk=vm.pk).exists(), "the VM to be gone", seconds=60)


def pattern_of(site: RealSite, vm: Vm) -> Pattern:
    assert vm.host is not None
    host = site.box.host(vm.host.name)
    xml = host.exec("virsh", "dumpxml", "--inactive", "--security-info", f"vm-{vm.pk}")
    return Pattern(str(vm.pk), vm.nics.get(role="internal"), str(vm.disks.get().pk), host, xml)


def with_certificate_of_the_control_plane(box: Onebox, host: Host) -> str:
    """Let the script write to the northbound database, as no host may; return ovn-nbctl's options."""
    control = certificates.control_directory(box.instance)
    for name in ("control.key", "control.pem", "ovn-ca.pem"):
        write(host.root / "root/bench" / name, (control / name).read_text(), 0o600)
    files = {"private-key": "control.key", "certificate": "control.pem", "ca-cert": "ovn-ca.pem"}
    return " ".join(f"--{option}=/root/bench/{name}" for option, name in files.items())


def seconds_of_script(site: RealSite, pattern: Pattern, host: Host, number: int) -> float:
    """Run the script for one VM, take away what it made, and return how long it took."""
    vm_id, port, mac = str(uuid.uuid4()), str(uuid.uuid4()), f"52:54:00:00:be:{number:02x}"
    disk, seed, xml = (
        f"{POOL}/volumes/{vm_id}.qcow2",
        f"/var/lib/scloud/seeds/{vm_id}.iso",
        f"/root/{vm_id}.xml",
    )
    subnet, group = str(pattern.nic.subnet_id), str(pattern.nic.security_group_id)
    box = site.box
    dhcp = str(derived(subnet, "dhcp"))
    (host.root / xml.lstrip("/")).write_text(pattern.copy(host, vm_id, port, mac))
    script = host.root / "root/bare-start"
    script.write_bytes(SCRIPT.read_bytes())
    arguments = [box.ovn_northbound, subnet, dhcp, group, port, mac, f"10.0.9.{number + 1}", xml]
    arguments += [f"{POOL}/images/{site.image.pk}.qcow2", disk, seed, f"vm-{vm_id}"]
    options = with_certificate_of_the_control_plane(box, host)
    started = time.perf_counter()
    host.exec("env", f"OVN_NBCTL_OPTIONS={options}", "sh", "/root/bare-start", *arguments)
    seconds = time.perf_counter() - started
    host.exec("virsh", "destroy", f"vm-{vm_id}")
    host.exec("virsh", "undefine", f"vm-{vm_id}")
    host.exec("rm", "-f", disk, seed, xml, f"/var/log/libvirt/qemu/{vm_id}.serial.log")
    box.northbound("lsp-del", port)
    return seconds
