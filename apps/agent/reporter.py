"""Reporting the host to the control plane: regularly, and soon after a VM started or stopped."""

import logging
import threading
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import redis.exceptions

from apps.agent.version import VERSION
from apps.drivers.errors import DriverError
from apps.drivers.libvirt.observation import boot_id
from apps.drivers.protocols import Hypervisor
from apps.drivers.reports import (
    PERIOD_SECONDS,
    WHOLE_SECONDS,
    HostReport,
    heartbeat,
    write_heartbeat,
    write_report,
)
from apps.drivers.sealing import Seal
from apps.drivers.usage import UsageReading, step_of, write_usage

if TYPE_CHECKING:
    import redis

log = logging.getLogger(__name__)
DEBOUNCE_SECONDS = 0.2


class Reporter:
    """A thread that reports; `soon` may be called from any thread. Silent while libvirt or Redis does not answer."""

    def __init__(
        self,
        host: str,
        seal: Seal,
        client: "redis.Redis",
        hypervisor: Hypervisor,
        period: float = PERIOD_SECONDS,
    ) -> None:
        self._host = host
        self._seal = seal
        self._client = client
        self._hypervisor = hypervisor
        self._period = period
        self._life = uuid.uuid4().hex
        self._sequence = 0
        self._step = 0
        self._whole: HostReport | None = None
        self._asked = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)

    def start(self) -> None:
        """Report now and from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Report no more."""
        self._stopping.set()
        self._asked.set()

    def soon(self) -> None:
        """Report within moments; many calls make one report."""
        self._asked.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.report()
            if self._asked.wait(self._period) and not self._stopping.wait(DEBOUNCE_SECONDS):
                self._asked.clear()

    def report(self) -> None:
        """Report once, if libvirt and Redis answer."""
        try:
            report = self._look()
            self._write_usage(report)
            light = replace(report, observation=replace(report.observation, usage=(), host_usage=None))
            self._write(light)
        except DriverError as error:
            log.warning("No report: %s", error.message)
        except redis.exceptions.RedisError as error:
            self._whole = None  # it may be lost, with the rest of what Redis had
            log.warning("No report: Redis does not respond: %s", error)
        except Exception:
            # Without this thread the host would stay unreachable, however well it works.
            log.exception("No report")

    def _write(self, report: HostReport) -> None:
        """Leave the whole report, or a heartbeat when the last whole one still holds."""
        whole = self._whole
        if whole is not None and _holds(whole, report):
            write_heartbeat(self._client, self._host, self._seal, heartbeat(report, whole.sent_at))
            return
        write_report(self._client, self._host, self._seal, report, self._life)
        self._whole = report

    def _write_usage(self, report: HostReport) -> None:
        """Leave the counters with the first report in each step; the others go without."""
        seen, step = report.observation, step_of(report.sent_at)
        if step == self._step or seen.host_usage is None:
            return
        reading = UsageReading(report.sent_at, report.boot_id, seen.host_usage, seen.usage)
        write_usage(self._client, self._host, self._seal, reading)
        self._step = step

    def _look(self) -> HostReport:
        self._sequence += 1
        return HostReport(
            observation=self._hypervisor.observe(),
            agent_version=VERSION,
            boot_id=boot_id(),
            sequence=self._sequence,
            sent_at=datetime.now(UTC),
        )


def _holds(whole: HostReport, now: HostReport) -> bool:
    """Whether the whole report is young, and says all that the one of now does but for the measures."""
    measured = replace(
        whole.observation,
        load_percent=now.observation.load_percent,
        memory_used_mib=now.observation.memory_used_mib,
    )
    age = (now.sent_at - whole.sent_at).total_seconds()
    return 0 <= age < WHOLE_SECONDS and whole.boot_id == now.boot_id and measured == now.observation
