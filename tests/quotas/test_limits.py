"""Limits: read by the tenant, set by admins, explained when they are reached."""

from __future__ import annotations

import pytest
from django.db import transaction

from apps.accounts.models import Tenant, User
from apps.audit.models import AuditEntry
from apps.lifecycle.errors import Forbidden, Invalid, NotFound, QuotaExceeded
from apps.quotas.metrics import metrics
from apps.quotas.models import Quota
from apps.quotas.selectors import Use, uses_of
from apps.quotas.services import release_quota, reserve_quota, set_limits
from tests.factories import actor_for_user, make_tenant

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("AC-2")]


def _use(user: User, tenant: Tenant, metric: str) -> Use:
    return next(use for use in uses_of(actor_for_user(user), tenant) if use.metric.name == metric)


def test_a_tenant_sees_its_own_limits_and_use_only(alice: User, bob: User, tenant_a: Tenant) -> None:
    reserve_quota(tenant_a.pk, {"vm": 2})
    assert (_use(alice, tenant_a, "vm").used, len(uses_of(actor_for_user(alice), tenant_a))) == (
        2,
        len(metrics()),
    )
    with pytest.raises(NotFound):
        uses_of(actor_for_user(bob), tenant_a)


def test_a_limit_below_what_is_used_is_taken_and_shown_as_over(ada: User, tenant_a: Tenant) -> None:
    reserve_quota(tenant_a.pk, {"vm": 5})
    set_limits(actor_for_user(ada), tenant_a, {"vm": 3})
    use = _use(ada, tenant_a, "vm")
    assert use.over and (use.left, use.percent) == (0, 100)
    with pytest.raises(QuotaExceeded):
        reserve_quota(tenant_a.pk, {"vm": 1})
    release_quota(tenant_a.pk, {"vm": 3})
    reserve_quota(tenant_a.pk, {"vm": 1})


def test_only_admins_set_limits(alice: User, tenant_a: Tenant) -> None:
    with pytest.raises(Forbidden):
        set_limits(actor_for_user(alice), tenant_a, {"vm": 1000})


def test_setting_limits_is_in_the_tenants_log_with_old_and_new(ada: User, tenant_a: Tenant) -> None:
    set_limits(actor_for_user(ada), tenant_a, {"vm": 7, "disk": 100})
    entry = AuditEntry.objects.get(verb="tenant.set_quotas")
    assert (entry.tenant, entry.args) == (tenant_a, {"vm": {"from": 50, "to": 7}})


@pytest.mark.parametrize("limits", [{"vm": -1}, {"vm": 2**31}, {"unicorn": 1}])
def test_a_limit_that_makes_no_sense_is_refused_by_name(
    ada: User, tenant_a: Tenant, limits: dict[str, int]
) -> None:
    with pytest.raises(Invalid) as refused:
        set_limits(actor_for_user(ada), tenant_a, {**limits, "disk": 5})
    assert list(refused.value.fields) == list(limits)
    assert Quota.objects.get(tenant=tenant_a, metric="disk").limit == 100


def test_a_refusal_says_how_much_of_what_is_missing(tenant_a: Tenant) -> None:
    tenant = make_tenant(vm=1, memory_gib=4)
    reserve_quota(tenant.pk, {"memory_gib": 2})
    with pytest.raises(QuotaExceeded) as refused, transaction.atomic():
        reserve_quota(tenant.pk, {"vm": 1, "memory_gib": 4})
    assert str(refused.value) == "Quota exceeded. Memory: 2 of 4 GiB used, 4 more requested."
    assert refused.value.details["quotas"] == [{"metric": "memory_gib", "used": 2, "limit": 4, "asked": 4}]
    assert Quota.objects.get(tenant=tenant, metric="vm").used == 0


def test_more_given_back_than_taken_ends_at_none(tenant_a: Tenant) -> None:
    reserve_quota(tenant_a.pk, {"vm": 1})
    release_quota(tenant_a.pk, {"vm": 3})
    assert Quota.objects.get(tenant=tenant_a, metric="vm").used == 0


def test_a_metric_newer_than_the_tenant_is_limited_by_its_default(tenant_a: Tenant) -> None:
    Quota.objects.filter(tenant=tenant_a, metric="vpc").delete()
    with pytest.raises(QuotaExceeded):
        reserve_quota(tenant_a.pk, {"vpc": 11})
