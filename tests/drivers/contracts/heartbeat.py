"""What hosts' heartbeats in a pool must do, whatever the pool is."""

from __future__ import annotations

from apps.agent.storage_heartbeat import Heartbeats
from apps.drivers.specs import PoolSpec


class HeartbeatContract:
    """`kept` are the heartbeats as one host reaches them, `elsewhere` as another does."""

    def test_a_host_without_a_heartbeat_has_none(self, kept: Heartbeats, pool: PoolSpec) -> None:
        assert kept.look(pool, "host-without") == b""

    def test_another_host_reads_what_was_written_last(
        self, kept: Heartbeats, elsewhere: Heartbeats, pool: PoolSpec
    ) -> None:
        for count in (1, 2):
            kept.renew(pool, "host-1", f"host-1 life {count}\n")
            assert elsewhere.look(pool, "host-1").split() == [b"host-1", b"life", str(count).encode()]

    def test_each_host_has_its_own(self, kept: Heartbeats, elsewhere: Heartbeats, pool: PoolSpec) -> None:
        kept.renew(pool, "host-1", "one")
        elsewhere.renew(pool, "host-2", "two")
        assert (kept.look(pool, "host-2").strip(), kept.look(pool, "host-1").strip()) == (b"two", b"one")

    def test_it_never_grows(self, kept: Heartbeats, pool: PoolSpec) -> None:
        kept.renew(pool, "host-1", "x" * 10_000)
        kept.renew(pool, "host-1", "short")
        assert kept.look(pool, "host-1").strip() == b"short"
        assert len(kept.look(pool, "host-1")) == 512
