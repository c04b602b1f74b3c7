from __future__ import annotations

import pytest

from apps.accounts.models import Project, User
from apps.drivers.memory import World
from apps.infrastructure import backends
from apps.infrastructure.models import Host, Region
from apps.lifecycle.actor import Actor
from apps.network import carriers
from apps.network.models import ExternalSegment, Subnet, Vpc
from tests import factories
from tests.network.external import apply_carrier, carriers_of, make_segment
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


@pytest.fixture
def host(region: Region, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host that can look whether an address is free, in a world of its own."""
    monkeypatch.setattr(backends, "_process_world", World())
    return factories.make_host(factories.make_cluster(region), "host-1")


@pytest.fixture
def segment(region: Region, host: Host) -> ExternalSegment:
    """203.0.113.0/24 with a default route, open to all tenants."""
    return make_segment(region)


@pytest.fixture
def carrier_kind(monkeypatch: pytest.MonkeyPatch) -> carriers.Carrier:
    """A kind that carries EIPs: up to three IPv4 addresses and one IPv6 address each."""
    kind = carriers.Carrier("carrier", carriers_of, most={4: 3, 6: 1}, egress=True)
    monkeypatch.setattr(carriers.CARRIERS, "_fillings", [kind])
    monkeypatch.setitem(carriers._appliers, "carrier", carriers.Applier(apply_carrier))
    return kind
