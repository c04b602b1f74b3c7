"""What users keep of their lists: columns, density, views; and what exports make of what others typed."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import User
from apps.compute.models import Vm
from apps.infrastructure.models import Host
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Resource
from apps.network.models import Subnet
from apps.portal.exports import CHUNK, cell
from apps.portal.models import ListSetting, SavedView
from tests import factories
from tests.compute.factories import Cloud, make_vm
from tests.portal.test_lists import names, shown

pytestmark = pytest.mark.requirement("UX-1")


@pytest.fixture
def vms(owner: Actor, cloud: Cloud, subnet: Subnet) -> list[Vm]:
    return [make_vm(owner, cloud, subnet, name=name) for name in ("web", "db")]


def keep(client: Client, **given: Any) -> None:
    answer = client.post("/lists/settings/", {"list": "portal.vm", "next": "/vms/?q=e", **given})
    assert (answer.status_code, answer["Location"]) == (302, "/vms/?q=e")


def save(client: Client, **given: Any) -> Any:
    return client.post("/lists/views/", {"list": "portal.vm", "path": "/vms/", "name": "mine", **given})


def heads(html: str) -> list[str]:
    return re.findall(r'hx-push-url="true"><span>([^<]+)</span>(?:<svg.*?</svg>)?</a>\s*</th>', html)


def test_chosen_columns_density_and_page_size_are_ones_own_and_can_be_forgotten(
    alice: User, mia: User, vms: list[Vm]
) -> None:
    client = factories.page_client(alice)
    usual = heads(shown(client, "/vms/"))
    keep(client, columns=["vcpu", "name", "no_such_column"], density="compact", page_size="25")
    html = shown(client, "/vms/")
    assert heads(html) == ["vCPU", "Name"]
    assert 'data-density="compact"' in html
    assert heads(shown(factories.page_client(mia), "/vms/")) == usual
    keep(client, do="reset")
    assert heads(shown(client, "/vms/")) == usual


def test_what_is_kept_costs_a_list_one_query_for_settings_and_one_for_views(
    alice: User, vms: list[Vm]
) -> None:
    client = factories.page_client(alice)
    for number in range(5):
        save(client, name=f"view {number}", query="q=web")
    with CaptureQueriesContext(connection) as queries:
        shown(client, "/vms/")
    assert len([query for query in queries if 'FROM "portal_' in query["sql"]]) == 2


def test_a_setting_leads_to_no_other_site(alice: User) -> None:
    client = factories.page_client(alice)
    for url in ("https://example.org/", "//example.org/", "javascript:alert(1)", ""):
        answer = client.post("/lists/settings/", {"list": "portal.vm", "next": url})
        assert answer["Location"] == "/"


def test_a_view_keeps_filter_order_and_columns(alice: User, vms: list[Vm]) -> None:
    client = factories.page_client(alice)
    answer = save(client, name="Web only", query="q=web&sort=-name", columns=["name", "mac"])
    html = shown(client, answer["Location"])
    assert names(html) == ["web"]
    assert heads(html) == ["Name", "MAC"]
    assert 'aria-sort="descending"' in html
    assert save(client, name="Web only").status_code == 422
    assert save(client, name="  ").status_code == 422


def test_a_list_opens_with_the_default_view_and_everything_is_one_link_away(
    alice: User, vms: list[Vm]
) -> None:
    client = factories.page_client(alice)
    save(client, query="q=web", default="1")
    led = client.get("/vms/")
    assert led.status_code == 302
    assert names(shown(client, led["Location"])) == ["web"]
    assert names(shown(client, "/vms/?view=all")) == ["db", "web"]
    assert client.get(f"/vms/?rows={vms[0].pk}").status_code == 200
    view = SavedView.objects.get()
    save(client, view=view.pk, query="q=web")
    assert client.get("/vms/").status_code == 200


@pytest.mark.requirement("AC-1")
def test_a_shared_view_is_for_the_tenant_and_only_its_owner_changes_it(
    alice: User, mia: User, bob: User, ada: User, vms: list[Vm]
) -> None:
    save(factories.page_client(mia), name="private", query="q=db")
    save(factories.page_client(alice), name="shared", query="q=web", shared="1")
    view = SavedView.objects.get(name="shared")
    client = factories.page_client(mia)
    html = shown(client, "/vms/")
    assert ">shared<" in html
    assert ">private<" in html
    assert ">private<" not in shown(factories.page_client(alice), "/vms/")
    for stranger, path in ((bob, "/vms/"), (ada, "/admin/vms/")):
        assert ">shared<" not in shown(factories.page_client(stranger), path)
    # Others use it, and may have the list open with it, but neither rename nor delete it.
    save(client, view=view.pk, name="renamed", query="", default="1")
    assert (
        client.post("/lists/views/", {"list": "portal.vm", "view": view.pk, "do": "delete"}).status_code
        == 403
    )
    view.refresh_from_db()
    assert (view.name, view.query) == ("shared", "q=web")
    assert ListSetting.objects.get(user=mia).default_view == view
    assert save(factories.page_client(bob), view=view.pk).status_code == 404


@pytest.mark.requirement("SE-5")
@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "＝"])
def test_no_text_in_an_export_is_a_formula(start: str, alice: User, vms: list[Vm]) -> None:
    Resource.objects.filter(pk=vms[0].pk).update(name=f'{start}HYPERLINK("http://example.org")')
    rows = exported(factories.page_client(alice), "/vms/?format=csv")
    assert f"'{start}HYPERLINK" in "".join(row["Name"] for row in rows)
    assert not any(value.startswith(start) for row in rows for value in row.values())
    assert cell(-5) == -5, "a number is no formula"


def exported(client: Client, path: str) -> list[dict[str, str]]:
    answer = client.get(path)
    text = b"".join(answer.streaming_content).decode().removeprefix("\ufeff")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_an_export_has_all_that_matches_in_the_columns_shown(
    alice: User, vms: list[Vm], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.portal.lists.PAGE_SIZE", 1)
    client = factories.page_client(alice)
    assert [row["Name"] for row in exported(client, "/vms/?format=csv&sort=name")] == ["db", "web"]
    keep(client, columns=["name", "vcpu", "created"])
    (row,) = exported(client, "/vms/?format=csv&q=web")
    assert row == {"Name": "web", "vCPU": "1", "Created": row["Created"]}
    assert row["Created"].startswith(f"{timezone.localdate():%Y-%m-%d}T")


def test_an_export_fetches_relations_by_the_chunk(
    alice: User, vms: list[Vm], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = factories.page_client(alice)
    exported(client, "/vms/?format=csv")
    with CaptureQueriesContext(connection) as one_chunk:
        exported(client, "/vms/?format=csv")
    monkeypatch.setattr("apps.portal.exports.CHUNK", 1)
    with CaptureQueriesContext(connection) as two_chunks:
        exported(client, "/vms/?format=csv")
    assert CHUNK >= 100
    assert 0 < len(two_chunks) - len(one_chunk) <= 4


@pytest.mark.requirement("UX-2")
def test_a_vm_on_a_host_out_of_reach_is_as_of_its_last_report(
    alice: User, vms: list[Vm], cloud: Cloud
) -> None:
    client = factories.page_client(alice)
    assert 'class="stale"' not in shown(client, "/vms/")
    assert 'class="as-of"' not in shown(client, f"/vms/{vms[0].pk}/")
    at = timezone.now() - timedelta(minutes=2)
    Host.objects.update(last_report_at=at)
    for html in (shown(client, "/vms/"), shown(client, f"/vms/{vms[0].pk}/")):
        assert f'<time datetime="{at.isoformat()}"' in html
        assert "as of" in html
        assert "stale" in html


def test_the_built_in_views_of_vms(alice: User, vms: list[Vm]) -> None:
    client = factories.page_client(alice)
    Resource.objects.filter(name="db").update(error={"message": "No room.", "code": "x"})
    assert names(shown(client, "/vms/?view=attention&attention=true")) == ["db"]
    assert names(shown(client, "/vms/?attention=false")) == ["web"]
    assert names(shown(client, "/vms/?view=running&power=on")) == ["db", "web"]


def test_an_administrator_keeps_columns_of_the_same_lists_too(ada: User, vms: list[Vm]) -> None:
    client = factories.page_client(ada)
    assert 'action="/admin/lists/settings/"' in shown(client, "/admin/vms/")
    given = {"list": "admin.vm", "columns": ["name", "host"], "next": "/admin/vms/"}
    assert client.post("/admin/lists/settings/", given).status_code == 302
    assert heads(shown(client, "/admin/vms/")) == ["Name", "Host"]


@pytest.mark.requirement("SE-8")
def test_views_are_bounded_for_a_user_and_for_a_tenant(
    alice: User, vera: User, mia: User, vms: list[Vm]
) -> None:
    """They stand on every page of the list: a viewer's 600 shared ones made 2 MB of it, for everybody."""
    query = "q=" + "y" * 3_900
    before = len(shown(factories.page_client(alice), "/vms/"))
    statuses = [
        [save(client, name=f"{number:03}", query=query, shared="1").status_code for number in range(60)]
        for client in map(factories.page_client, (vera, mia))
    ]
    assert statuses == [[302] * 50 + [409] * 10, [409] * 60]
    assert SavedView.objects.count() == 50
    assert len(shown(factories.page_client(alice), "/vms/")) - before < 500_000
    # Own ones are not used up by others, and a shared one can still be changed, or be kept for oneself.
    own = factories.page_client(mia)
    assert [save(own, name=f"{number:03}").status_code for number in range(51)] == [302] * 50 + [409]
    view = SavedView.objects.filter(user=mia).order_by("pk")[0]
    assert save(own, view=view.pk, name="renamed").status_code == 302
    assert save(own, view=view.pk, name="renamed", shared="1").status_code == 409
    view = SavedView.objects.filter(user=vera).order_by("pk")[0]
    assert save(factories.page_client(vera), view=view.pk, name="renamed", shared="1").status_code == 302
