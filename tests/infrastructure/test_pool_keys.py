"""Hosts get the keys of Ceph pools by themselves, and again whenever they may have lost them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.secrets import seal
from apps.drivers.errors import DriverError
from apps.drivers.specs import PoolKey
from apps.infrastructure import backends
from apps.infrastructure.models import GivenPoolKey, Host, StorageCluster
from apps.infrastructure.pool_keys import give_pool_keys
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("CL-2")]


class Hosts:
    """What the hosts were given, and which of them refuse."""

    def __init__(self) -> None:
        self.given: list[tuple[str, PoolKey]] = []
        self.taken: list[tuple[str, str]] = []
        self.failing: set[str] = set()

    def hypervisor(self, host: Host, run: object) -> Any:
        return _Keys(self, host.name)


class _Keys:
    def __init__(self, hosts: Hosts, name: str) -> None:
        self._hosts, self._name = hosts, name

    def ensure_pool_key(self, key: PoolKey) -> None:
        if self._name in self._hosts.failing:
            raise DriverError("no", code="host.unreachable")
        self._hosts.given.append((self._name, key))

    def ensure_pool_key_absent(self, pool_id: str) -> None:
        if self._name in self._hosts.failing:
            raise DriverError("no", code="host.unreachable")
        self._hosts.taken.append((self._name, pool_id))


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> Hosts:
    made = Hosts()
    monkeypatch.setattr(backends, "hypervisor", made.hypervisor)
    return made


@pytest.fixture
def pool() -> StorageCluster:
    region = factories.make_region()
    cluster = factories.make_cluster(region)
    for name in ("one", "two"):
        factories.make_host(cluster, name)
    return factories.make_storage(
        region, driver="rbd", path="volumes", pool_user="scloud", sealed_key=seal("secret")
    )


def test_each_host_of_the_region_is_given_the_key_once(hosts: Hosts, pool: StorageCluster) -> None:
    factories.make_host(factories.make_cluster(factories.make_region()), "elsewhere")
    assert (give_pool_keys(), give_pool_keys()) == (2, 0)
    key = PoolKey(str(pool.pk), "scloud", "secret")
    assert sorted(hosts.given, key=lambda given: given[0]) == [("one", key), ("two", key)]


@pytest.mark.parametrize(
    "change",
    [{"boot_id": "another"}, {"sealed_key": "enrolled again"}],
    ids=["a host that was off", "a host that was enrolled again"],
)
def test_a_host_that_may_have_lost_it_is_given_it_again(
    hosts: Hosts, pool: StorageCluster, change: dict[str, str]
) -> None:
    give_pool_keys()
    hosts.given.clear()
    Host.objects.filter(name="one").update(**change)
    assert give_pool_keys() == 1
    assert [name for name, _ in hosts.given] == ["one"]


def test_a_replaced_key_is_given_to_all(hosts: Hosts, pool: StorageCluster) -> None:
    give_pool_keys()
    StorageCluster.objects.update(sealed_key=seal("new"))
    hosts.given.clear()
    assert give_pool_keys() == 2
    assert {key.key for _, key in hosts.given} == {"new"}


def test_a_host_that_does_not_answer_gets_it_later_and_delays_no_other(
    hosts: Hosts, pool: StorageCluster
) -> None:
    hosts.failing = {"one"}
    factories.make_host(Host.objects.earliest("pk").cluster, "silent")
    Host.objects.filter(name="silent").update(last_report_at=timezone.now() - timedelta(minutes=1))
    assert give_pool_keys() == 1
    hosts.failing.clear()
    assert give_pool_keys() == 1
    assert sorted(name for name, _ in hosts.given) == ["one", "two"]


def test_the_key_of_a_removed_pool_is_taken_from_hosts(hosts: Hosts, pool: StorageCluster) -> None:
    give_pool_keys()
    id = str(pool.pk)
    pool.delete()
    hosts.failing = {"one"}
    give_pool_keys()
    assert hosts.taken == [("two", id)]
    hosts.failing.clear()
    give_pool_keys()
    assert hosts.taken == [("two", id), ("one", id)]
    assert not GivenPoolKey.objects.exists()


def test_nothing_of_the_key_is_kept_beside_it(hosts: Hosts, pool: StorageCluster) -> None:
    give_pool_keys()
    assert "secret" not in str(GivenPoolKey.objects.values())
    assert "secret" not in repr(hosts.given)
