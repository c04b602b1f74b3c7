from __future__ import annotations

import pytest

from apps.accounts.models import Project, User
from apps.infrastructure.models import Region
from apps.lifecycle.actor import Actor
from apps.network.models import Subnet, Vpc
from tests import factories
from tests.network.factories import make_subnet, make_vpc
from tests.no_lease_renewal import no_lease_renewal

__all__ = ["no_lease_renewal"]


@pytest.fixture
def region(db: None) -> Region:
    return factories.make_region("north")


@pytest.fixture
def vpc(project_a: Project, region: Region) -> Vpc:
    return make_vpc(project_a, region)


@pytest.fixture
def subnet(vpc: Vpc) -> Subnet:
    return make_subnet(vpc)


@pytest.fixture
def owner(alice: User) -> Actor:
    """The owner of tenant A, asking."""
    return factories.actor_for_user(alice)


@pytest.fixture
def stranger(bob: User) -> Actor:
    """The owner of tenant B, asking."""
    return factories.actor_for_user(bob)
