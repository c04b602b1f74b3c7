"""The pretend region of the compute tests, and VMs that settle at once."""

from tests.compute.conftest import cloud, owner, subnet, world
from tests.no_lease_renewal import no_lease_renewal

__all__ = ["cloud", "no_lease_renewal", "owner", "subnet", "world"]
