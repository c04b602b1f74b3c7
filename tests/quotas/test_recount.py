"""Recounting: what is counted as used against what exists."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from apps.quotas import recount as recounting
from apps.quotas.models import Quota
from apps.quotas.recount import Difference, count_with, recount
from apps.quotas.services import take
from apps.tenancy.models import Tenant

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("AC-2")]


@pytest.fixture(autouse=True)
def only_counts_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recounting, "_counts", [])


def test_nothing_differs_where_use_matches_what_exists(tenant_a: Tenant) -> None:
    take(tenant_a.pk, {"vm": 2, "vcpu": 4})
    count_with(lambda tenant_id: {"vm": 2, "vcpu": 4})
    assert recount(tenant_a) == []


def test_a_leak_is_named_and_left_alone_until_mending_is_asked_for(tenant_a: Tenant) -> None:
    take(tenant_a.pk, {"vm": 3, "disk": 1})
    count_with(lambda tenant_id: {"vm": 1})
    assert recount(tenant_a) == [Difference("vm", used=3, exists=1)]
    assert Quota.objects.get(tenant=tenant_a, metric="vm").used == 3
    recount(tenant_a, mend=True)
    assert Quota.objects.get(tenant=tenant_a, metric="vm").used == 1
    assert Quota.objects.get(tenant=tenant_a, metric="disk").used == 1, "no kind counts disks here"


def test_kinds_that_use_the_same_metric_are_added_up(tenant_a: Tenant, tenant_b: Tenant) -> None:
    def volumes(tenant_id: int) -> Mapping[str, int]:
        return {"disk_gib": 40 if tenant_id == tenant_a.pk else 0}

    count_with(volumes)
    count_with(lambda tenant_id: {"disk_gib": 2})
    take(tenant_a.pk, {"disk_gib": 42})
    assert recount(tenant_a) == []
    assert recount(tenant_b) == [Difference("disk_gib", used=0, exists=2)]
