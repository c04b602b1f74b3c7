"""Pretend hosts behave as servers do: they boot cleanly, carry guests' traffic, and die at once without power."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from onebox.shell import wait_until

from tests.onebox.fabric import HASH, Guest, Network
from tests.onebox_fixtures import Onebox

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def guests(onebox: Onebox) -> Iterator[list[Guest]]:
    """One tiny guest on each host, in one network, both booted."""
    network = Network(onebox, f"test-{uuid.uuid4().hex[:8]}")
    dhcp = network.create()
    started = [Guest(host, f"g{number}-{network.name}") for number, host in enumerate(onebox.hosts, start=11)]
    try:
        for number, guest in enumerate(started, start=11):
            script = "#!/bin/sh\nhostname >/www/name\n" if number == 12 else ""
            guest.start(onebox, *network.add_port(number, dhcp), user_data=script)
        for guest in started:
            guest.wait_for_agent()
        yield started
    finally:
        for guest in started:
            guest.remove(onebox)
        network.remove()
        onebox.northbound("--if-exists", "destroy", "DHCP_Options", dhcp)


def test_every_host_boots_without_a_failed_unit(onebox: Onebox) -> None:
    for host in [onebox.central, *onebox.hosts]:
        assert host.exec("systemctl", "is-system-running").strip() == "running"


def test_every_host_is_a_chassis_of_ovn_and_offers_the_provider_network(onebox: Onebox) -> None:
    def chassis() -> dict[str, str]:
        listing = onebox.central.exec(
            "ovn-sbctl",
            "--timeout=10",
            "--bare",
            "--columns=name",
            "find",
            "Chassis",
            "other_config:ovn-bridge-mappings=physnet1\\:br-ex",
        )
        return dict.fromkeys(listing.split(), "")

    wait_until(lambda: {host.name for host in onebox.hosts} <= set(chassis()), "all chassis", seconds=80)


@pytest.mark.timeout(240)
def test_guests_on_two_hosts_get_addresses_and_reach_each_other(guests: list[Guest]) -> None:
    first, second = guests
    for guest, address in ((first, "10.77.0.11"), (second, "10.77.0.12")):
        wait_until(
            lambda g=guest, a=address: a in g.shell("ip -4 addr show eth0"),
            f"lease of {address}",
            seconds=120,
        )
    assert (
        " 0% packet loss"
        in first.shell("ping -c 1 -w 5 10.77.0.12; ping -c 5 -i 0.2 -w 5 10.77.0.12").rpartition("5 packets")[
            2
        ]
    )
    assert "mtu 1442" in first.shell("ip link show eth0")
    second.shell("dd if=/dev/zero of=/www/big bs=1M count=4")
    fetched = first.shell("printf 'GET /big HTTP/1.0\\r\\n\\r\\n' | nc 10.77.0.12 80 | wc -c")
    assert int(fetched) > 4 * 1024 * 1024


@pytest.mark.timeout(240)
def test_a_guest_takes_its_first_boot_data(guests: list[Guest]) -> None:
    guest = guests[1]
    assert guest.shell("hostname").strip() == guest.name
    assert guest.shell("cut -d: -f2 /etc/shadow").strip() == HASH
    wait_until(lambda: guest.shell("cat /www/name").strip() == guest.name, "the user-data script", seconds=40)
    size = int(guest.shell("df -m / | awk 'END { print $2 }'"))
    assert size > 200, "the root file system has grown to its disk"


@pytest.mark.timeout(240)
def test_a_power_cut_ends_everything_at_once_and_the_host_comes_back_with_its_disk(
    onebox: Onebox, guests: list[Guest]
) -> None:
    host, guest = guests[1].host, guests[1]
    host.exec("sh", "-c", "echo kept >/var/lib/scloud/note; sync")
    machine_id = host.exec("cat", "/etc/machine-id")
    host.power_cut()
    assert host.pid() is None
    assert guests[0].shell("ping -c 2 -w 2 10.77.0.12 | grep -c 'bytes from'").strip() == "0"
    onebox.switch_on(host)
    assert host.exec("cat", "/var/lib/scloud/note").strip() == "kept"
    assert host.exec("cat", "/etc/machine-id") == machine_id
    assert "shut off" in host.exec("virsh", "domstate", guest.name)
    assert "could not open" not in host.exec("ovs-vsctl", "--timeout=10", "show")
    host.exec("virsh", "start", guest.name)
    guest.wait_for_agent()
    wait_until(
        lambda: guests[0].shell("ping -c 1 -w 2 10.77.0.12 | grep -c 'bytes from'").strip() == "1",
        "the guest to answer again",
        seconds=40,
    )


def test_a_host_cannot_change_the_machines_kernel_settings(onebox: Onebox) -> None:
    host = onebox.hosts[0]
    before = host.exec("cat", "/proc/sys/kernel/pid_max")
    denied = host.exec("sh", "-c", "echo 99999 >/proc/sys/kernel/pid_max || echo refused", check=False)
    assert "refused" in denied
    assert host.exec("cat", "/proc/sys/kernel/pid_max") == before
    host.exec("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")


def test_shared_tables_are_limited_before_ovn_controller_first_starts(onebox: Onebox) -> None:
    """On a new host either may come first; where the limits fail, the rest of the host's network is not set up."""
    host = onebox.hosts[0]
    host.exec("systemctl", "stop", "ovn-controller")
    try:
        host.exec("ovs-vsctl", "clear", "Open_vSwitch", ".", "datapaths")
        host.exec("env", "SCLOUD_DATAPATH=netdev", "/usr/local/lib/scloud/limit-datapath")
        limits = host.exec("ovs-vsctl", "list-zone-limits", "netdev")
    finally:
        host.exec("systemctl", "start", "ovn-controller")
    assert limits.strip() == "Default, Limit: 65536"


def test_the_agents_packages_and_debians_bindings_are_importable_together(onebox: Onebox) -> None:
    code = "import celery, cryptography, libvirt, rbd, sys; print(sys.prefix, celery.__file__)"
    out = onebox.hosts[0].exec("/opt/scloud-agent/bin/python", "-c", code)
    assert out.startswith("/opt/scloud-agent /opt/scloud-agent/")
