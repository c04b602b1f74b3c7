"""A pretend region for every test that asks for one."""

from __future__ import annotations

import pytest

from apps.accounts.models import Tenant, User
from apps.drivers.memory import World
from apps.infrastructure import backends
from apps.lifecycle.actor import Actor
from apps.network.models import Subnet
from tests import factories
from tests.compute.factories import Cloud, make_cloud
from tests.no_lease_renewal import no_lease_renewal

__all__ = ["no_lease_renewal"]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    fresh = World()
    monkeypatch.setattr(backends, "_process_world", fresh)
    return fresh


@pytest.fixture
def cloud(world: World, db: None) -> Cloud:
    return make_cloud(world)


@pytest.fixture
def subnet(cloud: Cloud, tenant_a: Tenant) -> Subnet:
    return cloud.network(tenant_a)


@pytest.fixture
def owner(alice: User) -> Actor:
    return factories.actor_for_user(alice)
