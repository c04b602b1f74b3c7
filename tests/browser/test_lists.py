"""Lists in a browser: filters by keyboard, columns, views, export, and what a host unreachable does to its rows."""

from __future__ import annotations

import csv
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.compute.models import Power, Vm
from apps.infrastructure.models import SILENCE, Host
from apps.network.models import Subnet
from tests.bench.test_lists import insert_vms
from tests.browser.conftest import Site
from tests.browser.sampled import sampled

pytestmark = [pytest.mark.browser, sampled]


@pytest.fixture(scope="module")
def subnet(site: Site) -> Subnet:
    """A subnet with sixty VMs that run, of which one is off."""
    subnet = site.cloud.network(site.owner.tenant)
    insert_vms(site.owner.tenant, 60, subnet, site.cloud.hosts[0], site.cloud.image, site.cloud.small)
    Vm.objects.filter(name="vm-7").update(power=Power.OFF, power_seen=Power.OFF, power_seen_at=later())
    return subnet


def later() -> object:
    """What hosts report meanwhile is older, and says nothing of these VMs."""
    return timezone.now() + timedelta(days=1)


@pytest.mark.requirement("UX-1")
@pytest.mark.requirement("UX-10")
def test_filters_are_set_turned_round_and_taken_away_with_the_keyboard(
    site: Site, page: Page, subnet: Subnet
) -> None:
    site.open(page, "/vms/", site.owner)
    page.get_by_role("button", name="State", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name="State").get_by_label("Search options")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Running", exact=True)).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(page.locator("#list tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"\?status=stopped$"))
    page.get_by_role("group", name="State").get_by_label("is not").focus()
    page.keyboard.press("Space")
    expect(page.locator(".chip")).to_have_text("State is not Stopped")
    expect(page.locator("#list tbody tr")).to_have_count(50)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="State", exact=True)).to_be_focused()
    page.get_by_role("link", name="Remove the filter State is not Stopped").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".chip")).to_have_count(0)
    expect(page.locator(".control.active")).to_have_count(0)


@pytest.mark.requirement("UX-1")
def test_a_filter_is_added_and_reload_and_back_keep_to_the_url(
    site: Site, page: Page, subnet: Subnet
) -> None:
    site.open(page, "/vms/", site.owner)
    page.get_by_role("button", name="Filter", exact=True).click()
    page.locator("[data-add-filter=memory]").click()
    field = page.get_by_label("at least")
    expect(field).to_be_focused()
    field.fill("4")
    page.keyboard.press("Enter")
    expect(page.locator("#list")).to_contain_text("No matches.")
    page.reload()
    expect(page.locator(".chip")).to_have_text("Memory (GiB) ≥ 4")
    page.get_by_role("link", name="Clear all").click()
    expect(page.locator("#list tbody tr")).to_have_count(50)
    page.go_back()
    expect(page.locator("#list")).to_contain_text("No matches.")


@pytest.mark.requirement("UX-1")
def test_columns_are_chosen_ordered_kept_and_put_back(site: Site, page: Page, subnet: Subnet) -> None:
    site.open(page, "/vms/", site.owner)
    heads = page.locator("#list thead th:not(.row-pick):not(.row-menu)")
    usual = heads.all_inner_texts()
    page.get_by_role("button", name="Columns").click()
    panel = page.locator(".columns-panel")
    panel.get_by_label("Image", exact=True).uncheck()
    panel.get_by_label("Instance type", exact=True).check()
    panel.get_by_role("button", name="Move State down").press("Enter")
    panel.locator("[name=page_size]").select_option("25")
    panel.locator("[name=density]").select_option("compact")
    panel.get_by_role("button", name="Apply").click()
    expect(page.locator("#list[data-density=compact] tbody tr")).to_have_count(25)
    chosen = heads.all_inner_texts()
    assert chosen[:3] == ["Name", "IP address", "State"]
    assert "Image" not in chosen
    assert "Instance type" in chosen
    page.get_by_role("button", name="Columns").click()
    panel.get_by_role("button", name="Reset").click()
    expect(page.locator("#list tbody tr")).to_have_count(50)
    assert heads.all_inner_texts() == usual


@pytest.mark.requirement("UX-1")
def test_a_view_is_saved_opened_and_deleted(site: Site, page: Page, subnet: Subnet) -> None:
    site.open(page, "/vms/?status=stopped&sort=-name", site.owner)
    page.get_by_role("button", name="Save as a view").click()
    page.get_by_label("View name").fill("Idle machines")
    page.get_by_role("button", name="Save", exact=True).click()
    tab = page.get_by_role("navigation", name="Views").get_by_role("link", name="Idle machines")
    expect(tab).to_have_attribute("aria-current", "page")
    page.get_by_role("link", name="All", exact=True).click()
    expect(page.locator("#list tbody tr")).to_have_count(50)
    tab.click()
    expect(page.locator("#list tbody tr")).to_have_count(1)
    expect(page.locator("#list th[aria-sort=descending]")).to_have_text("Name")
    page.get_by_role("button", name="Change this view").click()
    page.get_by_role("button", name="Delete view").click()
    expect(page.get_by_role("link", name="Idle machines")).to_have_count(0)


@pytest.mark.requirement("UX-1")
def test_what_matches_is_downloaded_whole(site: Site, page: Page, subnet: Subnet, tmp_path: Path) -> None:
    site.open(page, "/vms/?status=running&sort=name", site.owner)
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    lines = list(csv.DictReader(file.open(encoding="utf-8-sig")))
    assert file.name.startswith("vms-")
    assert [line["Name"] for line in lines] == sorted(f"vm-{n}" for n in range(1, 61) if n != 7)


@pytest.mark.requirement("UX-2")
def test_a_host_out_of_reach_greys_its_vms_and_coming_back_ungreys_them(
    site: Site, page: Page, subnet: Subnet
) -> None:
    host = Host.objects.filter(pk=site.cloud.hosts[0].pk)
    site.open(page, "/vms/", site.owner)
    page.evaluate("window.notReloaded = true")
    first = page.locator("#list tbody tr").first
    expect(page.locator("tr.stale")).to_have_count(0)
    # Nobody reports for it any more; almost long enough ago already.
    host.update(driver="agent", last_report_at=timezone.now() - SILENCE + timedelta(seconds=1))
    expect(first).to_have_class(re.compile("stale"))
    expect(first.locator(".as-of")).to_have_text(re.compile(r"as of \d\d:\d\d:\d\d"))
    host.update(driver="memory")
    expect(page.locator("tr.stale")).to_have_count(0)
    assert page.evaluate("window.notReloaded === true")
