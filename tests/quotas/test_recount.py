"""Recounting: what is counted as used against what exists."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from apps.quotas import recount as recounting
from apps.quotas.metrics import METRICS
from apps.quotas.models import Quota
from apps.quotas.recount import Difference, count_with, recount
from apps.quotas.services import take
from apps.tenancy.models import Tenant, User
from apps.tenancy.services.tenants import create_tenant
from tests import factories

only_its_own = pytest.mark.usefixtures("only_counts_of_the_test")
pytestmark = [pytest.mark.django_db, pytest.mark.requirement("AC-2")]


@pytest.fixture
def only_counts_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recounting, "_counts", [])


def test_every_metric_is_counted_by_some_kind(tenant_a: Tenant) -> None:
    counted = {metric for count in recounting._counts for metric in count(tenant_a.pk)}
    assert counted == {metric.name for metric in METRICS}


def test_what_a_new_tenant_gets_is_counted_as_it_exists(ada: User) -> None:
    factories.make_region()
    tenant, _owner, _password = create_tenant(factories.actor_for_user(ada), "acme", "anna")
    assert Quota.objects.get(tenant=tenant, metric="vpc").used == 1
    assert recount(tenant) == []


@only_its_own
def test_nothing_differs_where_use_matches_what_exists(tenant_a: Tenant) -> None:
    take(tenant_a.pk, {"vm": 2, "vcpu": 4})
    count_with(lambda tenant_id: {"vm": 2, "vcpu": 4})
    assert recount(tenant_a) == []


@only_its_own
def test_a_leak_is_named_and_left_alone_until_mending_is_asked_for(tenant_a: Tenant) -> None:
    take(tenant_a.pk, {"vm": 3, "disk": 1})
    count_with(lambda tenant_id: {"vm": 1})
    assert recount(tenant_a) == [Difference("vm", used=3, exists=1)]
    assert Quota.objects.get(tenant=tenant_a, metric="vm").used == 3
    recount(tenant_a, mend=True)
    assert Quota.objects.get(tenant=tenant_a, metric="vm").used == 1
    assert Quota.objects.get(tenant=tenant_a, metric="disk").used == 1, "no kind counts disks here"


@only_its_own
def test_kinds_that_use_the_same_metric_are_added_up(tenant_a: Tenant, tenant_b: Tenant) -> None:
    def volumes(tenant_id: int) -> Mapping[str, int]:
        return {"disk_gib": 40 if tenant_id == tenant_a.pk else 0}

    count_with(volumes)
    count_with(lambda tenant_id: {"disk_gib": 2})
    take(tenant_a.pk, {"disk_gib": 42})
    assert recount(tenant_a) == []
    assert recount(tenant_b) == [Difference("disk_gib", used=0, exists=2)]
