"""A real guest at work: what the platform says of it beside what libvirt says."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from onebox.shell import wait_until

from apps.accounts.keys import issue_key
from apps.accounts.models import ApiKey
from apps.compute.models import Vm
from tests import factories
from tests.drivers.guests import Guest
from tests.real_site import Customer, RealSite

pytestmark = [pytest.mark.real, pytest.mark.timeout(600), pytest.mark.requirement("UX-9")]

#: Rates of a steady load, seen over intervals that overlap but are not the same.
TOLERANCE = 0.35
#: A part of a processor: all of it for minutes would be taken from other tests.
LOAD = """
while :; do n=0; while [ $n -lt 10000 ]; do n=$((n + 1)); done; sleep 0.5; done &
while :; do dd if=/dev/zero of=/root/load bs=64k count=32 oflag=direct 2>/dev/null; sleep 0.2; done &
ping -s 1000 -i 0.1 {gateway} >/dev/null &
"""
NAMES = {
    "disk_write_bytes_per_second": "block.0.wr.bytes",
    "net_rx_bytes_per_second": "net.0.rx.bytes",
    "net_tx_bytes_per_second": "net.0.tx.bytes",
}


@dataclass
class Counters:
    """What `virsh domstats` says, and when."""

    at: float
    values: dict[str, int]

    def rate(self, since: Counters, name: str) -> float:
        return (self.values[name] - since.values[name]) / (self.at - since.at)


def domstats(guest: Guest) -> Counters:
    text = guest.host.exec("virsh", "-q", "domstats", f"vm-{guest.vm_id}")
    pairs = (line.strip().split("=", 1) for line in text.splitlines() if "=" in line)
    return Counters(time.time(), {name: int(value) for name, value in pairs if value.isdecimal()})


def make_guest(site: RealSite, customer: Customer) -> Guest:
    body = {
        "name": "busy",
        "image": str(site.image.pk),
        "instance_type": site.small.pk,
        "subnet": customer.subnet,
        "security_group": None,
    }
    (made,) = customer.api.change("POST", "/vms", body)["resources"]
    site.wait_ready(pk=made["id"])
    vm = Vm.objects.select_related("host").get(pk=made["id"])
    assert vm.host is not None
    guest = Guest(site.box.host(vm.host.name), str(vm.pk))
    guest.wait_booted()
    return guest


def points(answer: dict[str, Any], name: str, since: float) -> list[float]:
    """Return the values of one metric measured wholly after `since`."""
    (metric,) = (one for one in answer["metrics"] if one["name"] == name)
    measured = zip(answer["times"], metric["values"], strict=True)
    return [value for at, value in measured if at - answer["step_seconds"] >= since and value is not None]


def test_a_busy_guests_figures_agree_with_libvirts(real_site: RealSite) -> None:
    customer = real_site.tenant("measured")
    guest = make_guest(real_site, customer)
    where = f"/vms/{guest.vm_id}/metrics?range=15m"
    gateway = guest.output("ip route | sed -n 's/default via \\([^ ]*\\).*/\\1/p'").strip()
    guest.output(f"({LOAD.format(gateway=gateway)}) </dev/null >/dev/null 2>&1")

    before = domstats(guest)
    wait_until(
        lambda: len(points(customer.api.get(where), "cpu_percent", before.at)) >= 2,
        "two samples of the load",
        seconds=300,
        every=2,
    )
    after, answer = domstats(guest), customer.api.get(where)

    seen = {name: mean(points(answer, name, before.at)) for name in ("cpu_percent", "memory_bytes", *NAMES)}
    expected = {name: after.rate(before, counter) for name, counter in NAMES.items()}
    expected["cpu_percent"] = after.rate(before, "cpu.time") / 1e7 / after.values["vcpu.current"]
    assert expected["cpu_percent"] > 10
    assert expected["disk_write_bytes_per_second"] > 10_000
    assert expected["net_tx_bytes_per_second"] > 1000
    for name, value in expected.items():
        assert seen[name] == pytest.approx(value, rel=TOLERANCE), f"{name}: {seen} beside {expected}"
    inside = after.values["balloon.available"] - after.values["balloon.usable"]
    assert seen["memory_bytes"] == pytest.approx(inside * 1024, rel=TOLERANCE)

    host = host_view(real_site, guest)
    assert mean(host("cpu_percent", before.at)) > 5
    assert 0 < mean(host("memory_bytes", before.at)) < mean(host("memory_total_bytes", before.at))

    customer.api.change("POST", f"/vms/{guest.vm_id}/power-off")
    wait_until(
        lambda: customer.api.get(f"/vms/{guest.vm_id}")["word"] == "Stopped",
        "power off",
        seconds=240,
        every=0.5,
    )
    stopped = time.time()
    wait_until(lambda: host("cpu_percent", stopped), "a sample of its host", seconds=240, every=1)
    assert points(customer.api.get(where), "cpu_percent", stopped) == [], "a stopped VM has a gap"


def host_view(site: RealSite, guest: Guest) -> Callable[[str, float], list[float]]:
    """Return how an administrator reads a metric of the guest's host since a time."""
    host = Vm.objects.get(pk=guest.vm_id).host_id
    _, token = issue_key(factories.make_admin("watcher"), "tests", ApiKey.Scope.READ, None)
    client = site.platform.client(token)

    return lambda name, since: points(client.get(f"/hosts/{host}/metrics?range=15m"), name, since)


def mean(values: list[float]) -> float:
    assert values, "nothing was measured"
    return sum(values) / len(values)
