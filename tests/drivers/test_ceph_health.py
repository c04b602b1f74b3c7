"""Ceph's own words about itself, as the platform keeps them. The samples are of Ceph 18.2, shortened."""

import copy
from typing import Any

import pytest

from apps.drivers.pool_errors import pool_missing
from apps.drivers.rbd import health
from apps.drivers.rbd.errors import translated
from apps.drivers.rbd.names import parsed
from apps.drivers.specs import HealthCheck, PoolKind, PoolSpec, Severity
from tests.drivers.contracts.fabric import refused
from tests.drivers.samples import new_id

pytestmark = pytest.mark.requirement("CL-10")

POOL = PoolSpec("1", "rbd", "volumes", ("192.0.2.9:3300",), "scloud")
STATUS: dict[str, Any] = {
    "health": {
        "status": "HEALTH_WARN",
        "checks": {
            "OSD_DOWN": {"severity": "HEALTH_WARN", "summary": {"message": "1 osds down"}, "muted": False},
            "POOL_NO_REDUNDANCY": {
                "severity": "HEALTH_WARN",
                "summary": {"message": "1 pool(s)"},
                "muted": True,
            },
        },
    },
    "osdmap": {"num_osds": 3, "num_up_osds": 2, "num_in_osds": 3},
    "pgmap": {
        "num_objects": 40,
        "degraded_objects": 13,
        "recovering_bytes_per_sec": 1 << 20,
        "recovering_objects_per_sec": 2,
    },
}
DF: dict[str, Any] = {
    "stats": {"total_bytes": 30 << 30, "total_used_raw_bytes": 3 << 30},
    "pools": [{"name": "volumes", "stats": {"stored": 1 << 30, "max_avail": 9 << 30, "quota_bytes": 0}}],
}
RULE = {
    "steps": [
        {"op": "take", "item": -1},
        {"op": "chooseleaf_firstn", "num": 0, "type": "host"},
        {"op": "emit"},
    ]
}


def test_what_ceph_says_becomes_figures_and_findings() -> None:
    seen = health.health(STATUS, DF, {"size": 3, "min_size": 2}, RULE)
    assert seen.severity is Severity.WARNING
    assert seen.checks == (HealthCheck("OSD_DOWN", Severity.WARNING, "1 osds down"),)
    assert (seen.raw_capacity_bytes, seen.raw_used_bytes) == (30 << 30, 3 << 30)
    assert (seen.replicas, seen.replicas_needed, seen.failure_domain) == (3, 2, "host")
    assert (seen.osds, seen.osds_up, seen.osds_in) == (3, 2, 3)
    assert (seen.objects, seen.degraded_objects, seen.misplaced_objects) == (40, 13, 0)
    assert (seen.rebuild_bytes_per_second, seen.rebuild_objects_per_second) == (1 << 20, 2)


def test_capacity_is_of_users_data_and_ends_at_the_pools_quota() -> None:
    assert health.capacity(POOL, DF) == (10 << 30, 1 << 30)
    limited = copy.deepcopy(DF)
    limited["pools"][0]["stats"]["quota_bytes"] = 4 << 30
    assert health.capacity(POOL, limited) == (4 << 30, 1 << 30)
    with refused(pool_missing(POOL).code):
        health.capacity(PoolSpec("1", "rbd", "gone"), DF)


def test_texts_of_a_cluster_are_cut_to_one_printable_line() -> None:
    loud = copy.deepcopy(STATUS)
    loud["health"]["checks"]["OSD_DOWN"]["summary"]["message"] = "a\nb\x1b" + 500 * "x"
    (check,) = health.health(loud, DF, {}, {}).checks
    assert check.text.startswith("a b xx")
    assert len(check.text) == 128


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (110, "volumes.ceph_unreachable"),
        (108, "volumes.ceph_unreachable"),
        (1, "volumes.pool_forbidden"),
        (28, "volumes.pool_full"),
        (122, "volumes.pool_full"),
        (16, "volumes.volume_in_use"),
        (30, "volumes.volume_in_use"),
        (39, "volumes.has_children"),
        (5, "volumes.failed"),
    ],
)
def test_each_refusal_has_a_cause_a_code_and_a_next_step(number: int, code: str) -> None:
    error = OSError(number, "words")
    for errno in (number, -number):
        error.errno = errno
        found = translated(error, POOL)
        assert (found.code, bool(found.hint)) == (code, True)


def test_only_names_that_the_platform_gives_are_taken_for_its_own() -> None:
    id = new_id()
    assert parsed(f"volume-{id}") == (PoolKind.VOLUME, id)
    assert parsed(f"image-{id}") == (PoolKind.IMAGE, id)
    for name in (f"unfinished-image-{id}", f"volume-{id}x", "volume-", f"snapshot-{id}", "vm-100-disk-0"):
        assert parsed(name) is None
