"""Counting under every order of takes, returns, rollbacks, new limits and recounts."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.db import transaction
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.errors import QuotaExceeded
from apps.quotas import metrics as counted
from apps.quotas.models import Quota
from apps.quotas.recount import recount
from apps.quotas.services import hold, release_quota, reserve_quota, set_limits
from tests import factories
from tests.machines import play

METRICS = ("vm", "vcpu", "disk")
amounts = some.dictionaries(some.sampled_from(METRICS), some.integers(0, 6), min_size=1)


class Undone(Exception):
    """What comes after taking has failed."""


class Quotas(RuleBasedStateMachine):
    """One tenant; `held` is what exists, each with what was taken for it."""

    def __init__(self) -> None:
        super().__init__()
        self.example = transaction.atomic()
        self.example.__enter__()
        self.tenant = factories.make_tenant(**dict.fromkeys(METRICS, 10))
        self.limits = dict.fromkeys(METRICS, 10)
        self.drift = dict.fromkeys(METRICS, 0)
        self.held: list[dict[str, int]] = []

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.example.__exit__(None, None, None)

    def exists(self, metric: str) -> int:
        return sum(amount.get(metric, 0) for amount in self.held)

    def used(self, metric: str) -> int:
        return self.exists(metric) + self.drift[metric]

    @rule(amounts=amounts, works=some.booleans(), in_parts=some.booleans())
    def create(self, amounts: dict[str, int], works: bool, in_parts: bool) -> None:
        fits = all(self.used(metric) + units <= self.limits[metric] for metric, units in amounts.items())
        parts = [{metric: units} for metric, units in amounts.items()] if in_parts else [amounts]
        try:
            with transaction.atomic():
                hold(self.tenant.pk, amounts)
                for part in parts:
                    reserve_quota(self.tenant.pk, part)
                if not works:
                    raise Undone
        except QuotaExceeded as refusal:
            assert not fits
            self.explains(refusal, amounts)
        except Undone:
            assert fits
        else:
            assert fits
            self.held.append(amounts)

    def explains(self, refusal: QuotaExceeded, amounts: dict[str, int]) -> None:
        lines: Any = refusal.details["quotas"]
        assert lines
        for line in lines:
            assert line["used"] + line["asked"] > line["limit"] == self.limits[line["metric"]]
            assert line["asked"] == amounts[line["metric"]]

    @rule(which=some.integers(0, 20))
    def delete(self, which: int) -> None:
        if self.held and not any(self.drift.values()):
            release_quota(self.tenant.pk, self.held.pop(which % len(self.held)))

    @rule(metric=some.sampled_from(METRICS), limit=some.integers(0, 20))
    def limit(self, metric: str, limit: int) -> None:
        set_limits(SYSTEM, self.tenant, {metric: limit})
        self.limits[metric] = limit

    @rule(metric=some.sampled_from(METRICS), by=some.integers(-3, 3))
    def miscount(self, metric: str, by: int) -> None:
        """As a bug, or somebody with psql, might."""
        if self.used(metric) + by >= 0:
            self.drift[metric] += by
            Quota.objects.filter(tenant=self.tenant, metric=metric).update(used=self.used(metric))

    @rule(repair=some.booleans())
    def recount(self, repair: bool) -> None:
        counted._counts.clear()
        counted._counts.update({metric: [partial(self._exists, metric)] for metric in METRICS})
        wrong = {d.metric: (d.used, d.exists) for d in recount(self.tenant, repair=repair)}
        assert wrong == {m: (self.used(m), self.exists(m)) for m in METRICS if self.drift[m]}
        if repair:
            self.drift = dict.fromkeys(METRICS, 0)

    def _exists(self, metric: str, tenant_id: int) -> int:
        assert tenant_id == self.tenant.pk
        return self.exists(metric)

    @rule()
    def lose_a_row(self) -> None:
        """A metric that is newer than the tenant has none until it is first taken."""
        if not self.exists("disk") and not self.drift["disk"]:
            Quota.objects.filter(tenant=self.tenant, metric="disk").delete()
            hold(self.tenant.pk, ("disk",))
            set_limits(SYSTEM, self.tenant, {"disk": self.limits["disk"]})

    @invariant()
    def what_is_counted_is_what_exists(self) -> None:
        rows = Quota.objects.filter(tenant=self.tenant, metric__in=METRICS)
        assert {(row.metric, row.used, row.limit) for row in rows} == {
            (metric, self.used(metric), self.limits[metric]) for metric in METRICS
        }


@pytest.mark.django_db
@pytest.mark.requirement("AC-2")
def test_whatever_comes_and_goes_used_is_what_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counted, "_counts", {})
    play(Quotas, examples=15, steps=30)
