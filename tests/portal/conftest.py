"""The pretend region of the compute tests, and VMs that settle at once."""

from tests.compute.conftest import cloud, owner, subnet, world
from tests.keeper import no_keeper

__all__ = ["cloud", "no_keeper", "owner", "subnet", "world"]
