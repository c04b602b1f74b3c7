"""Outages of real hosts under load: OVN's northbound database, libvirtd, a host's agent, a host's power.

They last some seconds by default, as long as people know them with SCLOUD_OUTAGES=long.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from onebox.shell import patience, wait_until

from apps.compute.models import Power, Vm
from apps.infrastructure.models import Host
from apps.lifecycle.models import Event, Operation, OperationStatus, State
from apps.quotas.models import Quota
from tests.real_site import Customer, RealSite
from tests.recovery.audit import audit, strangers
from tests.recovery.outage_table import Row, tell
from tests.recovery.real import hosts
from tests.recovery.traces import traces

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(500),
    pytest.mark.requirement("OP-1"),
    pytest.mark.requirement("OP-2"),
    pytest.mark.requirement("OP-4"),
    pytest.mark.campaign("outages of real hosts", ("tests/recovery/real/hosts.py",), share=3),
]

SETTLE_SECONDS = 240
LONG = os.environ.get("SCLOUD_OUTAGES") == "long"
#: Longer than a host may be silent until it is not asked any more (remote.SILENT_SECONDS).
GONE_SECONDS = 60 if LONG else 18
#: Longer than a transaction waits for the northbound database.
NETWORK_SECONDS = 20 if LONG else 12
LIBVIRTD_SECONDS = 20 if LONG else 6
#: Twice; more than a worker has threads.
FOR_THE_DEAD = 9
#: What a change of a living host's VM may take while another host is dead, on a busy machine; orders wait for 30 s.
AT_ONCE_SECONDS = 10


@dataclass
class Environment:
    """A site with a tenant that has a guest on each host, and one more VM on the last, to be switched off and on."""

    site: RealSite
    customer: Customer
    body: dict[str, Any]
    strange: frozenset[str]
    lasting: set[str] = field(default_factory=set)
    living: str = ""
    accepted: list[str] = field(default_factory=list)  # operations of the present outage

    def create(self, name: str, on: str) -> str:
        """Ask for a VM on that host and return its id."""
        (made,) = self.create_many(1, name, on)
        return made

    def create_many(self, count: int, name: str, on: str) -> list[str]:
        """Ask for VMs on that host at once and return their ids.

        Most are deleted before they run: what fits is none of ours.
        """
        Host.objects.update(accepts_vms=False)
        Host.objects.filter(name=on).update(accepts_vms=True, vcpu_capacity=1000, memory_capacity_mib=1 << 20)
        answer = self.customer.api.change("POST", "/vms", {**self.body, "name": name, "count": count})
        self.accepted += [operation["id"] for operation in answer["operations"]]
        return [str(vm["id"]) for vm in answer["resources"]]

    def ask(self, method: str, path: str, body: object = None) -> str:
        """Ask for a change; return its operation's id."""
        operation = str(self.customer.api.change(method, path, body)["operation"]["id"])
        self.accepted.append(operation)
        return operation

    def settle(self) -> None:
        """Wait until no operation is open."""
        wait_until(
            lambda: not Operation.objects.open().exists(), "all to settle", seconds=SETTLE_SECONDS, every=0.1
        )

    def seconds_for(self, action: str) -> float:
        """Change the living host's VM; return how long that took."""
        started = time.monotonic()
        operation = self.ask("POST", f"/vms/{self.living}/{action}")
        wait_until(
            lambda: Operation.objects.get(pk=operation).status == OperationStatus.DONE,
            f"{action} on the living host",
            seconds=120,
        )
        return time.monotonic() - started

    def clear(self) -> None:
        """Delete the VMs of the test."""
        for vm in Vm.objects.exclude(pk__in=self.lasting):
            self.ask("DELETE", f"/vms/{vm.pk}")
        self.settle()

    def reckon(self, outage: str, users_saw: str = "") -> None:
        """Compare what was accepted with what became of it; nothing may be lost, doubled or left over."""
        self.clear()
        rows = Operation.objects.filter(pk__in=self.accepted)
        longest = max(row.finished_at - row.created_at for row in rows if row.finished_at).total_seconds()
        done = rows.filter(status__in=[OperationStatus.DONE, OperationStatus.CANCELLED]).count()
        failed = rows.filter(status=OperationStatus.FAILED).count()
        lost, doubled = len(self.accepted) - rows.count(), Vm.objects.count() - len(self.lasting)
        tell(Row(f"real: {outage}", len(self.accepted), done, failed, lost, doubled, longest, users_saw))
        self.accepted.clear()
        assert (failed, lost, doubled) == (0, 0, 0), [row.error for row in rows if row.error]
        assert audit(self.strange) == []


@pytest.fixture(scope="module")
def environment(real_site: RealSite) -> Iterator[Environment]:
    """A guest runs on each host from here on; nothing but a power cut may touch it."""
    customer = real_site.tenant("outages")
    Quota.objects.filter(tenant=customer.tenant).update(limit=10_000)
    body = {
        "image": str(real_site.idle.pk),
        "instance_type": real_site.small.pk,
        "subnet": customer.subnet,
        "security_group": customer.security_group,
    }
    strange, before = strangers(), traces(real_site.box)
    made = Environment(real_site, customer, body, strange)
    names = [host.name for host in real_site.box.hosts]
    made.lasting = {made.create(f"guest-{number}", name) for number, name in enumerate(names)}
    made.living = made.create("living", names[-1])
    made.lasting.add(made.living)
    made.settle()
    yield made
    made.lasting.clear()
    made.clear()
    assert audit(strange) == []
    assert traces(real_site.box) == before


def test_an_agent_that_is_gone_keeps_its_own_host_waiting_and_no_other(environment: Environment) -> None:
    dead, living = environment.site.box.hosts
    untouched = hosts.guests(environment.site.box) - {f"{living.name} {pid}" for pid in pids_of(environment)}
    usual = max(environment.seconds_for("power-off"), environment.seconds_for("start"))
    took = []
    with hosts.away(dead, hosts.AGENT):
        started = time.monotonic()
        # In few requests: placement leaves out a host that has been silent for some seconds.
        waiting = [
            vm for part in ("first", "rest") for vm in environment.create_many(FOR_THE_DEAD, part, dead.name)
        ]
        beside = environment.create("beside", living.name)
        while time.monotonic() < started + GONE_SECONDS:
            took += [environment.seconds_for("power-off"), environment.seconds_for("start")]
        assert Vm.objects.get(pk=beside).state == State.READY
        reasons: list[str] = []

        def all_said() -> bool:
            reasons[:] = [last_words(vm) for vm in waiting]
            return all(dead.name in words for words in reasons)

        wait_until(all_said, "all to say what they wait for", seconds=120, every=0.2)
        for vm in waiting[4:]:
            environment.ask("DELETE", f"/vms/{vm}")
    environment.settle()
    assert any("has not reported for" in words for words in reasons)
    assert max(took) < patience(AT_ONCE_SECONDS), f"usually {usual:.1f} s, meanwhile {took}"
    assert running(waiting[:4]) == 4
    assert hosts.guests(environment.site.box) >= untouched
    saw = f"“{reasons[0]}”; changes on the other host took {max(took):.1f} s at most"
    environment.reckon(f"agent of a host gone for {GONE_SECONDS} s, {len(waiting)} VMs asked for there", saw)


def test_a_host_without_libvirtd_does_what_was_asked_once_it_is_back(environment: Environment) -> None:
    host = environment.site.box.hosts[0]
    before = hosts.guests(environment.site.box)
    with hosts.away(host, hosts.LIBVIRTD):
        started = time.monotonic()
        vms = [environment.create(f"later-{number}", host.name) for number in range(2)]
        wait_until(
            lambda: "libvirt does not respond" in last_words(vms[0]),
            "the reason to show",
            seconds=120,
        )
        reason = last_words(vms[0])
        hosts.last(LIBVIRTD_SECONDS, started)
    environment.settle()
    assert running(vms) == 2
    assert hosts.guests(environment.site.box) >= before, "a guest was touched"
    environment.reckon(f"libvirtd of a host gone for {LIBVIRTD_SECONDS} s", f"“{reason}”")


@pytest.mark.parametrize("seconds", [0, NETWORK_SECONDS], ids=["killed", "gone"])
def test_what_needs_the_network_waits_for_the_northbound_database(
    environment: Environment, seconds: int
) -> None:
    """Killed while one transaction after the other is sent."""
    central = environment.site.box.central
    before = hosts.guests(environment.site.box)
    early = environment.create("early", environment.site.box.hosts[0].name)
    groups = [new_group(environment, f"group-{seconds}-{number}") for number in range(6)]
    if seconds:
        with hosts.away(central, hosts.NORTHBOUND):
            started = time.monotonic()
            groups += [new_group(environment, f"late-{seconds}-{number}") for number in range(2)]
            late = environment.create("late", environment.site.box.hosts[1].name)
            wait_until(
                lambda: "northbound database" in last_words(groups[-1]), "the reason to show", seconds=120
            )
            hosts.last(seconds, started)
            reason = last_words(groups[-1])
    else:
        hosts.kill(central, hosts.NORTHBOUND[0])
        late, reason = environment.create("late", environment.site.box.hosts[1].name), ""
    environment.settle()
    assert running([early, late]) == 2
    assert hosts.guests(environment.site.box) >= before, "a guest was touched"
    if seconds:
        assert "northbound database" in reason
    for group in groups:
        environment.ask("DELETE", f"/security-groups/{group}")
    environment.reckon(
        f"OVN's northbound database {f'gone for {seconds} s' if seconds else 'killed'}",
        f"“{reason}”" if reason else "",
    )


def test_a_host_whose_power_was_cut_goes_on_where_it_was(environment: Environment) -> None:
    cut, other = environment.site.box.hosts
    untouched = {one for one in hosts.guests(environment.site.box) if one.startswith(other.name)}
    doomed = environment.create("doomed", cut.name)
    environment.settle()
    vms = [environment.create(f"under-way-{number}", cut.name) for number in range(3)]
    environment.ask("DELETE", f"/vms/{doomed}")
    cut.power_cut()
    reboots = Event.objects.filter(code="host.rebooted").count()
    environment.site.box.switch_on(cut)
    wait_until(
        lambda: Event.objects.filter(code="host.rebooted").count() > reboots,
        "news of the reboot",
        seconds=240,
    )
    environment.settle()
    assert running(vms) == len(vms)
    assert running(list(environment.lasting)) == len(environment.lasting), "what ran there before runs again"
    assert hosts.guests(environment.site.box) >= untouched
    environment.reckon("power of a host cut")


def new_group(environment: Environment, name: str) -> str:
    answer = environment.customer.api.change("POST", "/security-groups", {"name": name})
    environment.accepted.append(answer["operation"]["id"])
    return str(answer["resource"]["id"])


def last_words(target: str) -> str:
    """Return the last step of a resource's latest operation, as its page shows it."""
    steps = Operation.objects.filter(target_id=target).latest("created_at").steps
    return str(steps[-1]["text"]) if steps else ""


def running(vms: list[str]) -> int:
    return Vm.objects.filter(pk__in=vms, state=State.READY, power_seen=Power.ON).count()


def pids_of(environment: Environment) -> list[str]:
    """Return the PIDs of the living VM's QEMU, which the tests switch off and on."""
    host = environment.site.box.hosts[-1]
    return host.exec("pgrep", "--full", f"guest=vm-{environment.living}", check=False).split()
