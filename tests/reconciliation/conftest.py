"""A pretend region with a network and one VM, all of it at rest for a while."""

from __future__ import annotations

import pytest
from django.db import transaction

from apps.accounts.models import Tenant, User
from apps.compute.models import Vm
from apps.lifecycle.actor import Actor
from apps.network.models import Subnet
from apps.quotas.services import reserve_quota
from tests import factories
from tests.compute.conftest import cloud, owner, world
from tests.compute.factories import Cloud, make_vm
from tests.no_lease_renewal import no_lease_renewal
from tests.reconciliation.drift import later

__all__ = ["cloud", "no_lease_renewal", "owner", "world"]


@pytest.fixture
def subnet(cloud: Cloud, tenant_a: Tenant) -> Subnet:
    with transaction.atomic():
        reserve_quota(tenant_a.pk, {"vpc": 1, "subnet": 1})
    return cloud.network(tenant_a)


@pytest.fixture
def vm(cloud: Cloud, subnet: Subnet, owner: Actor) -> Vm:
    """A running VM that nobody has touched for some minutes."""
    made = make_vm(owner, cloud, subnet)
    later()
    return Vm.objects.select_related("host").get(pk=made.pk)


@pytest.fixture
def admin(ada: User) -> Actor:
    return factories.actor_for_user(ada)
