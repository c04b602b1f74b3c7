"""What agents leave in Redis, and how often it is opened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography.fernet import Fernet
from django.utils import timezone

from apps.accounts.secrets import seal
from apps.drivers.reports import Heartbeat, HostReport, write_heartbeat, write_report
from apps.drivers.sealing import Seal
from apps.drivers.specs import HostObservation, Power, VmStatus
from apps.infrastructure import backends, report_inbox
from apps.infrastructure.models import Host
from apps.infrastructure.reports import Reading, collect, listeners
from apps.lifecycle.slots import Slot
from tests import factories

pytestmark = pytest.mark.django_db

KEY = Fernet.generate_key().decode()
OBSERVATION = HostObservation("x86_64", "Some CPU", 8, 65536, "kvm", "9.0", load_percent=10)
VM = VmStatus("5d9580b9-a9e7-42a9-b9e4-766642fd6a68", exists=True, power=Power.ON, boot=1)


@pytest.fixture
def host() -> Host:
    cluster = factories.make_cluster(factories.make_region())
    return factories.make_host(cluster, driver="agent", sealed_key=seal(KEY), last_report_at=None)


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Reading]]:
    """What listeners were told."""
    told: list[Reading] = []
    monkeypatch.setattr("apps.infrastructure.reports.listeners", Slot(*listeners, told.extend))
    yield told


def report(at: datetime, **seen: object) -> HostReport:
    observation = replace(OBSERVATION, **seen)  # type: ignore[arg-type]
    return HostReport(observation, agent_version="1", boot_id="first", sequence=1, sent_at=at)


def leave(host: Host, message: HostReport | Heartbeat, key: str = KEY) -> None:
    """Leave a message as the host's agent does."""
    client = backends.redis_client()
    if isinstance(message, HostReport):
        write_report(client, host.name, Seal(key), message)
    else:
        write_heartbeat(client, host.name, Seal(key), message)


def test_a_heartbeat_says_that_the_whole_report_still_holds(host: Host, readings: list[Reading]) -> None:
    then = timezone.now() - timedelta(seconds=10)
    leave(host, report(then, vms=(VM,)))
    assert collect() == 1
    leave(host, Heartbeat(then + timedelta(seconds=5), then, load_percent=70, memory_used_mib=1234))
    assert collect() == 1
    host.refresh_from_db()
    assert (host.load_percent, host.memory_used_mib, host.vcpus) == (70, 1234, 8)
    assert host.report_sent_at == then + timedelta(seconds=5)
    assert [reading.report.observation.vms for reading in readings] == [(VM,), (VM,)]


def test_a_message_is_opened_once(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    leave(host, report(timezone.now()))
    assert collect() == 1
    opened: list[str] = []
    monkeypatch.setattr(report_inbox, "opened", lambda *message: opened.append(message[1]))
    assert collect() == 0
    assert opened == []


def test_a_worker_that_has_just_started_reads_the_whole_report_behind_a_heartbeat(
    host: Host, readings: list[Reading], monkeypatch: pytest.MonkeyPatch
) -> None:
    then = timezone.now() - timedelta(seconds=10)
    leave(host, report(then, vms=(VM,)))
    leave(host, Heartbeat(then + timedelta(seconds=5), then, load_percent=70, memory_used_mib=1234))
    monkeypatch.setattr(report_inbox, "_last_heartbeats", {})
    monkeypatch.setattr(report_inbox, "_whole", {})
    assert collect() == 1
    assert readings[0].report.observation.vms == (VM,)


def test_a_heartbeat_whose_report_was_lost_waits_for_the_next_one(
    host: Host, readings: list[Reading]
) -> None:
    now = timezone.now()
    leave(host, Heartbeat(now, now - timedelta(seconds=5), load_percent=70, memory_used_mib=1234))
    assert collect() == 0
    leave(host, report(now + timedelta(seconds=1)))
    assert collect() == 1
    assert readings[0].report.sent_at == now + timedelta(seconds=1)


def test_what_another_key_sealed_is_dropped(host: Host) -> None:
    leave(host, report(timezone.now()), key=Fernet.generate_key().decode())
    assert collect() == 0
    leave(host, report(timezone.now()))
    assert collect() == 1


@pytest.mark.requirement("SE-6")
@pytest.mark.parametrize(
    "nonsense",
    [
        {"vms": (replace(VM, id="x"),)},
        {"vms": (replace(VM, id=f"{VM.id},{VM.id}"),)},
        {"cpu_model": "x" * 200},
        {"vcpus": -1},
        {"vcpus": 2**31 - 1},
        {"memory_mib": 1 << 40},
        {"load_percent": float("nan")},
        {"load_percent": 1e300},
    ],
)
def test_one_hosts_nonsense_does_not_keep_another_hosts_report_from_being_taken(
    host: Host, nonsense: dict[str, object]
) -> None:
    other = factories.make_host(host.cluster, driver="agent", sealed_key=seal(KEY), last_report_at=None)
    leave(other, report(timezone.now(), **nonsense))
    leave(host, report(timezone.now(), vms=(VM,)))
    assert collect() >= 1
    host.refresh_from_db()
    assert host.last_report_at is not None
