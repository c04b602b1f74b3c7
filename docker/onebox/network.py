"""The instance's networks: three bridges in a namespace of their own, and one veth pair into the machine.

management  hosts, OVN databases, Redis, VNC; the machine itself is address .1 through ``scloud<slot>``
underlay    the hosts' Geneve tunnels
provider    the physical network "physnet1" that external networks and their VLANs live on
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from onebox import machine_firewall, mounts
from onebox.instance import Instance
from onebox.shell import run

BRIDGES = ("management", "underlay", "provider")
HOST_NICS = {"management": "mgmt0", "underlay": "ul0", "provider": "ex0"}


def up(instance: Instance) -> None:
    """Make the namespace, its bridges and the machine's management address; safe to repeat."""
    ns = instance.namespace
    place = Path("/run/netns", ns)
    if not mounts.is_mounted(place):
        place.unlink(missing_ok=True)  # the empty file that an interrupted ``ip netns add`` leaves
        run(["ip", "netns", "add", ns])
    # The bridges only pass frames on: the namespace itself is to have no address that anybody on them could reach.
    run(
        ["ip", "netns", "exec", ns, "sysctl", "-q", "-w", "net.ipv6.conf.default.disable_ipv6=1"], check=False
    )
    run(["ip", "-n", ns, "link", "set", "lo", "up"])
    for bridge in BRIDGES:
        if not _exists(bridge, ns):
            run(["ip", "-n", ns, "link", "add", bridge, "type", "bridge", "mcast_snooping", "0"])
        run(["ip", "-n", ns, "link", "set", bridge, "up"])
    if not _exists(instance.veth) or not _exists("control", ns):
        run(["ip", "link", "del", instance.veth], check=False)
        run(["ip", "link", "add", instance.veth, "type", "veth", "peer", "name", "control", "netns", ns])
        run(["ethtool", "-K", instance.veth, "tx", "off"], check=False)
    run(["ip", "-n", ns, "link", "set", "control", "master", "management", "up"])
    machine_firewall.load(instance)
    machine_firewall.harden(instance)
    run(["ip", "addr", "replace", f"{instance.control_ip}/24", "dev", instance.veth])
    run(["ip", "link", "set", instance.veth, "up"])


def plug(instance: Instance, number: int, pid: int, nics: Mapping[str, str] = HOST_NICS) -> None:
    """Give the namespace of process ``pid`` its NICs (by bridge), each the other end of a port on that bridge."""
    unplug(instance, number, nics)
    ns = instance.namespace
    for bridge, nic in nics.items():
        port = f"h{number}-{nic}"
        run(["ip", "-n", ns, "link", "add", port, "type", "veth", "peer", "name", nic, "netns", str(pid)])
        # The user-space datapath reads packets without their offload header: checksums must be real.
        run(["ip", "netns", "exec", ns, "ethtool", "-K", port, "tx", "off"], check=False)
        run(["ip", "-n", ns, "link", "set", port, "master", bridge, "up"])


def unplug(instance: Instance, number: int, nics: Mapping[str, str] = HOST_NICS) -> None:
    """Pull a host's cables; safe when they are gone already."""
    for nic in nics.values():
        run(["ip", "-n", instance.namespace, "link", "del", f"h{number}-{nic}"], check=False)


def down(instance: Instance) -> None:
    """Remove everything ``up`` made."""
    run(["ip", "link", "del", instance.veth], check=False)
    machine_firewall.remove(instance)
    if Path("/run/netns", instance.namespace).exists():
        run(["ip", "netns", "del", instance.namespace], check=False)
        Path("/run/netns", instance.namespace).unlink(missing_ok=True)


def _exists(link: str, namespace: str | None = None) -> bool:
    where = ["-n", namespace] if namespace else []
    return run(["ip", *where, "link", "show", link], check=False).returncode == 0
