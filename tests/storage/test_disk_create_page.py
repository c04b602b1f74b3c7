"""The page that creates disks: blank, from a snapshot, from a disk; and the page that takes a snapshot."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import Tenant, User
from apps.infrastructure.models import StorageCluster
from apps.portal.prefill import shown_values
from apps.storage import create_form
from apps.storage.limits import disk_limits
from apps.storage.models import Disk, Snapshot
from tests import factories
from tests.compute.factories import GIB, Cloud, make_cloud
from tests.storage.rows import disk_row, snapshot_row
from tests.storage.test_disk_pages import plain

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("EV-1"), pytest.mark.requirement("UX-5")]

PAGE = "/disks/create/"


@pytest.fixture
def browser(alice: User) -> Client:
    return factories.page_client(alice)


def typed(browser: Client, path: str = PAGE, **changes: Any) -> dict[str, Any]:
    """Return what a browser would send of the form as it was opened, with changes."""
    return {**dict(shown_values(browser.get(path).context["form"]).lists()), **changes}


def summary(browser: Client, form: dict[str, Any]) -> str:
    answer = browser.post(f"{PAGE}?preview=1", form, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    return plain(answer.content.decode())


def body_in(html: str) -> dict[str, Any]:
    found = re.search(r"data-api-body>(.*?)</pre>", html, re.DOTALL)
    assert found is not None
    body: dict[str, Any] = json.loads(unescape(found.group(1)))
    return body


def test_a_name_is_enough_for_a_blank_disk(browser: Client, cloud: Cloud, tenant_a: Tenant) -> None:
    answer = browser.post(PAGE, typed(browser, name="data"))
    assert answer.status_code == 302, answer.context["form"].errors
    disk = Disk.objects.get()
    assert answer["Location"] == f"/disks/{disk.pk}/"
    assert (disk.name, disk.size_gib, disk.cluster_id, disk.copied_from) == (
        "data",
        10,
        cloud.storage.pk,
        None,
    )


def test_the_summary_says_quota_capacity_limits_and_the_call(browser: Client, cloud: Cloud) -> None:
    StorageCluster.objects.update(
        capacity_bytes=100 * GIB, overcommit=100, provisioned_gib=40, observed_at=timezone.now()
    )
    html = summary(browser, typed(browser, name="data", count="2", size_gib="20"))
    iops, bytes_per_second = disk_limits(cloud.storage, 20)
    assert "20 GiB each, 40 GiB in total" in html
    assert "<dt>Capacity left</dt><dd>60 GiB</dd>" in html
    assert f"{iops:,} IOPS, {bytes_per_second >> 20:,} MiB/s" in html
    assert "0 → 2 of 100" in html and "0 → 40 of 10,000 GiB" in html and "Ready to create" in html
    body = body_in(html)
    assert {name: body[name] for name in ("name", "count", "size_gib", "cluster")} == {
        "name": "data",
        "count": 2,
        "size_gib": 20,
        "cluster": cloud.storage.pk,
    }
    assert "source" not in body
    assert "has 60 GiB left" in summary(browser, typed(browser, name="data", size_gib="70"))
    assert not Disk.objects.exists()


def test_several_disks_get_numbers(browser: Client, cloud: Cloud) -> None:
    assert browser.post(PAGE, typed(browser, name="data", count="3")).status_code == 302
    assert sorted(Disk.objects.values_list("name", flat=True)) == ["data-1", "data-2", "data-3"]


def test_a_link_from_a_snapshot_leaves_only_the_name_to_type(
    browser: Client, cloud: Cloud, tenant_a: Tenant
) -> None:
    snapshot = snapshot_row(disk_row(tenant_a, cloud))
    path = f"{PAGE}?source=snapshot&snapshot={snapshot.pk}"
    form = typed(browser, path, name="restored")
    body = body_in(summary(browser, form))
    assert body["snapshot"] == str(snapshot.pk) and not {"cluster", "disk", "size_gib"} & body.keys()
    assert browser.post(PAGE, form).status_code == 302
    made = Disk.objects.get(name="restored")
    assert (made.from_snapshot_id, made.size_gib) == (snapshot.pk, 20)


def test_a_disk_is_copied_as_it_is(browser: Client, cloud: Cloud, tenant_a: Tenant) -> None:
    source = disk_row(tenant_a, cloud)
    form = typed(browser, name="copy", source="disk", disk=source.pk, size_gib="30")
    assert browser.post(PAGE, form).status_code == 302
    made = Disk.objects.get(name="copy")
    assert (made.copied_from_id, made.from_snapshot_id, made.size_gib) == (source.pk, None, 30)
    form |= {"size_gib": "15"}
    assert "20 to 32000 GiB" in summary(browser, form)


@pytest.mark.parametrize("source", ["snapshot", "disk"])
def test_a_copy_of_nothing_is_refused_at_the_field(browser: Client, cloud: Cloud, source: str) -> None:
    answer = browser.post(PAGE, typed(browser, name="copy", source=source))
    assert answer.status_code == 422 and list(answer.context["form"].errors) == [source]
    assert not Disk.objects.exists()


@pytest.mark.requirement("SE-1")
def test_other_tenants_disks_are_neither_offered_nor_taken(
    browser: Client, cloud: Cloud, tenant_b: Tenant
) -> None:
    theirs = disk_row(tenant_b, cloud, "theirs")
    snapshot = snapshot_row(theirs, "their-snapshot")
    html = browser.get(f"{PAGE}?source=snapshot&snapshot={snapshot.pk}").content.decode()
    assert "their" not in html.partition("<form")[2]
    for form in ({"source": "disk", "disk": theirs.pk}, {"source": "snapshot", "snapshot": snapshot.pk}):
        assert browser.post(PAGE, typed(browser, name="mine", **form)).status_code == 422
    assert Disk.objects.count() == 1


@pytest.mark.requirement("EV-7")
def test_clusters_that_are_closed_or_not_permitted_are_not_offered(browser: Client, cloud: Cloud) -> None:
    factories.make_storage(cloud.region, "closed", accepts_disks=False)
    factories.make_storage(cloud.region, "private", open_to_all=False)
    html = browser.get(PAGE).content.decode()
    assert cloud.storage.name in html and "closed" not in html and "private" not in html


def test_the_newest_rows_are_offered_and_any_other_by_a_link(
    browser: Client, cloud: Cloud, tenant_a: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(create_form, "MOST_OFFERED", 2)
    disk = disk_row(tenant_a, cloud)
    old, *new = (snapshot_row(disk, f"snap-{number}") for number in range(3))
    html = browser.get(PAGE).content.decode()
    assert all(row.name in html for row in new) and old.name not in html
    path = f"{PAGE}?source=snapshot&snapshot={old.pk}"
    assert re.search(rf'value="{old.pk}"[^>]*checked', browser.get(path).content.decode())
    assert browser.post(PAGE, typed(browser, path, name="restored")).status_code == 302


def test_three_regions_are_offered_by_name_and_one_is_chosen(browser: Client, cloud: Cloud) -> None:
    others = [make_cloud(cloud.world), make_cloud(cloud.world)]
    page = browser.get(PAGE)
    html = page.content.decode()
    assert all(other.region.label in html for other in others)
    assert page.context["form"]["cluster"].initial in [c.storage for c in (cloud, *others)]


def test_a_similar_disk_has_size_and_place_of_the_first(
    browser: Client, cloud: Cloud, tenant_a: Tenant
) -> None:
    disk = disk_row(tenant_a, cloud, size_gib=77)
    form = typed(browser, f"{PAGE}?like={disk.pk}", name="second")
    assert browser.post(PAGE, form).status_code == 302
    assert Disk.objects.get(name="second").size_gib == 77


@pytest.mark.requirement("EV-3")
def test_a_snapshot_is_taken_of_the_disk_chosen(browser: Client, cloud: Cloud, tenant_a: Tenant) -> None:
    disk = disk_row(tenant_a, cloud)
    answer = browser.post("/snapshots/create/", {"name": "before", "disk": disk.pk})
    snapshot = Snapshot.objects.get()
    assert answer["Location"] == f"/snapshots/{snapshot.pk}/"
    assert (snapshot.disk_id, snapshot.name) == (disk.pk, "before")
