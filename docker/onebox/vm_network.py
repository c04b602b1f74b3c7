"""A place in a VM's subnet for a program of this machine, as long as the program runs: ``onebox ssh`` needs one.

It is one more port of the subnet in OVN, bound to a host's network namespace, with an address that no VM has. So the
VM's security group decides whether it gets through, as for any other machine of the VPC. The product does not know it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from onebox import hosts
from onebox.hosts import Host
from onebox.instance import Instance
from onebox.shell import OneboxError, wait_until

MTU = "1442"
OURS = "external_ids:onebox=visitor"
SECONDS = 20


@dataclass(frozen=True)
class Place:
    """A subnet (its logical switch is named after its ID), and an address in it that no VM has."""

    subnet: str
    address: str
    prefix: int

    @property
    def mac(self) -> str:
        """Never one of the product's: those start with 02."""
        return "06:00:" + ":".join(f"{byte:02x}" for byte in IPv4Address(self.address).packed)


@contextmanager
def visitor(instance: Instance, place: Place) -> Iterator[list[str]]:
    """Yield the start of a command line that runs the rest in the subnet. Everything is removed afterwards."""
    host = next((host for host in hosts.compute(instance) if host.pid() is not None), None)
    if host is None:
        raise OneboxError("no host is running; start the instance: python3 docker/onebox up")
    central, name = hosts.central(instance), f"visit{os.getpid()}"
    remove_left_behind(central)
    try:
        _make_port(central, name, place)
        _make_namespace(host, name, place)
        yield ["nsenter", f"--net=/proc/{host.pid()}/root/run/netns/{name}", "--"]
    finally:
        host.exec("ovs-vsctl", "--timeout=10", "--if-exists", "del-port", "br-int", _outer(name), check=False)
        host.exec("ip", "netns", "del", name, check=False)
        _nbctl(central, "--if-exists", "lsp-del", name)


def remove_left_behind(central: Host) -> None:
    """Remove ports of visitors that were killed: a subnet with one cannot be deleted."""
    for name in _nbctl(central, "--bare", "--columns=name", "find", "Logical_Switch_Port", OURS).split():
        if not Path("/proc", name.removeprefix("visit")).exists():
            _nbctl(central, "--if-exists", "lsp-del", name)


def others(instance: Instance) -> set[str]:
    """Return the addresses that visitors have now."""
    found = _nbctl(
        hosts.central(instance), "--bare", "--columns=addresses", "find", "Logical_Switch_Port", OURS
    )
    return {word for word in found.split() if ":" not in word}


def free_address(network: IPv4Network, taken: set[str]) -> str:
    """Return the highest free address, which VMs get last; raises OneboxError when there is none."""
    last = int(network.broadcast_address) - 1
    for number in range(last, int(network.network_address) + 1, -1):
        if str(IPv4Address(number)) not in taken:
            return str(IPv4Address(number))
    raise OneboxError(f"subnet {network} has no free address")


def _make_port(central: Host, name: str, place: Place) -> None:
    _nbctl(
        central,
        *("lsp-add", place.subnet, name),
        *("--", "lsp-set-addresses", name, f"{place.mac} {place.address}"),
        *("--", "set", "Logical_Switch_Port", name, OURS),
    )


def _make_namespace(host: Host, name: str, place: Place) -> None:
    inside = ("ip", "-n", name)
    bind = ("--", "set", "interface", _outer(name), f"external_ids:iface-id={name}")
    commands = (
        ("ip", "netns", "add", name),
        ("ip", "link", "add", _outer(name), "type", "veth", "peer", "name", "eth0", "netns", name),
        # The user-space datapath reads packets without their offload header: checksums must be real.
        ("ip", "netns", "exec", name, "ethtool", "-K", "eth0", "tx", "off"),
        (*inside, "link", "set", "eth0", "address", place.mac, "mtu", MTU, "up"),
        (*inside, "addr", "add", f"{place.address}/{place.prefix}", "dev", "eth0"),
        ("ip", "link", "set", _outer(name), "up"),
        ("ovs-vsctl", "--timeout=10", "add-port", "br-int", _outer(name), *bind),
    )
    for command in commands:
        host.exec(*command)
    wait_until(lambda: _is_connected(host, name), "a port in the VM's subnet", seconds=SECONDS)


def _is_connected(host: Host, name: str) -> bool:
    known = ("--if-exists", "get", "interface", _outer(name), "external_ids:ovn-installed")
    return "true" in host.exec("ovs-vsctl", "--timeout=10", *known, check=False)


def _outer(name: str) -> str:
    return f"v{name}"


def _nbctl(central: Host, *args: str) -> str:
    return central.exec("ovn-nbctl", "--timeout=10", *args)
