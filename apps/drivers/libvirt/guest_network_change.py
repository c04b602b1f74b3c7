"""Configuring a network in one guest by its agent, and what the guest says that it has of it."""

from typing import Any

from apps.drivers.guest_network import lines_of
from apps.drivers.libvirt import domains, guest_exec
from apps.drivers.libvirt.guest_network_text import SCRIPT
from apps.drivers.specs import GuestNetwork, GuestNetworkState
from apps.drivers.specs import GuestNetworkReason as Reason

NO_TOOLS, NO_NIC = 10, 11
"""What the script ends with."""


def configure(domain: Any, network: GuestNetwork) -> GuestNetworkState:
    """Have the agent of a guest configure a network; return how it is then."""
    if not domain.isActive():
        return GuestNetworkState(applied=False, reason=Reason.OFF)
    if domains.is_paused(domain):
        return GuestNetworkState(applied=False, reason=Reason.PAUSED)
    if not domains.guest_agent_connected(domain):
        return GuestNetworkState(applied=False, reason=Reason.NO_AGENT)
    ended = guest_exec.run(domain, SCRIPT, "".join(f"{line}\n" for line in lines_of(network)))
    if ended.reason:
        return GuestNetworkState(applied=False, reason=ended.reason)
    if ended.status == 0:
        return GuestNetworkState(applied=True)
    reason = {NO_TOOLS: Reason.NO_TOOLS, NO_NIC: Reason.NO_NIC}.get(ended.status, Reason.FAILED)
    return GuestNetworkState(applied=False, reason=reason, detail=ended.said)


def missing_addresses(network: GuestNetwork, answer: object) -> set[str]:
    """Return the addresses that a guest shall have, and by its own word has not."""
    found = {
        address.get("ip-address")
        for interface in (answer if isinstance(answer, list) else [])
        if isinstance(interface, dict) and isinstance(interface.get("ip-addresses"), list)
        for address in interface["ip-addresses"]
        if isinstance(address, dict) and isinstance(address.get("ip-address"), str)
    }
    wanted = {address.address.partition("/")[0] for nic in network.nics for address in nic.addresses}
    return wanted - {word for word in found if word}
