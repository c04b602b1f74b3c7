"""Taking in hosts' counters and keeping what they say as samples of the metrics.

Apart from the collector of reports, on a task of its own, so that a slow or full metrics store holds no report up. The
reading before is kept in Redis: a rate needs two. Lose it, and one sample is a gap.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import msgspec
from django.utils import timezone

from apps.accounts.models import Tenant
from apps.drivers.usage import KEPT_SECONDS, UsageReading, step_of, usage_key
from apps.infrastructure import backends, report_inbox
from apps.infrastructure.models import Host
from apps.infrastructure.redis_connection import redis_client
from apps.lifecycle import push
from apps.lifecycle.slots import Slot
from apps.metrics.active_store import store
from apps.metrics.rates import host_values
from apps.metrics.store import Sample, Subject

log = logging.getLogger(__name__)

#: A sample bears the time of the host's clock, within this of ours.
CLOCKS_DIFFER = timedelta(minutes=5)
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(UsageReading)


@dataclass(frozen=True)
class Measured:
    """A host's new reading and the one before it, None when there is none since the host was booted."""

    host: Host
    now: UsageReading
    before: UsageReading | None

    @property
    def seconds(self) -> float:
        """Return the time between the two."""
        return (self.now.at - self.before.at).total_seconds() if self.before else 0.0


#: What makes samples of what stands above hosts, from one round's readings.
samplers: Slot[Callable[[Sequence[Measured]], list[Sample]]] = Slot()


def collect_usage() -> int:
    """Keep every new reading; return how many samples were new. Safe to run twice at the same time."""
    measured = _measured(list(Host.objects.all()))
    samples = [_sample(found) for found in measured]
    for sampler in samplers:
        samples += sampler(measured)
    kept = store().record(samples)
    # Last: should anything above fail, the next round's rates begin where this one's would have.
    pipe = redis_client().pipeline(transaction=False)
    for found in measured:
        pipe.set(_before_key(found.host), _encoder.encode(found.now), ex=KEPT_SECONDS)
    pipe.execute()
    if kept:
        tenants = Tenant.objects.values_list("pk", flat=True)
        push.many_changed("metrics", [(pk, None) for pk in tenants])
    return kept


def _sample(found: Measured) -> Sample:
    before = found.before if found.before and found.before.boot_id == found.now.boot_id else None
    values = host_values(found.now.host, before.host if before else None, found.seconds)
    return Sample(Subject("host", str(found.host.pk)), found.now.at, values)


def _measured(hosts: Sequence[Host]) -> list[Measured]:
    """Return what is new: at most one reading of a host in each step."""
    now_at = timezone.now()
    present = step_of(now_at)
    befores = report_inbox.fetch([_before_key(host) for host in hosts])
    messages = report_inbox.fetch([usage_key(host.name) for host in hosts])
    found = []
    for host, kept, message in zip(hosts, befores, messages, strict=True):
        before = _last(kept)
        if before and step_of(before.at) >= present:
            continue  # there can be none yet, so none is opened
        now = _reading(host, message)
        if now and abs(now.at - now_at) > CLOCKS_DIFFER:
            log.warning("counters of host %s have the time %s: dropped", host.name, now.at)
            continue
        if now and (before is None or step_of(now.at) > step_of(before.at)):
            found.append(Measured(host, now, before))
    return found


def _last(kept: bytes | None) -> UsageReading | None:
    """Return the reading before; None for one that another version wrote, which must not stop all others."""
    try:
        return _decoder.decode(kept) if kept else None
    except msgspec.MsgspecError:
        return None


def _reading(host: Host, message: bytes | None) -> UsageReading | None:
    return backends.host_driver(host).usage(host, message)


def _before_key(host: Host) -> str:
    return f"metrics.before.{host.pk}"
