"""From rows to what the fabric driver is told."""

from __future__ import annotations

from collections.abc import Iterable

from apps.drivers.specs import (
    EXTERNAL_SLOT,
    INTERNAL_SLOT,
    Direction,
    EdgeSpec,
    ExternalNetwork,
    NicAttachment,
    PortSpec,
    ProviderNetworkSpec,
    RuleAction,
    RulePriority,
    RuleProtocol,
    RuleSpec,
    SecurityGroupSpec,
    SubnetSpec,
    VpcSpec,
)
from apps.network.models import (
    Edge,
    ExternalSegment,
    Nic,
    NicRole,
    Protocol,
    ProviderNetwork,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
    Vpc,
)
from apps.network.platform_settings import NIC_CONNECTIONS

#: What provider networks carry. Nothing is wrapped around it on the way.
EXTERNAL_MTU = 1500
_PROTOCOLS = {
    Protocol.ALL: RuleProtocol.ALL,
    Protocol.ALL_TCP: RuleProtocol.TCP,
    Protocol.ALL_UDP: RuleProtocol.UDP,
    Protocol.TCP: RuleProtocol.TCP,
    Protocol.UDP: RuleProtocol.UDP,
    Protocol.ICMPV4: RuleProtocol.ICMPV4,
    Protocol.ICMPV6: RuleProtocol.ICMPV6,
    Protocol.GRE: RuleProtocol.GRE,
}


def vpc_spec(vpc: Vpc) -> VpcSpec:
    """Return the VPC for the fabric."""
    return VpcSpec(id=str(vpc.pk), vni=vpc.vni, generation=vpc.generation)


def subnet_spec(subnet: Subnet) -> SubnetSpec:
    """Return the subnet for the fabric; its region gives the name servers."""
    return SubnetSpec(
        id=str(subnet.pk),
        vpc_id=str(subnet.vpc_id),
        cidr=str(subnet.cidr),
        gateway=str(subnet.gateway),
        gateway_mac=subnet.gateway_mac,
        dns=tuple(subnet.region.dns_servers) if subnet.region else (),
        generation=subnet.generation,
        cidr6=str(subnet.cidr6 or ""),
        gateway6=str(subnet.gateway6 or ""),
    )


def port_spec(nic: Nic, *, generation: int, default_route: bool = True) -> PortSpec:
    """Return the port of a NIC in a subnet; `generation` is that of its owner.

    `default_route`: unless its owner has its default egress elsewhere.
    """
    return PortSpec(
        id=str(nic.pk),
        subnet_id=str(nic.subnet_id),
        mac=nic.mac,
        ip=str(nic.ip),
        security_group_ids=(str(nic.security_group_id),) if nic.security_group_id else (),
        generation=generation,
        connection_limit=NIC_CONNECTIONS.value(),
        ip6=str(nic.ip6 or ""),
        default_route=default_route,
        mbit_in=nic.mbit_in,
        mbit_out=nic.mbit_out,
    )


def edge_spec(edge: Edge) -> EdgeSpec:
    """Return the region's edge for the fabric."""
    return EdgeSpec(id=str(edge.pk), mac=edge.mac, hosts=tuple(edge.hosts), generation=edge.generation)


def provider_network_spec(
    network: ProviderNetwork, segments: Iterable[ExternalSegment]
) -> ProviderNetworkSpec:
    """Return a provider network with the CIDRs of these segments."""
    return ProviderNetworkSpec(
        id=str(network.pk),
        edge_id=str(network.edge_id),
        physical_network=network.physical_network,
        vlan=network.vlan,
        mac=network.mac,
        networks=tuple(
            ExternalNetwork(str(each.cidr), str(each.gateway), str(each.router_address)) for each in segments
        ),
        generation=network.generation,
    )


def nic_attachment(nic: Nic) -> NicAttachment:
    """Return the NIC for the hypervisor."""
    if nic.role == NicRole.EXTERNAL:
        return NicAttachment(port_id=str(nic.pk), mac=nic.mac, mtu=EXTERNAL_MTU, slot=EXTERNAL_SLOT)
    return NicAttachment(port_id=str(nic.pk), mac=nic.mac, slot=INTERNAL_SLOT)


def security_group_spec(group: SecurityGroup) -> SecurityGroupSpec:
    """Return the group with its rules."""
    rules = tuple(_rule_spec(rule) for rule in group.rules.order_by("position"))
    return SecurityGroupSpec(id=str(group.pk), rules=rules, generation=group.generation)


def _rule_spec(rule: SecurityGroupRule) -> RuleSpec:
    return RuleSpec(
        direction=Direction(rule.direction),
        protocol=_PROTOCOLS[Protocol(rule.protocol)],
        action=RuleAction(rule.action),
        priority=RulePriority(rule.priority),
        cidr=str(rule.cidr),
        port_min=rule.port_min,
        port_max=rule.port_max,
    )
