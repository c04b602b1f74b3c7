"""What every fabric says when it refuses, so that all implementations refuse alike.

"Missing" and "in use" are not permanent: the other object may be on its way in or out in an operation of its own.
"""

from apps.drivers.errors import DriverError
from apps.drivers.specs import PortSpec, SubnetSpec, VpcSpec


def missing_vpc(spec: SubnetSpec) -> DriverError:
    """The subnet's VPC is not in the fabric."""
    return DriverError(
        f"Subnet {spec.id} needs VPC {spec.vpc_id}, which the network does not have.",
        code="fabric.vpc_missing",
        hint="Resync the VPC, then retry.",
    )


def missing_subnet(spec: PortSpec) -> DriverError:
    """The port's subnet is not in the fabric."""
    return DriverError(
        f"Port {spec.id} needs subnet {spec.subnet_id}, which the network does not have.",
        code="fabric.subnet_missing",
        hint="Resync the subnet, then retry.",
    )


def missing_group(spec: PortSpec, group_id: str) -> DriverError:
    """A security group of the port is not in the fabric."""
    return DriverError(
        f"Port {spec.id} needs security group {group_id}, which the network does not have.",
        code="fabric.security_group_missing",
        hint="Resync the security group, then retry.",
    )


def address_in_use(spec: PortSpec) -> DriverError:
    """Another port of the subnet has the address or the MAC."""
    return DriverError(
        f"{spec.ip} or {spec.mac} belongs to another port of subnet {spec.subnet_id}.",
        code="fabric.address_in_use",
        permanent=True,
        hint="Remove the port that holds the address, or choose another address.",
    )


def vni_in_use(spec: VpcSpec) -> DriverError:
    """Another VPC has the network identifier."""
    return DriverError(
        f"Network identifier {spec.vni} belongs to another VPC.",
        code="fabric.vni_in_use",
        permanent=True,
        hint="Remove the VPC that holds the identifier.",
    )


def vpc_in_use(id: str) -> DriverError:
    """The VPC still has subnets."""
    return DriverError(
        f"VPC {id} still has subnets.", code="fabric.vpc_in_use", hint="Remove its subnets first."
    )


def subnet_in_use(id: str) -> DriverError:
    """The subnet still has ports."""
    return DriverError(
        f"Subnet {id} still has ports.", code="fabric.subnet_in_use", hint="Remove its ports first."
    )


def group_in_use(id: str) -> DriverError:
    """The security group still has ports."""
    return DriverError(
        f"Security group {id} is still bound to ports.",
        code="fabric.security_group_in_use",
        hint="Unbind it from its ports first.",
    )
