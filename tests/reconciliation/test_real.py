"""Things come apart on real hosts, by hand; beat and worker find out, repair what is safe, and list the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from onebox.hosts import Host as Machine
from onebox.shell import wait_until

from apps.accounts.models import User
from apps.compute.models import Vm
from apps.lifecycle.models import Operation, State
from apps.reconciliation.models import Finding, FindingState, Rule
from apps.reconciliation.services import Action, do
from tests import factories
from tests.real_site import RealSite
from tests.reconciliation.drift import later

pytestmark = [pytest.mark.real, pytest.mark.timeout(300), pytest.mark.requirement("OP-3")]

VMS = ("undefined", "lost", "unplugged")
#: A machine of 64 MiB that nothing was ever meant to start.
STRAY = """<domain type='qemu'><name>vm-{id}</name><uuid>{id}</uuid><memory unit='MiB'>64</memory>
<os><type>hvm</type></os></domain>"""


@dataclass
class Drift:
    """A site after it has come apart, with what was done to it."""

    site: RealSite
    vms: dict[str, Vm]
    stray_volume: UUID
    stray_file: Path
    stray_domain: UUID

    def machine(self, vm: Vm) -> Machine:
        assert vm.host is not None
        return self.site.box.host(vm.host.name)

    def virsh(self, vm: Vm, *command: str) -> str:
        return str(self.machine(vm).exec("virsh", command[0], f"vm-{vm.pk}", *command[1:])).strip()

    def wait_for(self, what: str, **which: object) -> Finding:
        """Let minutes pass in seconds until there is such a finding; beat and worker do the looking."""
        rows = Finding.objects.filter(**which)

        def there() -> bool:
            later()
            return rows.exists()

        wait_until(there, what, seconds=240, every=2)
        return rows.select_related("host", "storage_cluster", "region", "resource").get()


@pytest.fixture(scope="module")
def drift(real_site: RealSite) -> Iterator[Drift]:
    """Three VMs; one is undefined while it runs, one destroyed and undefined, one loses its port; two strays."""
    customer = real_site.tenant("drift")
    body = {
        "image": str(real_site.idle.pk),
        "instance_type": real_site.small.pk,
        "subnet": customer.subnet,
        "security_group": customer.security_group,
    }
    for name in VMS:
        customer.api.change("POST", "/vms", {**body, "name": name})
    real_site.wait_ready(kind="vm")
    vms = {vm.name: vm for vm in Vm.objects.select_related("host")}
    id = uuid4()
    made = Drift(real_site, vms, id, real_site.box.shared / "volumes" / f"{id}.qcow2", uuid4())
    made.virsh(vms["undefined"], "undefine")
    made.virsh(vms["lost"], "destroy")
    made.virsh(vms["lost"], "undefine")
    real_site.box.northbound("lsp-del", str(vms["unplugged"].nics.get(role="internal").pk))
    system_disk = real_site.box.shared / "volumes" / f"{vms['lost'].disks.get().pk}.qcow2"
    made.stray_file.write_bytes(system_disk.read_bytes())
    stray = STRAY.format(id=made.stray_domain)
    made.machine(vms["lost"]).exec(
        "sh", "-c", f'echo "{stray}" >/tmp/stray.xml && virsh define /tmp/stray.xml'
    )
    yield made
    made.machine(vms["lost"]).exec("virsh", "undefine", f"vm-{made.stray_domain}", check=False)
    made.stray_file.unlink(missing_ok=True)


def test_a_running_vm_undefined_by_hand_is_defined_again_and_runs_on(drift: Drift) -> None:
    vm = drift.vms["undefined"]
    drift.wait_for("the definition to be repaired", target_id=vm.pk, state=FindingState.REPAIRED)
    assert "Persistent:     yes" in drift.virsh(vm, "dominfo")
    assert drift.virsh(vm, "domstate") == "running"
    assert Operation.objects.get(target_id=vm.pk, verb="vm.resync").actor_id is None


def test_a_vm_destroyed_by_hand_runs_again_on_its_disk(drift: Drift) -> None:
    vm = drift.vms["lost"]
    drift.wait_for("the VM to be made again", target_id=vm.pk, rule=Rule.STALE, state=FindingState.REPAIRED)
    assert drift.virsh(vm, "domstate") == "running"
    assert Vm.objects.get(pk=vm.pk).state == State.READY


def test_a_port_removed_by_hand_is_made_again(drift: Drift) -> None:
    nic = drift.vms["unplugged"].nics.get(role="internal")
    drift.wait_for("the port to be made again", target_id=nic.pk, state=FindingState.REPAIRED)
    assert str(nic.ip) in drift.site.box.northbound("lsp-get-addresses", str(nic.pk))


def test_strays_are_listed_until_the_administrator_has_them_removed(drift: Drift) -> None:
    volume = drift.wait_for("the stray volume", target_id=drift.stray_volume, state=FindingState.OPEN)
    domain = drift.wait_for("the stray domain", target_id=drift.stray_domain, state=FindingState.OPEN)
    assert (volume.rule, volume.kind) == (domain.rule, "disk") == (Rule.ORPHAN, "disk")
    assert drift.stray_file.exists()
    admin = factories.actor_for_user(
        User.objects.filter(is_platform_admin=True).first() or factories.make_admin()
    )
    for finding in (volume, domain):
        do(admin, finding, Action.FORCE_CLEAN)
    for finding in (volume, domain):
        drift.wait_for("it to be removed", pk=finding.pk, state=FindingState.REPAIRED)
    assert not drift.stray_file.exists()
    machine = drift.machine(drift.vms["lost"])
    assert str(drift.stray_domain) not in machine.exec("virsh", "list", "--all", "--uuid")
