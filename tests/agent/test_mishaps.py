"""What nobody has thought of happens inside an agent: it says so without saying too much, and goes on."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import redis
from cryptography.fernet import Fernet

from apps.agent.fences import Fences
from apps.agent.order_executor import OrderExecutor
from apps.agent.reporter import Reporter
from apps.agent.verbs import Handler
from apps.drivers.errors import DriverError
from apps.drivers.host_verbs import verbs_of
from apps.drivers.memory import MemoryHypervisor, World
from apps.drivers.orders import Fence
from apps.drivers.protocols import Hypervisor
from apps.drivers.remote import RemoteHost
from apps.drivers.reports import heartbeat_key, read_report
from apps.drivers.sealing import Seal
from apps.drivers.specs import HostObservation
from tests.drivers.contracts.fabric import refused
from tests.drivers.samples import new_id

SECRET = "$6$do-not-show-this"


@pytest.mark.requirement("SE-4")
@pytest.mark.requirement("OP-4")
def test_an_unexpected_error_is_told_by_its_type_alone(
    redis_port: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(_: bytes) -> bytes:
        try:
            raise ValueError(SECRET)
        except ValueError as error:
            raise FileNotFoundError(2, "No such file", "/the/pool") from error

    name, key, client = f"host-{new_id()[:8]}", Fernet.generate_key(), redis.Redis(port=redis_port)
    status = verbs_of(Hypervisor)["status"]
    handlers = {status.name: Handler(status, breaks)}
    executor = OrderExecutor(name, Seal(key), client, handlers, Fences(tmp_path / "fences.sqlite"))
    client.set(heartbeat_key(name), "", ex=60)
    remote = RemoteHost(name, client, key, lambda _host, sealed, _seconds: executor.take(sealed))
    with caplog.at_level(logging.INFO), pytest.raises(DriverError) as caught:
        remote.hypervisor().status(new_id())
    error = caught.value
    assert error.template == "Internal error of the host’s agent: %(type)s."
    assert error.message == "Internal error of the host’s agent: FileNotFoundError."
    assert (error.code, error.permanent, bool(error.hint)) == ("agent.failed", False, True)
    assert "/the/pool" in caplog.text
    assert "ValueError in breaks" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.requirement("OP-2")
def test_fences_that_a_power_cut_damaged_start_again_empty(tmp_path: Path) -> None:
    path = tmp_path / "fences.sqlite"
    Fences(path).pass_or_refuse("vm", Fence(7))
    for part in tmp_path.iterdir():
        part.write_bytes(b"\0" * 4096)
    fences = Fences(path)
    fences.pass_or_refuse("vm", Fence(5))
    with refused("agent.stale_order"):
        fences.pass_or_refuse("vm", Fence(4))


class Stumbling(MemoryHypervisor):
    """A hypervisor whose first look goes wrong in a way nobody has thought of."""

    looks = 0

    def observe(self) -> HostObservation:
        self.looks += 1
        if self.looks == 1:
            raise KeyError("balloon.rss")
        return super().observe()


@pytest.mark.requirement("OP-2")
def test_a_report_that_goes_wrong_is_not_the_last(redis_port: int) -> None:
    name, key, client = f"host-{new_id()[:8]}", Fernet.generate_key(), redis.Redis(port=redis_port)
    reporter = Reporter(name, Seal(key), client, Stumbling(World(), name))
    reporter.report()
    assert read_report(client, name, key) is None
    reporter.report()
    assert read_report(client, name, key) is not None
