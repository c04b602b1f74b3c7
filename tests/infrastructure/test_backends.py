"""Drivers are chosen by what is driven: a storage cluster's, a host's, a region's."""

from __future__ import annotations

from typing import Any

import pytest

from apps.drivers.memory import MemoryFabric, MemoryHypervisor, MemoryVolumes, World
from apps.infrastructure import backends
from apps.infrastructure.api.regions import RegionBody
from apps.infrastructure.enrolment import remove_host
from apps.infrastructure.models import Host
from apps.lifecycle.actor import SYSTEM
from tests import factories

pytestmark = pytest.mark.django_db


class Remote:
    """Stands for a host's agent."""

    def hypervisor(self, **_: object) -> str:
        return "hypervisor by agent"

    def volumes(self, **_: object) -> str:
        return "volumes by agent"


@pytest.fixture(autouse=True)
def agents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "_process_world", World())
    monkeypatch.setattr(backends, "_remote", lambda host: Remote())


@pytest.mark.parametrize("host_driver", ["agent", "memory"])
@pytest.mark.parametrize("storage_driver", ["file", "memory"])
def test_each_thing_is_driven_by_its_own_driver(host_driver: str, storage_driver: str) -> None:
    region = factories.make_region()
    host = factories.make_host(factories.make_cluster(region), driver=host_driver)
    pool = factories.make_storage(region, driver=storage_driver)
    volumes: Any = backends.volumes(pool, None, host=host)
    assert isinstance(volumes, MemoryVolumes) is (storage_driver == "memory")
    assert (volumes == "volumes by agent") is (storage_driver == "file")
    hypervisor: Any = backends.hypervisor(host, None)
    assert isinstance(hypervisor, MemoryHypervisor) is (host_driver == "memory")
    assert (hypervisor == "hypervisor by agent") is (host_driver == "agent")
    assert isinstance(backends.fabric(region), MemoryFabric)


def test_a_new_driver_is_a_row_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    region = factories.make_region()
    pool = factories.make_storage(region, driver="new")
    new: Any = lambda cluster, run, host: f"volumes of {cluster.name}"  # noqa: E731
    monkeypatch.setitem(backends.STORAGE_DRIVERS, "new", new)
    chosen: Any = backends.volumes(pool, None)
    assert chosen == f"volumes of {pool.name}"


def test_the_api_offers_the_fabrics_there_are() -> None:
    assert set(RegionBody().fields["fabric_driver"].choices) == backends.FABRIC_DRIVERS.keys()


def test_the_default_drivers_are_in_the_tables() -> None:
    assert Host._meta.get_field("driver").default in backends.HOST_DRIVERS
    cluster = factories.make_storage(factories.make_region())
    assert type(cluster)._meta.get_field("driver").default in backends.STORAGE_DRIVERS


def test_a_host_that_was_never_enrolled_has_no_log_in_to_close(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    host = factories.make_host(factories.make_cluster(factories.make_region()))
    monkeypatch.setattr("apps.infrastructure.enrolment._close_access", pytest.fail)
    with django_capture_on_commit_callbacks(execute=True):
        remove_host(SYSTEM, host)
    assert not Host.objects.exists()
