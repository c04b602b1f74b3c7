"""Breaking real operations at chosen points, all at the same time, and measuring how long each takes to settle."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils import timezone
from onebox import environment, venv
from onebox.hosts import Host
from onebox.instance import ROOT
from onebox.shell import run, wait_until

from apps.compute.models import Image
from apps.compute.services.image import import_image
from apps.drivers.reports import PERIOD_SECONDS, read_pulse
from apps.infrastructure import backends
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.models import Operation
from apps.storage.models import Disk
from tests.onebox_fixtures import Onebox
from tests.real_site import Customer, RealSite
from tests.recovery.real.points import Point

AGENT = Path(__file__).with_name("agent_entry.py")
#: In the directory that all hosts share; `agent_entry.POINTS` is how they see it.
POINTS = "crash-points"
MISSED = 2
UNIT = "scloud-agent.service"
DROP_IN = f"run/systemd/system/{UNIT}.d/breakable.conf"
ENTRY = "/run/breakable_agent.py"
RULES = [{"direction": "in", "protocol": "tcp", "port": "22", "address": "10.0.0.0/8"}]


@contextmanager
def breakable_agents(box: Onebox) -> Iterator[Path]:
    """Run the hosts' agents by `agent_entry`; give the directory that arms its points, as this machine sees it."""
    points = box.shared / POINTS
    points.mkdir(exist_ok=True)
    start = f"/opt/scloud-agent/bin/python {ENTRY}"
    try:
        for host in box.hosts:
            host.exec("sh", "-c", f"cat >{ENTRY}", stdin=AGENT.read_text())
            text = f"[Service]\nExecStart=\nExecStart={start}\n"
            host.exec("sh", "-c", f"mkdir -p $(dirname /{DROP_IN}); cat >/{DROP_IN}", stdin=text)
            _start_anew(host)
        yield points
    finally:
        shutil.rmtree(points)
        for host in box.hosts:
            host.exec("rm", "-f", f"/{DROP_IN}", ENTRY)
            _start_anew(host)


def _start_anew(host: Host) -> None:
    """Start a host's agent again and wait for its first report."""
    before = read_pulse(backends.redis_client(), host.name).life
    host.exec("systemctl", "daemon-reload")
    host.exec("systemctl", "restart", UNIT)

    def reported() -> bool:
        pulse = read_pulse(backends.redis_client(), host.name)
        return pulse.life not in (b"", before) and pulse.age < PERIOD_SECONDS

    wait_until(reported, f"a report of {host.name}", seconds=60)


@dataclass
class Broken:
    """A point and the operation broken there."""

    point: Point
    operation: Operation
    subject: str = ""
    broken_at: datetime | None = None


def is_open(one: Broken) -> bool:
    one.operation.refresh_from_db()
    return one.operation.is_open


@dataclass
class Storm:
    """What is needed to ask for operations of every verb while no worker is there, and to break them."""

    site: RealSite
    customer: Customer
    body: dict[str, Any]
    points: Path
    back_at: datetime = field(default_factory=timezone.now)

    def create(self, name: str) -> str:
        """Ask for a VM and return its id."""
        answer = self.customer.api.change("POST", "/vms", {**self.body, "name": name})
        return str(answer["resources"][0]["id"])

    def settle(self, seconds: float, what: str) -> None:
        wait_until(lambda: not Operation.objects.open().exists(), what, seconds=seconds, every=0.1)

    def prepare(self, points: Sequence[Point]) -> dict[Point, str]:
        """Make what the points' verbs need to be there; return the id for each point that needs something."""
        needs = {point: n for n, point in enumerate(points) if point.verb in PREPARED}
        made = {point: PREPARED[point.verb](self, f"prepared-{n}") for point, n in needs.items()}
        self.settle(90, "what the points need")
        for point, vm in made.items():
            if point.verb == "vm.start":
                self.customer.api.change("POST", f"/vms/{vm}/power-off")
        self.settle(60, "the VMs that are to be started")
        return made

    def break_at(self, points: Sequence[Point], prepared: dict[Point, str]) -> list[Broken]:
        """Ask for one operation for each point, break all of them there, and return those that were.

        One whose agent dies of another's point may be past its own when it goes on: at most MISSED are.
        """
        self.site.platform.kill("worker")
        broken = [
            Broken(point, ASKED[point.verb](self, prepared.get(point, f"broken-{n}")))
            for n, point in enumerate(points)
        ]
        for one in broken:
            one.subject = _subject(one)
        for one in broken:
            if one.point.side == "agent":
                self._armed(one).write_text(one.point.action)
        self._let_workers_die([one for one in broken if one.point.side == "worker"])
        self.site.platform.start("worker")
        self.back_at = timezone.now()
        in_agents = [one for one in broken if one.point.side == "agent"]
        wait_until(lambda: not any([self._may_be_met(one) for one in in_agents]), "the breaks", seconds=90)
        missed = [one for one in in_agents if one.broken_at is None]
        assert len(missed) <= MISSED, f"never met: {[str(one.point) for one in missed]}"
        for one in missed:
            self._armed(one).unlink()
        return [one for one in broken if one not in missed]

    def _armed(self, one: Broken) -> Path:
        """Return the file that arms a point; an agent that meets it takes it away."""
        return self.points / f"{one.point.call}@{one.subject}"

    def _may_be_met(self, one: Broken) -> bool:
        """Return whether a point is still to be met; note when it has been."""
        if not self._armed(one).exists():
            one.broken_at = one.broken_at or timezone.now()
            return False
        return is_open(one)

    def _let_workers_die(self, broken: list[Broken]) -> None:
        pairs = [f"{one.point.call}={one.operation.pk}" for one in broken]
        if pairs:
            command = [str(venv.PYTHON), "-m", "tests.recovery.real.die_at", *pairs]
            run(command, env=environment.for_process(self.site.platform.instance), cwd=ROOT, timeout=60)


def _subject(one: Broken) -> str:
    """Return the id an agent knows the order by: of the VM, of its disk, or of the image."""
    about_the_disk = one.point.call.startswith(("volumes.", "qemu_img.", "link"))
    target = one.operation.target_id
    if one.operation.target_kind == "vm" and about_the_disk:
        return str(Disk.objects.get(vm=target).pk)
    return str(target)


def _operation(answer: dict[str, Any]) -> Operation:
    key = "operation" if "operation" in answer else "operations"
    found = answer[key] if key == "operation" else answer[key][0]
    return Operation.objects.get(pk=found["id"])


def _ask_vm(method: str, action: str) -> Callable[[Storm, str], Operation]:
    return lambda storm, vm: _operation(storm.customer.api.change(method, f"/vms/{vm}{action}"))


def _ask_create(storm: Storm, name: str) -> Operation:
    return Operation.objects.get(target_id=storm.create(name), verb="vm.create")


def _new_group(storm: Storm, name: str) -> str:
    answer = storm.customer.api.change("POST", "/security-groups", {"name": name})
    return str(answer["resource"]["id"])


def _ask_rules(storm: Storm, group: str) -> Operation:
    return _operation(
        storm.customer.api.change("POST", f"/security-groups/{group}/set-rules", {"rules": RULES})
    )


def _ask_import(storm: Storm, name: str) -> Operation:
    pool = Image.objects.select_related("cluster").get(pk=storm.site.image.pk).cluster
    file = storm.site.box.guest_image.name
    return import_image(
        SYSTEM,
        name=name,
        cluster=pool,
        file=file,
        os_name="Debian",
        default_disk_gib=1,
        guest_agent=True,
    )


PREPARED: dict[str, Callable[[Storm, str], str]] = {
    "vm.delete": Storm.create,
    "vm.start": Storm.create,
    "vm.power_off": Storm.create,
    "security_group.set_rules": _new_group,
}
ASKED: dict[str, Callable[[Storm, str], Operation]] = {
    "vm.create": _ask_create,
    "vm.delete": _ask_vm("DELETE", ""),
    "vm.start": _ask_vm("POST", "/start"),
    "vm.power_off": _ask_vm("POST", "/power-off"),
    "security_group.set_rules": _ask_rules,
    "image.import": _ask_import,
}
