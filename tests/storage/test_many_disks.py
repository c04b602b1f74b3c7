"""A tenant with 1,000 disks and 20 snapshots of each."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Tenant, User
from apps.storage.models import Disk, Snapshot
from tests import factories
from tests.compute.factories import Cloud
from tests.storage.many_disks import insert_disks

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("UX-14"), pytest.mark.requirement("EV-1")]


@pytest.mark.requirement("EV-5")
def test_lists_and_details_of_a_thousand_disks_take_no_more_queries_than_those_of_some(
    alice: User, tenant_a: Tenant, bob: User, tenant_b: Tenant, cloud: Cloud
) -> None:
    insert_disks(tenant_a, cloud.storage, 60, 20)  # More than one page, as of the many.
    insert_disks(tenant_b, cloud.storage, 1000, 20)
    few, many = queries(alice, tenant_a), queries(bob, tenant_b)
    assert few == many
    assert max(many.values()) < 40, many
    assert snapshot_rows_read(bob, tenant_b) < 1000, "the 20 of the disk, not all 20,000"


def snapshot_rows_read(user: User, tenant: Tenant) -> int:
    """Return how many rows PostgreSQL reads for a statement about snapshots on the page of a disk, at most."""
    disk = Disk.objects.filter(tenant=tenant).earliest("created_at").pk
    page = factories.page_client(user)
    with CaptureQueriesContext(connection) as seen:
        assert page.get(f"/disks/{disk}/").status_code == 200
    return max(rows_read(each["sql"]) for each in seen if 'FROM "storage_snapshot"' in each["sql"])


def rows_read(sql: str) -> int:
    """Return how many rows PostgreSQL reads for a statement, at all steps of its plan."""

    def of(plan: dict[str, Any]) -> int:
        own = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        return int(own * plan["Actual Loops"]) + sum(map(of, plan.get("Plans", ())))

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
        ((plan,),) = cursor.fetchone()
    return of(plan["Plan"])


def queries(user: User, tenant: Tenant) -> dict[str, int]:
    """Return how many queries each page and each answer of the API takes."""
    disk = Disk.objects.filter(tenant=tenant).earliest("created_at").pk
    snapshot = Snapshot.objects.filter(tenant=tenant).earliest("created_at").pk
    paths = {
        "disks": "disks",
        "disk": f"disks/{disk}",
        "its snapshots": f"disks/{disk}/snapshots",
        "snapshots": "snapshots",
        "snapshot": f"snapshots/{snapshot}",
        "snapshots of a disk": f"snapshots?disk={disk}",
    }
    page, found = factories.page_client(user), {}
    api = Client(headers={"Authorization": f"Bearer {factories.api_token(user)}"})
    for name, path in paths.items():
        place, mark, query = path.partition("?")
        found[f"page: {name}"] = count(page, f"/{place}/{mark}{query}")
        if name != "its snapshots":
            found[f"API: {name}"] = count(api, f"/api/v1/{path}")
    return found


def count(client: Client, path: str) -> int:
    """Return how many queries an answer takes, not the first one."""
    assert client.get(path).status_code == 200, path
    with CaptureQueriesContext(connection) as seen:
        client.get(path)
    return len(seen)
