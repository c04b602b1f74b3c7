"""A real fabric that forgets what a test made: the test instance is shared and stays up."""

from collections.abc import Iterator
from contextlib import contextmanager

from apps.drivers.ovn import OvnFabric
from apps.drivers.specs import FabricKind, PortSpec, SecurityGroupSpec, SubnetSpec, VpcSpec

LEAF_TO_ROOT = (FabricKind.PORT, FabricKind.SUBNET, FabricKind.SECURITY_GROUP, FabricKind.VPC)


class TidyFabric(OvnFabric):
    """Remembers what it was asked to make."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.made: dict[FabricKind, set[str]] = {kind: set() for kind in LEAF_TO_ROOT}

    def ensure_vpc(self, spec: VpcSpec) -> None:
        self.made[FabricKind.VPC].add(spec.id)
        super().ensure_vpc(spec)

    def ensure_subnet(self, spec: SubnetSpec) -> None:
        self.made[FabricKind.SUBNET].add(spec.id)
        super().ensure_subnet(spec)

    def ensure_port(self, spec: PortSpec) -> None:
        self.made[FabricKind.PORT].add(spec.id)
        super().ensure_port(spec)

    def ensure_security_group(self, spec: SecurityGroupSpec) -> None:
        self.made[FabricKind.SECURITY_GROUP].add(spec.id)
        super().ensure_security_group(spec)

    def tidy(self) -> None:
        """Remove all of it."""
        for kind in LEAF_TO_ROOT:
            for id in self.made[kind]:
                self.ensure_absent(kind, id)


@contextmanager
def tidy_fabric(address: str) -> Iterator[TidyFabric]:
    """Connect; remove what was made in the end."""
    fabric = TidyFabric(address)
    try:
        yield fabric
    finally:
        fabric.tidy()
        fabric.close()
