"""From elastic NICs to what fabric, host and guest are told. Nothing of them depends on the VM that has them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_network

from apps.drivers.specs import (
    GATEWAY_V4,
    GATEWAY_V6,
    ExternalAddress,
    ExternalPortSpec,
    GuestAddress,
    GuestNic,
    NicAttachment,
    PortSpec,
    SeedNic,
)
from apps.network.external_specs import subnet_guest_nic
from apps.network.models import Eni, Vpc
from apps.network.platform_settings import NIC_CONNECTIONS
from apps.network.specs import EXTERNAL_MTU, port_spec


def eni_port_spec(eni: Eni) -> PortSpec | ExternalPortSpec:
    """Return its port. DHCP never hands out a default route there: the VM's default egress stays as it is."""
    nic, segment = eni.nic, eni.segment
    if segment is None:
        return port_spec(nic, generation=eni.generation, default_route=False)
    address = ExternalAddress(
        ip=eni.address,
        provider_network_id=str(segment.provider_network_id),
        routes=tuple(map(str, segment.routes)),
        mbit_in=nic.mbit_in,
        mbit_out=nic.mbit_out,
    )
    return ExternalPortSpec(
        id=str(nic.pk),
        edge_id=str(segment.edge_id),
        mac=nic.mac,
        addresses=(address,) if eni.address else (),
        default_route=False,
        security_group_ids=(str(nic.security_group_id),) if nic.security_group_id else (),
        connection_limit=NIC_CONNECTIONS.value(),
        generation=eni.generation,
    )


def eni_attachment(eni: Eni) -> NicAttachment:
    """Return a bound one for the hypervisor."""
    assert eni.slot is not None, "it is bound"
    nic = eni.nic
    if eni.is_external:
        return NicAttachment(port_id=str(nic.pk), mac=nic.mac, mtu=EXTERNAL_MTU, slot=eni.slot)
    return NicAttachment(port_id=str(nic.pk), mac=nic.mac, slot=eni.slot)


def eni_seed_nic(eni: Eni) -> SeedNic | None:
    """Return a bound one for the guest's first boot; None: DHCP has no answer for it."""
    if eni.slot is None or ":" in eni.address or not eni.address:
        return None
    return SeedNic(eni.nic.mac, eni.slot, dhcp6=eni.nic.ip6 is not None)


def eni_guest_nic(eni: Eni, home: Vpc | None) -> GuestNic:
    """Return what a guest shall have on it; `home` is the VPC of the VM that has it.

    Its address, in case the guest does not ask DHCP, and that replies from there leave there. Its VPC is reached by it
    unless the VM is in that, or in one whose addresses overlap: then only who reached its address is answered by it.
    """
    nic = eni.nic
    if nic.subnet is None:
        return GuestNic(nic.mac, _external_address(eni))
    own = subnet_guest_nic(nic)
    if home is None:
        return own
    at_home = [home.cidr, *(subnet.cidr6 for subnet in home.subnets.all() if nic.ip6 and subnet.cidr6)]
    return replace(own, addresses=tuple(_clear_of(each, at_home) for each in own.addresses))


def _clear_of(address: GuestAddress, blocks: Iterable[IPv4Network | IPv6Network]) -> GuestAddress:
    """Return an address without its routes to what overlaps the blocks."""
    networks = [ip_network(str(block)) for block in blocks]
    routes = (
        route for route in address.routes if not any(ip_network(route).overlaps(each) for each in networks)
    )
    return replace(address, routes=tuple(routes))


def _external_address(eni: Eni) -> tuple[GuestAddress, ...]:
    if eni.segment is None or not eni.address:
        return ()
    is_v6 = ":" in eni.address
    own = GuestAddress(
        address=f"{eni.address}/{128 if is_v6 else 32}",
        gateway=GATEWAY_V6 if is_v6 else GATEWAY_V4,
        routes=tuple(str(route) for route in eni.segment.routes if route.prefixlen),
    )
    return (own,)
