"""What a host says of itself is compared with what it can be: each lie is told by a host with its own key."""

from __future__ import annotations

import math
import tracemalloc
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.utils import timezone as clock

from apps.accounts.models import Project, User
from apps.accounts.secrets import unseal
from apps.compute.models import Vm
from apps.drivers.orders import REPORT, Failure
from apps.drivers.reports import HEARTBEAT, heartbeat, heartbeat_key, report_key, write_report
from apps.drivers.sealing import Seal
from apps.drivers.specs import HostUsage, Power, VmStatus
from apps.drivers.usage import USAGE, UsageReading, usage_key, write_usage
from apps.infrastructure import backends
from apps.infrastructure.enrolment import renew_enrolment
from apps.infrastructure.models import Host
from apps.infrastructure.reports import collect
from apps.infrastructure.usage import collect_usage
from apps.lifecycle.models import Event, Operation
from apps.lifecycle.stored_messages import rendered_error, stored_error
from tests import factories
from tests.console.factories import make_vm
from tests.infrastructure.test_inbox import KEY, host, leave, report

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("SE-6")]

__all__ = ["host"]

#: Outside the years 1 to 9999 once they are taken to UTC; as text, since no honest program would write them.
NO_MOMENTS = ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"]


def as_data(message: object) -> dict[str, Any]:
    """A message as what goes over the wire, to be changed as no honest agent would."""
    data: dict[str, Any] = msgspec.msgpack.decode(msgspec.msgpack.encode(message))
    return data


@pytest.mark.parametrize("moment", NO_MOMENTS)
def test_a_report_from_a_time_that_no_clock_shows_stops_nothing(host: Host, moment: str) -> None:
    """PostgreSQL takes such a time and Python cannot read it back: no row of a host could be loaded any more."""
    other = factories.make_host(host.cluster, driver="agent", sealed_key=host.sealed_key, last_report_at=None)
    client, whole = backends.redis_client(), report(clock.now())
    beat = as_data(heartbeat(whole, whole.sent_at))
    client.set(report_key(host.name), Seal(KEY).close(REPORT, as_data(whole) | {"sent_at": moment}))
    lie = beat | {"sent_at": moment, "report_at": moment}
    client.set(heartbeat_key(host.name), Seal(KEY).close(HEARTBEAT, lie))
    collect()
    leave(other, report(clock.now()))
    collect()
    assert Host.objects.get(pk=other.pk).last_report_at is not None
    assert Host.objects.get(pk=host.pk).last_report_at is None


@pytest.mark.parametrize("moment", [*NO_MOMENTS, "2100-01-01T00:00:00Z", "2020-01-01T00:00:00Z"])
def test_counters_from_another_time_are_no_samples(host: Host, moment: str) -> None:
    reading = as_data(UsageReading(clock.now(), "b", HostUsage())) | {"at": moment}
    backends.redis_client().set(usage_key(host.name), Seal(KEY).close(USAGE, reading))
    assert collect_usage() == 0
    write_usage(backends.redis_client(), host.name, Seal(KEY), UsageReading(clock.now(), "b", HostUsage()))
    assert collect_usage() == 1


def test_a_vms_state_is_from_now_whatever_the_hosts_clock_says(host: Host, project_a: Project) -> None:
    """A state "of next year" would be newer than all that follows, after the host was reinstalled too."""
    vm = make_vm(project_a, host)
    now = clock.now()
    Vm.objects.filter(pk=vm.pk).update(power_seen_at=now - timedelta(minutes=5))
    for at, power in ((now + timedelta(days=365), Power.OFF), (now + timedelta(days=366), Power.ON)):
        leave(host, report(at, vms=(VmStatus(str(vm.pk), exists=True, power=power),)))
        collect()
        vm.refresh_from_db()
        assert vm.power_seen == power
        assert vm.power_seen_at < clock.now() + timedelta(seconds=1)
        Vm.objects.filter(pk=vm.pk).update(power_seen_at=now - timedelta(minutes=5))


def test_another_hosts_vms_stay_as_they_are(host: Host, project_a: Project) -> None:
    other = factories.make_host(host.cluster)
    vm = make_vm(project_a, other)
    Vm.objects.filter(pk=vm.pk).update(power_seen_at=clock.now() - timedelta(minutes=5))
    leave(host, report(clock.now(), vms=(VmStatus(str(vm.pk), exists=True, power=Power.OFF),)))
    collect()
    vm.refresh_from_db()
    assert (vm.power_seen, vm.host_id) == (Power.ON, other.pk)


@pytest.mark.parametrize("as_list", [False, True], ids=["too large", "of another type"])
def test_one_hosts_huge_message_is_not_fetched_and_keeps_nobody_waiting(host: Host, as_list: bool) -> None:
    other = factories.make_host(host.cluster, driver="agent", sealed_key=host.sealed_key, last_report_at=None)
    client = backends.redis_client()
    for key in (heartbeat_key(host.name), report_key(host.name)):
        client.delete(key)
        if as_list:
            client.rpush(key, "x")
        else:
            client.set(key, "x" * (8 << 20))
    leave(other, report(clock.now()))
    tracemalloc.start()
    try:
        assert collect() == 1
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.requirement("CL-3")
def test_capacity_beyond_what_was_enrolled_is_not_given_out(host: Host, ada: User) -> None:
    now = clock.now()
    leave(host, report(now))
    collect()
    honest = Host.objects.get(pk=host.pk)
    leave(host, report(now + timedelta(seconds=1), vcpus=4096, memory_mib=1 << 24))
    collect()
    lying = Host.objects.get(pk=host.pk)
    assert (lying.vcpu_capacity, lying.memory_capacity_mib) == (
        honest.vcpu_capacity,
        honest.memory_capacity_mib,
    )
    assert Event.objects.get(resource=host, code="host.claims_more")
    leave(host, report(now + timedelta(seconds=2), vcpus=4096, memory_mib=1 << 24))
    collect()
    assert Event.objects.filter(resource=host, code="host.claims_more").count() == 1, "told once"


def test_a_host_may_have_less_at_any_time_and_the_same_again(host: Host) -> None:
    now = clock.now()
    for second, (vcpus, memory) in enumerate([(8, 65536), (4, 32768), (8, 65536 + 512)]):
        leave(host, report(now + timedelta(seconds=second), vcpus=vcpus, memory_mib=memory))
        collect()
        found = Host.objects.get(pk=host.pk)
        assert (found.vcpus, found.memory_mib) == (vcpus, memory)
    assert not Event.objects.filter(resource=host, code="host.claims_more").exists()


def test_what_was_added_to_a_host_counts_once_its_enrolment_is_renewed(host: Host, ada: User) -> None:
    now = clock.now()
    leave(host, report(now))
    collect()
    renew_enrolment(factories.actor_for_user(ada), host)
    host.refresh_from_db()
    more = report(now + timedelta(seconds=1), vcpus=16, memory_mib=131072)
    write_report(backends.redis_client(), host.name, Seal(unseal(host.sealed_key)), more)
    collect()
    assert Host.objects.get(pk=host.pk).vcpus == 16


def test_memory_in_use_is_at_most_what_there_is(host: Host) -> None:
    leave(host, report(clock.now(), memory_used_mib=1 << 30))
    collect()
    found = Host.objects.get(pk=host.pk)
    assert found.memory_used_mib == found.memory_mib


@pytest.mark.parametrize(
    "failure",
    [
        Failure("nul \x00 in the text", "a.b", False, "nul \x00 in the hint"),
        Failure("%(x)s", "a.b", False, "", {"x": "nul \x00"}),
        Failure("%(x)s", "a.b", False, "", {"x": math.nan}),
        Failure("%(x)s", "a.b", False, "", {"x": math.inf}),
        Failure("%(x)d", "a.b", False, "", {"x": "text"}),
        Failure("%(x)d", "a.b", False, "", {"x": math.nan}),
        Failure("%(x)s", "a.b", False, "", {"x": "y", **{f"v{n}": "v" * 1000 for n in range(5000)}}),
    ],
    ids=["nul", "nul value", "nan", "inf", "text for a number", "nan for a number", "many values"],
)
def test_whatever_a_host_says_of_a_failure_can_be_kept_and_shown(host: Host, failure: Failure) -> None:
    kept = stored_error(failure.error())
    operation = Operation.objects.create(
        verb="vm.start", resource=host, target_id=host.pk, error=kept, deadline=clock.now()
    )
    operation.refresh_from_db()
    assert rendered_error(operation.error)["code"] == "a.b"
    assert len(str(operation.error)) < 100_000
