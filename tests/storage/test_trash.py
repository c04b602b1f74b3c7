"""The trash of storage clusters is emptied by beat."""

from __future__ import annotations

import pytest

from apps.drivers.errors import DriverError
from apps.drivers.specs import PoolSpec
from apps.infrastructure import backends
from apps.storage.tasks import purge
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("EV-5")]


def test_each_ceph_pool_is_purged_and_one_that_does_not_answer_delays_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    region = factories.make_region()
    factories.make_storage(region, driver="memory")
    for name in ("silent", "good"):
        factories.make_storage(region, driver="rbd", path=name)
    asked = []

    def purge_pool(spec: PoolSpec, key: str) -> int:
        asked.append(spec.path)
        if spec.path == "silent":
            raise DriverError("no", code="volumes.ceph_unreachable")
        return 1

    monkeypatch.setitem(backends.POOL_PURGES, "rbd", purge_pool)
    purge()
    assert asked == ["silent", "good"]
