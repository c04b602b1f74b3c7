"""What somebody can do who has all that a host has: its login to Redis and its seal key. See docs/security.md."""

from __future__ import annotations

import base64
import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import msgspec
import pytest
import redis

from apps.drivers import orders
from apps.drivers.errors import DriverError
from apps.drivers.orders import Answer, Failure, Fence, Order
from apps.drivers.protocols import Hypervisor
from apps.drivers.redis_bounds import MOST_BYTES, TooLong, bounded
from apps.drivers.remote import RemoteHost
from apps.drivers.reports import HEARTBEAT, Heartbeat, HostReport, heartbeat_key, life_key, read_pulse
from apps.drivers.sealing import Seal
from apps.drivers.specs import Power, VmStatus
from apps.drivers.usage import UsageReading
from apps.infrastructure import backends
from tests.agent.conftest import PretendHost, enrol
from tests.drivers.samples import new_id

pytestmark = pytest.mark.requirement("SE-6")

Reply = Callable[[Order], tuple[str, object]]


class Thief:
    """Takes a host's orders in its stead and answers them as it likes: what to seal, and for which purpose."""

    def __init__(self, host: PretendHost) -> None:
        self.host = host
        self.seal = Seal(host.key)
        self.client = redis.Redis.from_url(host.url)
        self.taken: list[Order] = []
        beat = msgspec.convert(
            {
                "sent_at": "2026-01-01T00:00:00Z",
                "report_at": "2026-01-01T00:00:00Z",
                "load_percent": 0,
                "memory_used_mib": 0,
            },
            Heartbeat,
        )
        self.client.set(heartbeat_key(host.name), self.seal.close(HEARTBEAT, beat), ex=60)
        self.client.set(life_key(host.name), "1", ex=60)

    def take(self) -> Order:
        """Take the next order."""
        found: Any = self.client.brpop([orders.queue_of(self.host.name)], timeout=10)
        assert found is not None, "no order came"
        order = self.seal.open(orders.ORDER, sealed_order(found[1]), Order)
        self.taken.append(order)
        return order

    def answer(self, reply: Reply) -> None:
        """Take the next order and answer it."""
        order = self.take()
        purpose, message = reply(order)
        self.client.rpush(orders.answer_key(self.host.name, order.id), self.seal.close(purpose, message))


def sealed_order(message: bytes) -> str:
    """Return what Celery's message carries."""
    arguments, *_rest = json.loads(base64.b64decode(json.loads(message)["body"]))
    return str(arguments[0])


@pytest.fixture
def thief(redis_port: int, tmp_path: Any) -> Iterator[Thief]:
    yield Thief(enrol(f"stolen-{new_id()[:8]}", redis_port, tmp_path))


def call(thief: Thief, reply: Reply, fence: Fence | None = None) -> DriverError | None:
    """Give the stolen host an order; return the error that its reply makes, None when it is believed."""
    remote: RemoteHost = thief.host.remote(timeout=5)
    with ThreadPoolExecutor(1) as thread:
        answering = thread.submit(thief.answer, reply)
        try:
            remote.hypervisor(fence).ensure_vm_absent(new_id())
        except DriverError as error:
            return error
        finally:
            answering.result(10)
    return None


def test_an_answer_counts_for_the_attempt_that_asked_and_no_other(thief: Thief) -> None:
    fence = Fence(7, 1)
    assert call(thief, lambda order: (orders.answer_purpose(order.id), Answer()), fence) is None
    first = thief.taken[0]
    error = call(thief, lambda _: (orders.answer_purpose(first.id), Answer()), Fence(7, 2))
    assert error is not None
    assert error.code == "host.broken_seal"


@pytest.mark.parametrize("purpose", [orders.ORDER, orders.REPORT, orders.ANSWER, "usage"])
def test_no_other_message_passes_for_an_answer(thief: Thief, purpose: str) -> None:
    error = call(thief, lambda _: (purpose, Answer()))
    assert error is not None
    assert error.code == "host.broken_seal"


@pytest.mark.parametrize(
    "template", ["%(x)999999999s", "%(missing)s", "%d", "%(x", "%n", "100 %", "a" * 1_000_000, "%(x)s"]
)
def test_what_a_host_says_of_a_failure_is_text_whatever_is_in_it(thief: Thief, template: str) -> None:
    failure = Failure(template, "Not a code\n", False, "h" * 1_000_000, {"x": "v" * 1_000_000})
    error = call(thief, lambda order: (orders.answer_purpose(order.id), Answer(failure=failure)))
    assert error is not None
    assert error.code == "agent.failed"
    assert len(error.message) <= 2 * orders.LONGEST
    assert len(error.hint) <= orders.LONGEST


def test_a_result_of_another_kind_is_refused(thief: Thief) -> None:
    nonsense = Answer(result=msgspec.msgpack.encode({"power": "explode"}))
    error = call(thief, lambda order: (orders.answer_purpose(order.id), nonsense))
    assert error is not None
    assert error.code == "host.broken_answer"


@pytest.mark.parametrize(
    "ask",
    [
        lambda hypervisor, id: hypervisor.status(id),
        lambda hypervisor, id: hypervisor.ensure_power(id, Power.ON),
        lambda hypervisor, id: hypervisor.ensure_resumed(id),
    ],
    ids=["status", "power", "resumed"],
)
def test_an_answer_about_another_vm_is_refused(
    thief: Thief, ask: Callable[[Hypervisor, str], VmStatus]
) -> None:
    other = Answer(result=msgspec.msgpack.encode(VmStatus(new_id(), exists=True, power=Power.ON)))
    with ThreadPoolExecutor(1) as thread:
        answering = thread.submit(thief.answer, lambda order: (orders.answer_purpose(order.id), other))
        with pytest.raises(DriverError) as refused:
            ask(thief.host.remote(timeout=5).hypervisor(), new_id())
        answering.result(10)
    assert refused.value.code == "host.broken_answer"


#: A text of so many bytes, made within Redis: no limit on what a client sends holds it up.
ENORMOUS = "redis.call(ARGV[1], KEYS[1], string.rep('x', tonumber(ARGV[2])))"


def test_an_enormous_answer_is_refused_unread(thief: Thief) -> None:
    remote = RemoteHost(
        thief.host.name,
        redis.Redis.from_url(f"redis://127.0.0.1:{thief.host.port}/0", **bounded()),
        thief.host.key,
        thief.host.post,
        timeout=5,
    )
    script = str(thief.client.script_load(ENORMOUS))

    def answer() -> None:
        order = thief.take()
        key = orders.answer_key(thief.host.name, order.id)
        thief.client.evalsha(script, 1, key, "rpush", str(2 * MOST_BYTES))

    tracemalloc.start()
    try:
        with ThreadPoolExecutor(1) as thread:
            answering = thread.submit(answer)
            with pytest.raises(DriverError) as refused:
                remote.hypervisor().status(new_id())
            answering.result(10)
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES // 4
    finally:
        tracemalloc.stop()
    assert refused.value.code == "host.broken_answer"
    # The connection that was given up takes nothing else along.
    with ThreadPoolExecutor(1) as thread:
        answering = thread.submit(thief.answer, lambda order: (orders.answer_purpose(order.id), Answer()))
        remote.hypervisor().ensure_vm_absent(new_id())
        answering.result(10)


def test_what_a_host_says_of_its_agents_start_is_read_to_a_few_bytes(thief: Thief) -> None:
    script = str(thief.client.script_load(ENORMOUS))
    thief.client.evalsha(script, 1, life_key(thief.host.name), "set", str(2 * MOST_BYTES))
    assert len(read_pulse(thief.host.client, thief.host.name).life) <= 64


def test_the_control_plane_reads_no_enormous_answer(settings: Any, thief: Thief) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{thief.host.port}/0"
    backends.redis_client.cache_clear()
    try:
        key = orders.answer_key(thief.host.name, new_id())
        thief.client.evalsha(str(thief.client.script_load(ENORMOUS)), 1, key, "rpush", str(2 * MOST_BYTES))
        with pytest.raises(TooLong):
            backends.redis_client().blpop([key], timeout=1)
    finally:
        backends.redis_client.cache_clear()


@pytest.mark.parametrize("key", ["control", "control\x06\x163", "asgi:group:push", "_kombu.binding.control"])
def test_no_message_reaches_the_control_planes_workers_or_pages(thief: Thief, key: str) -> None:
    for attempt in (
        lambda: thief.client.lpush(key, "x"),
        lambda: thief.client.sadd(key, "x"),
        lambda: thief.client.set(key, "x"),
        lambda: thief.client.publish(key, "x"),
        lambda: thief.client.eval("return redis.call('lpush', KEYS[1], 'x')", 1, key),
    ):
        with pytest.raises(redis.exceptions.NoPermissionError):
            attempt()


def test_a_script_reaches_no_further_than_its_host(thief: Thief) -> None:
    digest = thief.client.script_load("return redis.call('lpush', ARGV[1], 'x')")
    with pytest.raises(redis.exceptions.ResponseError, match="can't access"):
        thief.client.evalsha(str(digest), 0, "control")


REPORT: dict[str, Any] = {
    "observation": {
        "architecture": "x86_64",
        "cpu_model": "EPYC",
        "vcpus": 8,
        "memory_mib": 1024,
        "virtualisation": "kvm",
        "hypervisor_version": "1",
        "vms": [{"id": new_id(), "exists": True}],
    },
    "agent_version": "1",
    "boot_id": "b",
    "sequence": 1,
    "sent_at": "2026-01-01T00:00:00Z",
}


@pytest.mark.parametrize(
    ("place", "lie"),
    [
        (("observation", "vms"), [{"id": "x' OR 1=1", "exists": True}]),
        (("observation", "vms"), [{"id": new_id().upper(), "exists": True}]),
        (("observation", "vms"), [{"id": new_id(), "exists": True, "boot": 2**40}]),
        (("observation", "vcpus"), 2**31),
        (("observation", "vcpus"), -1),
        (("observation", "memory_mib"), 2**63),
        (("observation", "load_percent"), float("nan")),
        (("observation", "load_percent"), float("inf")),
        (("observation", "cpu_model"), "m" * 129),
        (("observation", "architecture"), "a\x00b"),
        (("boot_id",), "b" * 65),
        (("boot_id",), "b\n"),
        (("agent_version",), "1\n2026 ERROR forged line"),
        (("sent_at",), "2026-01-01T00:00:00"),
    ],
)
def test_a_report_that_no_row_could_hold_is_thrown_away_before_it_reaches_the_others(
    thief: Thief, place: tuple[str, ...], lie: object
) -> None:
    good = msgspec.msgpack.decode(msgspec.msgpack.encode(REPORT), type=dict[str, Any])
    assert thief.seal.open(orders.REPORT, thief.seal.close(orders.REPORT, good), HostReport).sequence == 1
    inner = good
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = lie
    with pytest.raises(DriverError) as refused:
        thief.seal.open(orders.REPORT, thief.seal.close(orders.REPORT, good), HostReport)
    assert refused.value.code == "host.broken_seal"


def test_counters_that_no_row_could_hold_are_thrown_away(thief: Thief) -> None:
    reading = {"at": datetime.fromtimestamp(time.time()).astimezone(), "boot_id": "b", "host": {"load": -1}}
    with pytest.raises(DriverError):
        thief.seal.open("usage", thief.seal.close("usage", reading), UsageReading)
