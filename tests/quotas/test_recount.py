"""Recounting: what is counted as used against what exists."""

from __future__ import annotations

import pytest

from apps.accounts.models import Tenant, User
from apps.quotas import metrics as counted
from apps.quotas.metrics import count_with, existing, metrics
from apps.quotas.models import Quota
from apps.quotas.recount import Difference, recount
from apps.quotas.services import reserve_quota
from apps.tenancy.services.tenants import create_tenant
from tests import factories

only_its_own = pytest.mark.usefixtures("only_counts_of_the_test")
pytestmark = [pytest.mark.django_db, pytest.mark.requirement("AC-2")]


@pytest.fixture
def only_counts_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counted, "_counts", {})


def test_every_metric_is_counted_by_some_kind(tenant_a: Tenant) -> None:
    assert set(existing(tenant_a.pk)) == set(metrics())


def test_what_a_new_tenant_gets_is_counted_as_it_exists(ada: User) -> None:
    factories.make_region()
    tenant, _owner, _password = create_tenant(factories.actor_for_user(ada), "acme", "anna")
    assert Quota.objects.get(tenant=tenant, metric="vpc").used == 1
    assert recount(tenant) == []


@only_its_own
def test_nothing_differs_where_use_matches_what_exists(tenant_a: Tenant) -> None:
    reserve_quota(tenant_a.pk, {"vm": 2, "vcpu": 4})
    count_with("vm", lambda tenant_id: 2)
    count_with("vcpu", lambda tenant_id: 4)
    assert recount(tenant_a) == []


@only_its_own
def test_a_leak_is_named_and_left_alone_until_mending_is_asked_for(tenant_a: Tenant) -> None:
    reserve_quota(tenant_a.pk, {"vm": 3, "disk": 1})
    count_with("vm", lambda tenant_id: 1)
    assert recount(tenant_a) == [Difference("vm", used=3, exists=1)]
    assert Quota.objects.get(tenant=tenant_a, metric="vm").used == 3
    recount(tenant_a, repair=True)
    assert Quota.objects.get(tenant=tenant_a, metric="vm").used == 1
    assert Quota.objects.get(tenant=tenant_a, metric="disk").used == 1, "no kind counts disks here"


@only_its_own
def test_kinds_that_use_the_same_metric_are_added_up(tenant_a: Tenant, tenant_b: Tenant) -> None:
    count_with("disk_gib", lambda tenant_id: 40 if tenant_id == tenant_a.pk else 0)
    count_with("disk_gib", lambda tenant_id: 2)
    reserve_quota(tenant_a.pk, {"disk_gib": 42})
    assert recount(tenant_a) == []
    assert recount(tenant_b) == [Difference("disk_gib", used=0, exists=2)]
