"""Many rows at once, as a person does it: pick, ask, see what became of each."""

from __future__ import annotations

import re

import pytest
from onebox.shell import wait_until
from playwright.sync_api import Browser, Locator, Page, expect

from apps.compute.models import Vm
from apps.lifecycle.models import Operation
from apps.network.models import Subnet
from apps.portal.models import ListSetting
from tests import factories
from tests.browser.conftest import Site
from tests.browser.sampled import sampled
from tests.compute.factories import ask_for_vms

pytestmark = [pytest.mark.browser, sampled]


START = re.compile("^Start")


@pytest.fixture(scope="module")
def subnet(site: Site) -> Subnet:
    assert site.owner.tenant is not None
    return site.cloud.network(site.owner.tenant)


def new_vms(site: Site, subnet: Subnet, name: str, count: int) -> None:
    """Make VMs named name-1 … that run."""
    ask_for_vms(factories.actor_for_user(site.owner), site.cloud, subnet, name=name, count=count)
    settle()


def settle() -> None:
    wait_until(lambda: not Operation.objects.open().exists(), "all operations to settle", seconds=60)


def box(page: Page, name: str) -> Locator:
    return page.get_by_role("checkbox", name=f"Select {name}", exact=True)


def bar(page: Page) -> Locator:
    return page.get_by_role("group", name="Selected rows")


@pytest.mark.requirement("UX-4", "VM-3")
def test_several_are_shut_down_and_each_outcome_is_followed_to_its_end(
    site: Site, page: Page, subnet: Subnet
) -> None:
    new_vms(site, subnet, "shop", 4)
    site.open(page, "/vms/?q=shop", site.owner)
    expect(bar(page)).to_be_hidden()
    box(page, "shop-1").click()
    box(page, "shop-3").click(modifiers=["Shift"])
    expect(bar(page)).to_contain_text("3 selected")
    start = bar(page).get_by_role("button", name=START)
    expect(start).to_have_attribute("aria-disabled", "true")
    expect(start).to_have_attribute("title", "The VM is already running.")
    bar(page).get_by_role("button", name="Shut down").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("To be processed: 3")
    dialog.get_by_role("button", name="Shut down (3)").click()
    expect(page).to_have_url(re.compile(r"/bulk/[0-9a-f-]+/$"))
    expect(page.get_by_role("row", name="shop-2")).to_contain_text("Done")
    expect(page.locator(".bulk-sum")).to_contain_text("3 done")
    page.reload()
    expect(page.locator(".bulk-sum")).to_contain_text("3 done")
    page.get_by_role("link", name="Back to the list").click()
    expect(page.locator("tbody .pill", has_text="Stopped")).to_have_count(3)


@pytest.mark.requirement("UX-4", "UX-2")
def test_a_selection_outlasts_live_changes_of_its_rows_and_the_bar_follows(
    site: Site, page: Page, subnet: Subnet
) -> None:
    new_vms(site, subnet, "live", 2)
    site.open(page, "/vms/?q=live", site.owner)
    page.get_by_role("checkbox", name="Select all on this page").check()
    expect(bar(page)).to_contain_text("2 selected")
    expect(bar(page).get_by_role("button", name=START)).to_have_attribute("aria-disabled", "true")
    first = page.get_by_role("row", name=re.compile("live-1"))
    first.get_by_role("button", name="Actions").click()
    first.get_by_role("group", name="Operate").get_by_role("button", name="Shut down").click()
    expect(first.locator(".pill")).to_have_text("Stopped")
    expect(box(page, "live-1")).to_be_checked()
    expect(bar(page).get_by_role("button", name=START)).not_to_have_attribute("aria-disabled", "true")
    expect(bar(page).get_by_role("button", name=START)).to_contain_text("1/2")
    bar(page).get_by_role("button", name="Clear selection").click()
    expect(bar(page)).to_be_hidden()
    expect(box(page, "live-1")).not_to_be_checked()


@pytest.mark.requirement("UX-4")
def test_all_that_match_are_deleted_after_the_words_are_typed(site: Site, page: Page, subnet: Subnet) -> None:
    # More than one page, of which only the first is in sight.
    ListSetting.objects.create(user=site.owner, list_key="portal.vm", page_size=25)
    for number in range(3):
        new_vms(site, subnet, f"old-{number}", 10)
    site.open(page, "/vms/?q=old", site.owner)
    page.get_by_role("checkbox", name="Select all on this page").check()
    expect(bar(page)).to_contain_text("25 selected")
    page.get_by_role("checkbox", name="All 30 matching").check()
    expect(bar(page)).to_contain_text("30 selected")
    bar(page).get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("To be processed: 30")
    typed = dialog.get_by_label("Type delete 30 to confirm")
    expect(typed).to_be_focused()
    submit = dialog.get_by_role("button", name="Delete (30)")
    expect(submit).to_be_disabled()
    typed.fill("delete 25")
    expect(submit).to_be_disabled()
    typed.fill("delete 30")
    expect(submit).to_be_enabled()
    page.keyboard.press("Enter")
    expect(page.locator(".bulk-sum")).to_contain_text("30 done")
    assert not Vm.objects.filter(name__startswith="old").exists()


@pytest.mark.requirement("UX-4")
def test_it_works_without_scripts(site: Site, chromium: Browser, subnet: Subnet) -> None:
    new_vms(site, subnet, "plain", 2)
    context = chromium.new_context(java_script_enabled=False)
    context.set_default_timeout(60_000)
    page = context.new_page()
    site.log_in(context, site.owner)
    page.goto(f"{site.url}/vms/?q=plain")
    box(page, "plain-1").check()
    box(page, "plain-2").check()
    bar(page).get_by_role("button", name="Restart").click()
    expect(page.get_by_role("heading", name="Restart: 2 selected")).to_be_visible()
    page.get_by_role("button", name="Restart (2)").click()
    expect(page).to_have_url(re.compile(r"/bulk/[0-9a-f-]+/$"))
    expect(page.get_by_role("row", name="plain-2")).to_be_visible()
    settle()
    context.close()
