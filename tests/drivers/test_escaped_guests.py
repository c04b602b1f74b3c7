"""SE-10: whoever breaks out of a guest into its QEMU finds nothing of another guest, and nothing of the platform."""

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from onebox.hosts import Host

from apps.drivers.specs import PoolSpec, Power, SeedSpec, VmSpec
from tests.drivers.real_agents import PASSWORD, RealAgent, running_agent, shared_pool
from tests.drivers.samples import a_vm, a_volume, an_image
from tests.onebox_fixtures import Onebox

pytestmark = [pytest.mark.real, pytest.mark.timeout(300), pytest.mark.requirement("SE-10")]

SCRIPT = (Path(__file__).parent / "escaped.py").read_text()
SENDER = (Path(__file__).parent / "escaped_sender.py").read_text()
FIRST_MIGRATION_PORT = 49152
SECRET = "of-the-other-guest-alone-4711"
#: Sockets that every Debian offers to all its users: its log, its bus and systemd's services (which ask polkit for all
#: but looking), the readiness of units, names of users, new UUIDs; iscsid, which answers root alone.
#: A socket that is not here must not take a guest's connection.
OPEN_TO_ALL = re.compile(
    r"/run/dbus/system_bus_socket|/run/systemd/(notify|journal/(dev-log|socket|stdout)|userdb/[\w.]+)"
    r"|/run/systemd/(machine/)?io\.systemd\.[\w.]+|/run/uuidd/request|@ISCSIADM_ABSTRACT_NAMESPACE"
)
#: That a VM is there, and its process's number, is what any user of a host sees in its list of processes.
NO_MORE_THAN_ITS_NAME = re.compile(
    r"/run/(systemd/(machines|transient)|cgroup1)/.*|/run/libvirt/qemu/vm-[\w-]+\.pid|/dev/pts/ptmx"
)
#: Places for everybody's temporary files, and devices that keep nothing or are a process's own.
FOR_ALL_TO_WRITE = re.compile(
    r"/(var/)?tmp|/tmp/\.[\w]+-unix|/run/lock|/dev/(shm|mqueue|null|zero|full|random|urandom|tty|ptmx|pts/ptmx|fuse|kvm|net/tun"
    r"|vhost-net|vhost-vsock|vsock|userfaultfd|log|hwrng)|/dev/std(in|out|err)"
)
#: What a host writes that is no secret and all programs need: its name and address, who its users are, process ids,
#: what was booted, the state of its units, its package lists.
NO_SECRETS = re.compile(
    r"/etc/(?!scloud|libvirt).*|/run/(systemd|udev|utmp|log|motd|agetty|initctl|dbus|mount|credentials).*|/run/[\w./-]+\.pid"
    r"|/var/(log/(lastlog|wtmp|[bf]tmp)|cache/debconf/.*|www/html/.*|\.updated)"
    r"|/var/lib/((dpkg|systemd|dbus|apt|ucf|python|pam|sgml-base|xml-core|misc)/.*|shells\.state)"
    r"|/opt/scloud-agent/.*|/usr/.*|/dev/.*|/run/(lock/libvirt-guests|cgroup1/.*|\.[\w-]+)"
)
#: Of these, nothing at all: what the platform keeps on a host.
THE_PLATFORMS = ("/etc/scloud", "/var/lib/scloud", "/etc/libvirt/qemu", "/var/lib/libvirt", "/run/libvirt")


@dataclass
class Neighbours:
    """Two running guests of one host, thin over one image: `mine` was broken out of."""

    agent: RealAgent
    mine: VmSpec
    other: VmSpec
    image: str

    @property
    def host(self) -> Host:
        """The host they run on."""
        return self.agent.host

    def pid(self, vm: VmSpec) -> str:
        """Return the process id of a guest's QEMU as its host counts."""
        return self.host.exec("pgrep", "-f", f"^/usr/bin/qemu.*guest=vm-{vm.id}").split()[0]

    def others_paths(self) -> list[str]:
        """Return every file and socket of the other guest, as root finds them: names that somebody may know."""
        found = self.host.exec(
            *("find", "/run", "/var", "/etc", "/dev", "-path", "/run/cgroup1", "-prune", "-o"),
            *("(", "-path", f"*{self.other.id}*", "-o"),
            *(
                "-path",
                f"*{self.other.disks[0].volume.id}*",
                "-o",
                "-user",
                str(self.other.uid),
                ")",
                "-print",
            ),
        ).split()
        opened = self.host.exec("find", f"/proc/{self.pid(self.other)}/fd", "-printf", "%l\\n").split()
        found += [path for path in opened if path.startswith(("/var", "/run", "/dev/pts"))]
        return [path for path in found if path != self.image and not NO_MORE_THAN_ITS_NAME.fullmatch(path)]

    def escape(self, *, within: str) -> dict[str, Any]:
        """Look at all there is, as `mine`'s user, from the host's or from its QEMU's view of the file system."""
        secrets = [SECRET, self.other.id, self.agent.key, PASSWORD]
        request = {"known": self.others_paths(), "wanted": secrets}
        enter = ("nsenter", "-m", "-t", self.pid(self.mine), "--") if within == "QEMU" else ()
        answer = self.host.exec(
            *enter,
            *("setpriv", f"--reuid={self.mine.uid}", f"--regid={self.mine.uid}", "--clear-groups"),
            *("--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "python3", "-c", SCRIPT),
            stdin=json.dumps(request),
            timeout=120,
        )
        found: dict[str, Any] = json.loads(answer)
        assert found["user"] == [self.mine.uid, self.mine.uid, []]
        assert len(found["seen"]) > 1000, "otherwise it saw little"
        return found


@pytest.fixture(scope="module")
def neighbours(onebox: Onebox) -> Iterator[Neighbours]:
    with running_agent(onebox, onebox.hosts[0]) as agent, shared_pool(onebox) as (pool, folder):
        yield from started(agent, pool, folder, onebox)


def started(agent: RealAgent, pool: PoolSpec, folder: Path, onebox: Onebox) -> Iterator[Neighbours]:
    volumes, hypervisor, image = agent.remote.volumes(), agent.remote.hypervisor(), an_image(pool)
    (folder / "import").mkdir(mode=0o700, exist_ok=True)
    shutil.copy(onebox.guest_image, folder / "import/upload.qcow2")
    volumes.ensure_image(image, f"{pool.path}/import/upload.qcow2")
    vms = [
        a_vm(a_volume(pool, image), seed=SeedSpec("guest", user_data=f"#!/bin/sh\n# {SECRET}\n"))
        for _ in range(2)
    ]
    try:
        for vm in vms:
            volumes.ensure_volume(vm.disks[0].volume)
            hypervisor.ensure_vm(vm)
            hypervisor.ensure_power(vm.id, Power.ON, boot=1)
        yield Neighbours(agent, *vms, image=f"{pool.path}/images/{image.id}.qcow2")
    finally:
        for vm in vms:
            hypervisor.ensure_vm_absent(vm.id)
            volumes.ensure_volume_absent(vm.disks[0].volume)


@pytest.fixture(scope="module", params=["host", "QEMU"])
def escaped(neighbours: Neighbours, request: pytest.FixtureRequest) -> dict[str, Any]:
    return neighbours.escape(within=request.param)


def test_each_qemu_is_a_user_and_group_of_its_own_without_capabilities(neighbours: Neighbours) -> None:
    for vm in (neighbours.mine, neighbours.other):
        status = neighbours.host.exec("cat", f"/proc/{neighbours.pid(vm)}/status")
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert fields["Uid"].split() == [str(vm.uid)] * 4
        assert fields["Gid"].split() == [str(vm.uid)] * 4
        assert fields["Groups"].split() in ([], [str(vm.uid)])
        assert int(fields["CapEff"], 16) == int(fields["CapPrm"], 16) == 0
        assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
        limits = neighbours.host.exec("cat", f"/proc/{neighbours.pid(vm)}/limits")
        assert re.search(r"Max core file size +0 +0 ", limits)
        assert re.search(r"Max processes +4096 +4096 ", limits)
        assert re.search(r"Max open files +1638\d +1638\d ", limits)


def test_nothing_of_the_other_guest_can_be_read_written_or_spoken_to(
    neighbours: Neighbours, escaped: dict[str, Any]
) -> None:
    others = set(neighbours.others_paths())
    assert len(others) >= 6, f"a volume, a seed, logs, sockets: {others}"
    for done in ("read", "written", "connected"):
        assert sorted(others & set(escaped[done])) == [], done
    held = {path: texts for path, texts in escaped["held"].items() if not is_mine(path, neighbours)}
    named = {path for path in held if NO_MORE_THAN_ITS_NAME.fullmatch(path)}
    assert {
        path: texts for path, texts in held.items() if texts != [neighbours.other.id] or path not in named
    } == {}
    walked = [path for path in escaped["seen"] if neighbours.other.id in path and path not in others]
    assert [path for path in walked if not NO_MORE_THAN_ITS_NAME.fullmatch(path)] == []
    assert escaped["entered"] == {}
    assert escaped["signalled"] == []


def test_nothing_of_the_platform_can_be_read_written_or_listed(
    neighbours: Neighbours, escaped: dict[str, Any]
) -> None:
    def strange(paths: list[str]) -> list[str]:
        return [
            path
            for path in paths
            if path.startswith(tuple(f"{place}/" for place in THE_PLATFORMS))
            and not is_mine(path, neighbours)
        ]

    assert strange(escaped["written"]) == []
    assert strange(escaped["connected"]) == []
    reading = [path for path in strange(escaped["read"]) if path != neighbours.image]
    assert [path for path in reading if not NO_MORE_THAN_ITS_NAME.fullmatch(path)] == []


def test_only_what_every_program_of_a_host_may_use_is_open_to_it(
    neighbours: Neighbours, escaped: dict[str, Any]
) -> None:
    """A new file, socket or directory that lets guests in fails here until somebody has thought about it."""

    def unknown(paths: list[str], known: re.Pattern[str]) -> list[str]:
        return [path for path in paths if not known.fullmatch(path) and not is_mine(path, neighbours)]

    assert unknown(escaped["connected"], OPEN_TO_ALL) == []
    assert unknown(escaped["written"], FOR_ALL_TO_WRITE) == []
    reading = [path for path in escaped["read"] if path != neighbours.image]
    reading = [path for path in reading if not NO_MORE_THAN_ITS_NAME.fullmatch(path)]
    assert unknown(reading, NO_SECRETS) == []


def test_a_base_image_is_read_by_all_and_changed_by_none(
    neighbours: Neighbours, escaped: dict[str, Any]
) -> None:
    seen = neighbours.host.exec("stat", "-c", "%u:%g %a", neighbours.image).strip()
    assert seen == "0:0 444"
    assert neighbours.image not in escaped["written"]


def is_mine(path: str, neighbours: Neighbours) -> bool:
    """Whether it belongs to the guest that was broken out of."""
    if path.startswith("@"):
        return False
    mine = (neighbours.mine.id, neighbours.mine.disks[0].volume.id)
    if any(id in path for id in mine):
        return True
    owner = neighbours.host.exec("stat", "-c", "%u", path, check=False).strip()
    return owner == str(neighbours.mine.uid)


@pytest.fixture
def everywhere(neighbours: Neighbours, onebox: Onebox) -> Iterator[list[tuple[str, int]]]:
    """Every TCP listener that a process on this host reaches when nothing stops it, its own host's included."""
    host, other = neighbours.host, onebox.hosts[1]
    listeners = host.exec("ss", "-Hltn4").splitlines()
    found = [line.split()[3].rsplit(":", 1) for line in listeners]
    everything = ("0.0.0.0", "*")  # noqa: S104  named, not listened on
    own = [(host.management_ip if address in everything else address, int(port)) for address, port in found]
    tried = [*own, (onebox.central.management_ip, 6642), (other.management_ip, FIRST_MIGRATION_PORT)]
    with listening(other, FIRST_MIGRATION_PORT):
        yield tried


@contextmanager
def listening(host: Host, port: int) -> Iterator[None]:
    """Have something listen on a host, as the QEMU of a guest that is about to arrive does."""
    script = (
        f"import socket; server = socket.create_server(('{host.management_ip}', {port}));"
        " print('ready', flush=True); input()"
    )
    with subprocess.Popen(
        host.command(["python3", "-c", script]), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield
        process.communicate()  # the end of its input is its own


def test_an_escaped_guest_connects_nowhere(
    neighbours: Neighbours, onebox: Onebox, everywhere: list[tuple[str, int]]
) -> None:
    """It is in its host's network namespace: its host's addresses would open peers' ports, and tunnels to it."""
    tunnel = [onebox.hosts[1].underlay_ip, 6081]
    request = json.dumps({"tcp": everywhere, "udp": [tunnel, [onebox.central.management_ip, 53]]})
    as_root = json.loads(neighbours.host.exec("python3", "-c", SENDER, stdin=request))
    assert as_root == {"tcp": [[*to] for to in everywhere], "udp": json.loads(request)["udp"]}, (
        "else it proves nothing"
    )
    as_guest = neighbours.host.exec(
        *("setpriv", f"--reuid={neighbours.mine.uid}", f"--regid={neighbours.mine.uid}", "--clear-groups"),
        *("--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "python3", "-c", SENDER),
        stdin=request,
    )
    assert json.loads(as_guest) == {"tcp": [], "udp": []}


def test_screens_are_answered(neighbours: Neighbours) -> None:
    """What its QEMU sends to those who connected to it goes out."""
    display = (
        neighbours.host.exec("virsh", "vncdisplay", f"vm-{neighbours.mine.id}").strip().rsplit(":", 1)[1]
    )
    address = (neighbours.host.management_ip, 5900 + int(display))
    with socket.create_connection(address, timeout=10) as client:
        assert client.recv(4) == b"RFB "
