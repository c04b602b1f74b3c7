"""From a VM's EIPs to what fabric and guest are told. `eips` are those bound to it, the one bound first first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from apps.drivers.specs import (
    GATEWAY_V4,
    GATEWAY_V6,
    ExternalAddress,
    ExternalPortSpec,
    GuestAddress,
    GuestNetwork,
    GuestNic,
    TranslatedAddressSpec,
)
from apps.network.egress import default_egress, leaves_in_guest
from apps.network.models import Edge, Eip, Nic, NicRole, Subnet, VpcUplink
from apps.network.platform_settings import NIC_CONNECTIONS

#: Of all addresses on the edge, by IP version.
GATEWAYS = {4: GATEWAY_V4, 6: GATEWAY_V6}
_WHOLE = {4: 32, 6: 128}


def in_guest(eips: Sequence[Eip]) -> list[Eip]:
    """Return those that have an address and are delivered inside the guest."""
    return [eip for eip in eips if eip.address and eip.delivery == Eip.Delivery.GUEST]


def translated(eips: Sequence[Eip]) -> list[Eip]:
    """Return those that have an address and are translated by the VPC's router."""
    return [eip for eip in eips if eip.address and eip.delivery == Eip.Delivery.TRANSLATED]


def external_port_spec(nic: Nic, edge: Edge, eips: Sequence[Eip], *, generation: int) -> ExternalPortSpec:
    """Return the port of a VM's external NIC; `generation` is that of the VM."""
    return ExternalPortSpec(
        id=str(nic.pk),
        edge_id=str(edge.pk),
        mac=nic.mac,
        addresses=tuple(external_address(eip) for eip in in_guest(eips)),
        default_route=leaves_in_guest(eips),
        security_group_ids=(str(nic.security_group_id),) if nic.security_group_id else (),
        connection_limit=NIC_CONNECTIONS.value(),
        mbit_in=nic.mbit_in,
        mbit_out=nic.mbit_out,
        generation=generation,
    )


def external_address(eip: Eip) -> ExternalAddress:
    """Return an EIP as an address of a port."""
    return ExternalAddress(
        ip=eip.address,
        provider_network_id=str(eip.segment.provider_network_id),
        routes=tuple(map(str, eip.segment.routes)),
        mbit_in=eip.mbit,
        mbit_out=eip.mbit,
    )


def translated_spec(eip: Eip, subnet: Subnet, inside_ip: str, uplink: VpcUplink) -> TranslatedAddressSpec:
    """Return an EIP that the router of the subnet's VPC translates to `inside_ip`."""
    return TranslatedAddressSpec(
        id=str(eip.pk),
        edge_id=str(uplink.edge_id),
        vpc_id=str(subnet.vpc_id),
        uplink=uplink.number,
        address=external_address(eip),
        inside_ip=inside_ip,
        generation=eip.generation,
    )


def guest_nic(nic: Nic, eips: Sequence[Eip]) -> GuestNic:
    """Return what the guest shall have on its external NIC.

    Replies leave by the edge whatever is said here. Of what the guest begins, named destinations leave from the first
    address that has a route there, and all else from the default egress.
    """
    egress = {version: default_egress(eips, version) for version in (4, 6)}
    given: set[str] = set()
    addresses = []
    for eip in in_guest(eips):
        routes = [str(route) for route in eip.segment.routes if route.prefixlen or egress[eip.version] == eip]
        addresses.append(
            GuestAddress(
                address=f"{eip.address}/{_WHOLE[eip.version]}",
                gateway=GATEWAYS[eip.version],
                routes=tuple(route for route in routes if route not in given),
            )
        )
        given.update(routes)
    return GuestNic(mac=nic.mac, addresses=tuple(addresses))


def subnet_guest_nic(nic: Nic) -> GuestNic:
    """Return what the guest shall have on a NIC in a subnet while an address of another NIC may be its default egress.

    The VPC is reached by it, and who reached its address (by one-to-one NAT, too) is answered by it.
    """
    assert nic.subnet is not None
    vpc = nic.subnet.vpc
    own = GuestAddress(f"{nic.ip}/{nic.subnet.cidr.prefixlen}", str(nic.subnet.gateway), (str(vpc.cidr),))
    if not nic.ip6 or not nic.subnet.cidr6:
        return GuestNic(nic.mac, (own,))
    others = tuple(str(subnet.cidr6) for subnet in vpc.subnets.all() if subnet.cidr6)
    length = nic.subnet.cidr6.prefixlen
    return GuestNic(nic.mac, (own, GuestAddress(f"{nic.ip6}/{length}", str(nic.subnet.gateway6), others)))


def guest_network(
    nics: Iterable[Nic], eips: Sequence[Eip], elastic: Iterable[GuestNic] = (), *, generation: int
) -> GuestNetwork:
    """Return all that the agent of a VM's guest configures; `elastic` is what it shall have on its elastic NICs.

    The external NIC is named also without addresses: what DHCP has left there is removed. The internal one is left to
    DHCP until the guest has an address elsewhere; one with an IPv6 address is not: many guests have no DHCPv6 client.
    """
    external = [*(guest_nic(nic, eips) for nic in nics if nic.role == NicRole.EXTERNAL), *elastic]
    internal = [nic for nic in nics if nic.role == NicRole.INTERNAL]
    if not any(nic.addresses for nic in external) and not any(nic.ip6 for nic in internal):
        return GuestNetwork(tuple(external), generation)
    return GuestNetwork((*map(subnet_guest_nic, internal), *external), generation)
