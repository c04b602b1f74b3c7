"""The pretend region of the compute tests, and VMs that settle at once."""

from tests.compute.conftest import cloud, no_keeper, owner, subnet, world

__all__ = ["cloud", "no_keeper", "owner", "subnet", "world"]
