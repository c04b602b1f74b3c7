"""The pretend region of compute's tests, for disks."""

from __future__ import annotations

import pytest

from apps.accounts.models import Tenant
from apps.compute.models import Vm
from apps.lifecycle.actor import Actor
from apps.network.models import Subnet
from apps.storage.models import Disk
from tests.compute.conftest import cloud, no_lease_renewal, owner, subnet, world
from tests.compute.factories import Cloud, make_vm
from tests.storage.factories import make_disk

__all__ = ["cloud", "no_lease_renewal", "owner", "subnet", "world"]


@pytest.fixture
def tenant(tenant_a: Tenant) -> Tenant:
    return tenant_a


@pytest.fixture
def vm(owner: Actor, cloud: Cloud, subnet: Subnet) -> Vm:
    return make_vm(owner, cloud, subnet)


@pytest.fixture
def disk(owner: Actor, cloud: Cloud) -> Disk:
    return make_disk(owner, cloud)
