"""A real fabric that forgets what a test made: the test instance is shared and stays up."""

from collections.abc import Iterator
from contextlib import contextmanager

from apps.drivers.ovn.fabric import OvnFabric
from apps.drivers.specs import (
    EdgeSpec,
    ExternalPortSpec,
    FabricSpec,
    PortSpec,
    ProviderNetworkSpec,
    SecurityGroupSpec,
    SubnetSpec,
    TranslatedAddressSpec,
    VpcSpec,
)

LEAF_TO_ROOT = (
    TranslatedAddressSpec,
    ExternalPortSpec,
    ProviderNetworkSpec,
    EdgeSpec,
    PortSpec,
    SubnetSpec,
    SecurityGroupSpec,
    VpcSpec,
)


class TidyFabric(OvnFabric):
    """Remembers what it was asked to make."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.made: dict[type[FabricSpec], set[str]] = {kind: set() for kind in LEAF_TO_ROOT}

    def ensure(self, spec: FabricSpec) -> None:
        self.made[type(spec)].add(spec.id)
        super().ensure(spec)

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
