"""Real VMs move between real hosts: the guest goes on, its connections stay, and whatever is killed one VM is left."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
from onebox.hosts import Host as Machine
from onebox.shell import patience, wait_until

from apps.compute.models import Vm
from apps.compute.services.migration import migrate_vm
from apps.infrastructure.models import Host
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.models import Operation, OperationStatus
from apps.platform_settings.models import PlatformSetting
from tests.compute.outside_lab import INTERNET4, Outside, lab, longest_gap, outside
from tests.drivers.guests import Guest

__all__ = ["lab", "outside"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(900), pytest.mark.requirement("CL-6")]

Note = Callable[[str, object], None]
#: Of pings ten times a second: QEMU's downtime, and until the network has followed. The machine may be busy.
LONGEST_GAP = 5.0
MOVES = 3
READ = """
import socket, sys, time
sock = socket.create_connection((sys.argv[1], 7000), 10)
sock.settimeout(30)
lines, last, longest = sock.makefile(), time.monotonic(), 0.0
for wanted, line in enumerate(lines):
    now = time.monotonic()
    longest, last = max(longest, now - last), now
    if int(line) != wanted:
        print("broken at", wanted, line); break
    if wanted == int(sys.argv[2]):
        print(f"{longest:.2f}"); break
"""


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Note:
    """Keep a figure in the report of the run."""
    return lambda what, value: request.node.user_properties.append((what, value))


@pytest.fixture
def slow() -> Iterator[None]:
    """Migrations that take some seconds, so that something can happen meanwhile."""
    PlatformSetting.objects.update_or_create(name="migration_mib_per_second", defaults={"value": 4})
    time.sleep(2.5)  # so old may be what a process goes by
    yield
    PlatformSetting.objects.filter(name="migration_mib_per_second").delete()
    time.sleep(2.5)


def where(outside: Outside, guest: Guest) -> tuple[Guest, Machine]:
    """Return the guest where its row says it is, and the other host."""
    vm = Vm.objects.select_related("host").get(pk=guest.vm_id)
    assert vm.host is not None
    (other,) = (host for host in outside.site.box.hosts if host.name != vm.host.name)
    return Guest(outside.site.box.host(vm.host.name), guest.vm_id), other


def ask(guest: Guest, target: Machine) -> Operation:
    return migrate_vm(SYSTEM, Vm.objects.get(pk=guest.vm_id), host=Host.objects.get(name=target.name).pk)


def ended(operation: Operation, seconds: float = 180) -> Operation:
    rows = Operation.objects.filter(pk=operation.pk)
    wait_until(lambda: not rows.open().exists(), "the migration to end", seconds=seconds, every=0.05)
    operation.refresh_from_db()
    return operation


def domains(outside: Outside, guest: Guest) -> dict[str, str]:
    """Return host → state of the VM's domain, wherever there is one."""
    found = {}
    for host in outside.site.box.hosts:
        state = host.exec("virsh", "domstate", f"vm-{guest.vm_id}", check=False).strip()
        if state and "failed to get domain" not in state:
            found[host.name] = state
    return found


def moved_under_ping(outside: Outside, guest: Guest, address: str) -> float:
    """Move a guest, see it go on there, and return the longest time without an answer from outside."""
    guest, target = where(outside, guest)
    moving: list[Operation] = []

    def arrived() -> None:
        ended(moving[0])
        time.sleep(2)  # and still answers

    gateway = outside.gateway(INTERNET4).command(())
    gap = longest_gap(gateway, address, lambda: moving.append(ask(guest, target)), arrived)
    assert moving[0].status == OperationStatus.DONE, (moving[0].error, moving[0].steps)
    assert gap < patience(LONGEST_GAP)
    guest, _ = where(outside, guest)
    assert domains(outside, guest) == {target.name: "running"}
    assert guest.output("cat /tmp/in-memory").strip() == "kept"
    return gap


def test_a_guest_keeps_its_stream_and_answers_pings_while_it_moves(outside: Outside, note: Note) -> None:
    guest, eip = outside.guests[0], outside.eips[INTERNET4]
    outside.see_done(outside.bind(eip, guest))
    outside.wait_answers(INTERNET4)
    guest, _other = where(outside, guest)
    guest.output("echo kept >/tmp/in-memory")
    seconds = 25 * MOVES
    counter = f"i=0; while [ $i -le {seconds * 10 + 600} ]; do echo $i; i=$((i+1)); usleep 100000; done"
    guest.output(f"( ( {counter} ) | nc -l -p 7000 ) >/dev/null 2>&1 </dev/null & sleep 1")
    gateway = outside.gateway(INTERNET4)
    reader = [*gateway.command(()), "python3", "-c", READ, eip.address, str(seconds * 10)]
    with subprocess.Popen(reader, stdout=subprocess.PIPE, text=True) as stream:
        for number in range(MOVES):
            note(f"move {number}: longest gap of pings", moved_under_ping(outside, guest, eip.address))
        said, _ = stream.communicate(timeout=seconds + 120)
    note("longest gap of the TCP stream", said.strip())
    assert "broken" not in said and float(said) < patience(LONGEST_GAP)


@pytest.mark.parametrize("killed", ["worker", "source libvirtd", "target libvirtd", "agents"])
def test_whatever_is_killed_while_it_moves_one_vm_runs_and_its_row_says_where(
    outside: Outside, slow: None, note: Note, killed: str
) -> None:
    guest, target = where(outside, outside.guests[1])
    source = guest.host
    guest.output(f"echo '{killed}' >/tmp/in-memory")
    operation = ask(guest, target)
    steps = Operation.objects.filter(pk=operation.pk)
    wait_until(
        lambda: any("MiB left" in step["text"] for step in steps.get().steps),
        f"memory to be copied: {steps.get().steps}",
        seconds=60,
        every=0.05,
    )
    time.sleep(0.5)
    if killed == "worker":
        outside.site.platform.kill("worker")
        outside.site.platform.start("worker")
    elif killed == "agents":
        for host in (source, target):
            host.exec("systemctl", "kill", "--signal=KILL", "scloud-agent.service")
    else:
        host = source if killed.startswith("source") else target
        host.exec("systemctl", "kill", "--signal=KILL", "libvirtd.service")
    began = time.monotonic()
    ended(operation, seconds=400)
    note(f"{killed} killed: ended as, after seconds", (operation.status, round(time.monotonic() - began, 1)))
    vm = Vm.objects.select_related("host").get(pk=guest.vm_id)
    assert vm.host is not None and vm.next_host is None
    wait_until(
        lambda: domains(outside, guest) == {vm.host.name: "running"},  # type: ignore[union-attr]
        f"one domain on {vm.host.name}: {domains(outside, guest)}",
        seconds=60,
    )
    if operation.status != OperationStatus.DONE:
        assert vm.host.name == source.name
    there, _ = where(outside, guest)
    assert there.output("cat /tmp/in-memory").strip() == killed, "it went on, and did not start anew"
