"""Many takers at once, each with a connection of its own, at the edge of a limit."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection, transaction

from apps.accounts.models import Tenant
from apps.lifecycle.errors import QuotaExceeded
from apps.quotas.models import Quota
from apps.quotas.services import release_quota, reserve_quota
from tests.factories import make_tenant

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("AC-2")]

TAKERS = 50


def _all_at_once(jobs: list[Callable[[], bool]]) -> list[bool]:
    """Run the jobs in threads that begin together; a thread waits for one of the pool's connections if it must."""
    start = Barrier(len(jobs), timeout=20)

    def run(job: Callable[[], bool]) -> bool:
        start.wait()
        try:
            return job()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


def _taking(tenant: Tenant, **amounts: int) -> Callable[[], bool]:
    def job() -> bool:
        try:
            with transaction.atomic():
                reserve_quota(tenant.pk, amounts)
        except QuotaExceeded:
            return False
        return True

    return job


def _used(tenant: Tenant, metric: str) -> int:
    return Quota.objects.get(tenant=tenant, metric=metric).used


def test_fifty_takers_at_the_edge_get_exactly_what_is_left() -> None:
    tenant = make_tenant(vm=20, vcpu=1000)
    taken = _all_at_once([_taking(tenant, vm=1, vcpu=2) for _ in range(TAKERS)])
    assert sum(taken) == 20
    assert (_used(tenant, "vm"), _used(tenant, "vcpu")) == (20, 40)


def test_takers_of_several_metrics_in_any_order_do_not_lock_each_other_out() -> None:
    tenant = make_tenant(vm=30, disk=30)
    jobs = [_taking(tenant, **dict(pair)) for pair in (({"vm": 1, "disk": 1}), ({"disk": 1, "vm": 1})) * 25]
    assert sum(_all_at_once(jobs)) == 30


def test_takers_and_givers_at_once_end_where_the_sum_says() -> None:
    tenant = make_tenant(vm=100)
    with transaction.atomic():
        reserve_quota(tenant.pk, {"vm": 25})

    def giving() -> bool:
        with transaction.atomic():
            release_quota(tenant.pk, {"vm": 1})
        return True

    assert all(_all_at_once([_taking(tenant, vm=1), giving] * 25))
    assert _used(tenant, "vm") == 25


def test_takers_of_a_metric_without_a_row_share_one_new_row() -> None:
    tenant = make_tenant()
    Quota.objects.filter(tenant=tenant, metric="image").delete()
    assert all(_all_at_once([_taking(tenant, image=1) for _ in range(20)]))
    assert _used(tenant, "image") == 20


def test_a_taker_that_is_rolled_back_has_taken_nothing() -> None:
    tenant = make_tenant(vm=1)
    with pytest.raises(RuntimeError), transaction.atomic():
        reserve_quota(tenant.pk, {"vm": 1})
        raise RuntimeError("placement failed")
    assert _taking(tenant, vm=1)()
