"""Promises of room under every order of creates, deletes, closed hosts, silent hosts and changing capacities."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from apps.infrastructure.capacity_forecast import capacity_forecast
from apps.infrastructure.models import Host
from apps.infrastructure.need import Need
from apps.infrastructure.placement import place, release
from apps.infrastructure.services.hosts import close_host, open_host
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.errors import NoCapacity, Refused
from tests import factories
from tests.machines import play

HOSTS = 3
needs = some.builds(Need, some.sampled_from([1, 2, 4]), some.sampled_from([1024, 2048, 8192]))
which = some.integers(0, 20)


class Placement(RuleBasedStateMachine):
    """A cluster of three hosts with fourfold overcommit; `held` is where each VM was put, and what it needs."""

    def __init__(self) -> None:
        super().__init__()
        self.example = transaction.atomic()
        self.example.__enter__()
        self.cluster = factories.make_cluster(factories.make_region())
        self.hosts = [factories.make_host(self.cluster, vcpus=3, memory_gib=16) for _ in range(HOSTS)]
        self.held: list[tuple[UUID, Need]] = []
        #: Capacity in vCPUs and MiB, and whether it takes VMs.
        self.room = {host.pk: (12, 16 * 1024) for host in self.hosts}
        self.closed: set[UUID] = set()
        self.silent: set[UUID] = set()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.example.__exit__(None, None, None)

    def promised(self, host: UUID) -> tuple[int, int]:
        mine = [need for where, need in self.held if where == host]
        return sum(need.vcpu for need in mine), sum(need.memory_mib for need in mine)

    def fitting(self, host: UUID, need: Need) -> int:
        """How many such VMs the host takes."""
        if host in self.closed | self.silent:
            return 0
        vcpus, memory = (has - gone for has, gone in zip(self.room[host], self.promised(host), strict=True))
        return max(min(vcpus // need.vcpu, memory // need.memory_mib), 0)

    @rule(need=needs, count=some.sampled_from([1, 1, 1, 2, 5]), kept=some.booleans())
    def create(self, need: Need, count: int, kept: bool) -> None:
        room = sum(self.fitting(host.pk, need) for host in self.hosts)
        assert capacity_forecast(self.cluster, need).room == room
        try:
            with transaction.atomic():
                chosen = place(self.cluster, need, count)
                transaction.set_rollback(not kept)
        except NoCapacity:
            assert room < count
            return
        assert room >= count == len(chosen)
        for host, number in Counter(chosen).items():
            assert self.fitting(host, need) >= number
        if kept:
            self.held += [(host, need) for host in chosen]

    @precondition(lambda self: self.held)
    @rule(which=which)
    def delete(self, which: int) -> None:
        release(*self.held.pop(which % len(self.held)))

    @rule(which=which, accepts=some.booleans())
    def open_or_close(self, which: int, accepts: bool) -> None:
        host = self.hosts[which % HOSTS]
        try:
            with transaction.atomic():
                (open_host if accepts else close_host)(SYSTEM, host)
        except Refused:
            assert accepts != (host.pk in self.closed)
        (self.closed.discard if accepts else self.closed.add)(host.pk)

    @rule(which=which, heard=some.booleans())
    def fall_silent_or_report(self, which: int, heard: bool) -> None:
        host = self.hosts[which % HOSTS]
        last = timezone.now() + timedelta(minutes=5 if heard else -5)
        Host.objects.filter(pk=host.pk).update(last_report_at=last)
        (self.silent.discard if heard else self.silent.add)(host.pk)

    @rule(which=which, vcpus=some.integers(1, 16), memory=some.integers(1, 20))
    def report_another_capacity(self, which: int, vcpus: int, memory: int) -> None:
        """Also one that is less than what was promised: memory can break."""
        host = self.hosts[which % HOSTS]
        self.room[host.pk] = (vcpus, memory * 1024)
        Host.objects.filter(pk=host.pk).update(vcpu_capacity=vcpus, memory_capacity_mib=memory * 1024)

    @invariant()
    def what_is_reserved_is_the_sum_of_what_is_there(self) -> None:
        for host in Host.objects.filter(cluster=self.cluster):
            assert (host.vcpu_reserved, host.memory_reserved_mib) == self.promised(host.pk)


@pytest.mark.django_db
@pytest.mark.requirement("CL-5")
def test_whatever_comes_and_goes_no_host_is_promised_more_than_it_has() -> None:
    play(Placement, examples=15, steps=30)
