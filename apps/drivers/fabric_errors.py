"""What every fabric says when it refuses, so that all implementations refuse alike.

"Missing" and "in use" are not permanent: the other object may be on its way in or out in an operation of its own.
"""

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.specs import (
    ExternalPortSpec,
    PortSpec,
    ProviderNetworkSpec,
    SubnetSpec,
    TranslatedAddressSpec,
    VpcSpec,
)

ADDRESS_IN_USE = "fabric.address_in_use"


def missing_vpc(spec: SubnetSpec | TranslatedAddressSpec) -> DriverError:
    """The VPC of the subnet or address is not in the fabric."""
    return DriverError(
        _("%(id)s needs VPC %(vpc_id)s, which does not exist in the network."),
        values={"id": spec.id, "vpc_id": spec.vpc_id},
        code="fabric.vpc_missing",
        hint=_("Resync the VPC, then retry."),
    )


def missing_subnet(spec: PortSpec) -> DriverError:
    """The port's subnet is not in the fabric."""
    return DriverError(
        _("Port %(port)s needs subnet %(subnet_id)s, which does not exist in the network."),
        values={"port": spec.id, "subnet_id": spec.subnet_id},
        code="fabric.subnet_missing",
        hint=_("Resync the subnet, then retry."),
    )


def missing_ipv6(spec: PortSpec) -> DriverError:
    """The port's subnet has no IPv6 in the fabric."""
    return DriverError(
        _("Port %(port)s needs IPv6 in subnet %(subnet_id)s, which has none in the network."),
        values={"port": spec.id, "subnet_id": spec.subnet_id},
        code="fabric.ipv6_missing",
        hint=_("Resync the subnet, then retry."),
    )


def missing_group(spec: PortSpec | ExternalPortSpec, group_id: str) -> DriverError:
    """A security group of the port is not in the fabric."""
    return DriverError(
        _("Port %(port)s needs security group %(group_id)s, which does not exist in the network."),
        values={"port": spec.id, "group_id": group_id},
        code="fabric.security_group_missing",
        hint=_("Resync the security group, then retry."),
    )


def address_in_use(spec: PortSpec) -> DriverError:
    """Another port of the subnet has the address or the MAC."""
    return DriverError(
        _("%(ip)s or %(mac)s belongs to another port of subnet %(subnet_id)s."),
        values={"ip": spec.ip, "mac": spec.mac, "subnet_id": spec.subnet_id},
        code=ADDRESS_IN_USE,
        permanent=True,
        hint=_("Remove the port that uses the address, or choose another address."),
    )


def vni_in_use(spec: VpcSpec) -> DriverError:
    """Another VPC has the network identifier."""
    return DriverError(
        _("VNI %(vni)s belongs to another VPC."),
        values={"vni": spec.vni},
        code="fabric.vni_in_use",
        permanent=True,
        hint=_("Remove the VPC that uses the VNI."),
    )


def vpc_in_use(id: str) -> DriverError:
    """The VPC still has subnets."""
    return DriverError(
        _("VPC %(id)s still has subnets."),
        values={"id": id},
        code="fabric.vpc_in_use",
        hint=_("Delete the subnets first."),
    )


def subnet_in_use(id: str) -> DriverError:
    """The subnet still has ports."""
    return DriverError(
        _("Subnet %(id)s still has ports."),
        values={"id": id},
        code="fabric.subnet_in_use",
        hint=_("Detach the NICs of the subnet first."),
    )


def group_in_use(id: str) -> DriverError:
    """The security group still has ports."""
    return DriverError(
        _("Security group %(id)s is still used by ports."),
        values={"id": id},
        code="fabric.security_group_in_use",
        hint=_("Detach the security group from its NICs first."),
    )


def missing_edge(spec: ProviderNetworkSpec | ExternalPortSpec | TranslatedAddressSpec) -> DriverError:
    """The region's edge is not in the fabric."""
    return DriverError(
        _("%(id)s needs edge %(edge_id)s, which does not exist in the network."),
        values={"id": spec.id, "edge_id": spec.edge_id},
        code="fabric.edge_missing",
        hint=_("Resync an external segment of the region, then retry."),
    )


def missing_provider_network(owner: str, id: str) -> DriverError:
    """The network of an address is not in the fabric."""
    return DriverError(
        _("%(owner)s needs provider network %(id)s, which does not exist in the network."),
        values={"owner": owner, "id": id},
        code="fabric.provider_network_missing",
        hint=_("Resync the external segment, then retry."),
    )


def missing_inside_port(spec: TranslatedAddressSpec) -> DriverError:
    """No port of the VPC has the address that another is translated to."""
    return DriverError(
        _("%(ip)s is translated to %(inside_ip)s, but no port of VPC %(vpc_id)s has that address."),
        values={"ip": spec.address.ip, "inside_ip": spec.inside_ip, "vpc_id": spec.vpc_id},
        code="fabric.port_missing",
        hint=_("Resync the VM, then retry."),
    )


def external_address_in_use(owner: str, ip: str) -> DriverError:
    """Another port or translation has the external address."""
    return DriverError(
        _("%(ip)s is not free for %(owner)s: another port or translation has the address."),
        values={"ip": ip, "owner": owner},
        code=ADDRESS_IN_USE,
        hint=_("Unbind the address there first."),
    )


def mac_in_use(spec: ExternalPortSpec) -> DriverError:
    """Another external port has the MAC."""
    return DriverError(
        _("%(mac)s belongs to another external port."),
        values={"mac": spec.mac},
        code=ADDRESS_IN_USE,
        permanent=True,
        hint=_("Remove the port that uses the MAC."),
    )


def vlan_in_use(spec: ProviderNetworkSpec) -> DriverError:
    """Another provider network is on the VLAN."""
    return DriverError(
        _("VLAN %(vlan)s of %(physical_network)s belongs to another provider network."),
        values={"vlan": spec.vlan, "physical_network": spec.physical_network},
        code="fabric.vlan_in_use",
        permanent=True,
        hint=_("Remove the provider network that uses the VLAN."),
    )


def uplink_in_use(spec: TranslatedAddressSpec) -> DriverError:
    """Another VPC has the number of the link to the edge."""
    return DriverError(
        _("Uplink %(uplink)s of the edge belongs to another VPC."),
        values={"uplink": spec.uplink},
        code="fabric.uplink_in_use",
        permanent=True,
        hint=_("Remove the addresses of the VPC that uses the uplink."),
    )


def edge_in_use(id: str) -> DriverError:
    """The edge still has provider networks, external ports or uplinks of VPCs."""
    return DriverError(
        _("Edge %(id)s still has provider networks or external ports."),
        values={"id": id},
        code="fabric.edge_in_use",
        hint=_("Delete the external segments of the region first."),
    )


def provider_network_in_use(id: str) -> DriverError:
    """Addresses of the provider network are still bound."""
    return DriverError(
        _("Provider network %(id)s still has addresses in use."),
        values={"id": id},
        code="fabric.provider_network_in_use",
        hint=_("Unbind the addresses first."),
    )
