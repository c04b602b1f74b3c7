"""What every fabric says when it refuses, so that all implementations refuse alike.

"Missing" and "in use" are not permanent: the other object may be on its way in or out in an operation of its own.
"""

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.specs import PortSpec, SubnetSpec, VpcSpec


def missing_vpc(spec: SubnetSpec) -> DriverError:
    """The subnet's VPC is not in the fabric."""
    return DriverError(
        _("Subnet %(subnet)s needs VPC %(vpc_id)s, which does not exist in the network."),
        values={"subnet": spec.id, "vpc_id": spec.vpc_id},
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


def missing_group(spec: PortSpec, group_id: str) -> DriverError:
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
        code="fabric.address_in_use",
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
