from __future__ import annotations

from contextlib import nullcontext

import pytest

from apps.infrastructure.models import Region
from apps.lifecycle import engine
from apps.lifecycle.actor import Actor
from apps.network.models import Subnet, Vpc
from apps.tenancy.models import Project, User
from tests import factories
from tests.network.factories import make_subnet, make_vpc


@pytest.fixture(autouse=True)
def no_keeper(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows inside a test's own transaction are invisible to the lease keeper, which would take the runs for lost."""
    monkeypatch.setattr(engine.keeper, "keeping", lambda run: nullcontext())


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
