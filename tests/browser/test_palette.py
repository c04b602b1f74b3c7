"""The command palette: by keyboard alone, with what a screen reader is told, on a phone, and without scripts."""

from __future__ import annotations

import re

import pytest
from onebox.shell import wait_until
from playwright.sync_api import Browser, Page, expect

from apps.compute.models import Vm
from apps.lifecycle.models import Operation
from apps.network.models import Subnet
from tests import factories
from tests.browser.conftest import Site
from tests.browser.sampled import sampled
from tests.compute.factories import ask_for_vms

pytestmark = [pytest.mark.browser, pytest.mark.requirement("UX-7"), sampled]


@pytest.fixture(scope="module")
def subnet(site: Site) -> Subnet:
    return site.cloud.network(site.owner.tenant)


@pytest.fixture(scope="module")
def vm(site: Site, subnet: Subnet) -> Vm:
    """web-1, which runs, and web-2."""
    first, _second = (
        ask_for_vms(factories.actor_for_user(site.owner), site.cloud, subnet, name=name)[0]
        for name in ("web-1", "web-2")
    )
    wait_until(lambda: not Operation.objects.open().exists(), "all operations to settle", seconds=60)
    return Vm.objects.get(pk=first.target_id)


def test_a_vm_is_found_and_opened_by_keyboard(site: Site, page: Page, vm: Vm) -> None:
    site.open(page, "/", site.owner)
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox", name="Search and commands")
    expect(box).to_be_focused()
    page.keyboard.type("web-1")
    chosen = page.get_by_role("option", selected=True)
    expect(chosen).to_contain_text("web-1")
    expect(box).to_have_attribute("aria-activedescendant", f"palette-vm-{vm.pk}")
    expect(page.locator("#palette-said")).to_contain_text("result")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.url}/vms/{vm.pk}/")


def test_a_resources_actions_are_a_step_further_and_impossible_ones_say_why(
    site: Site, page: Page, vm: Vm
) -> None:
    site.open(page, "/", site.owner)
    page.keyboard.press("/")
    page.keyboard.type("web-1")
    expect(page.locator(f"#palette-vm-{vm.pk}")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Tab")
    start = page.get_by_role("option", name=re.compile("^Start"))
    expect(start).to_have_attribute("aria-disabled", "true")
    expect(start).to_contain_text("The VM is already running.")
    page.keyboard.press("Enter")
    expect(page.locator("#palette-said")).to_contain_text("Start: The VM is already running.")
    # Escape leads back to what was found, then out; the focus returns.
    page.keyboard.press("Escape")
    expect(page.locator(f"#palette-vm-{vm.pk}")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()


def test_stop_web_1_is_typed_and_done(site: Site, page: Page, vm: Vm) -> None:
    site.open(page, "/", site.owner)
    page.keyboard.press("Control+k")
    page.keyboard.type("stop web-2")
    expect(page.get_by_role("option", selected=True)).to_contain_text("Shut down: web-2")
    page.keyboard.press("Enter")
    expect(page.locator("#palette")).to_be_hidden()
    expect(page.locator("#toasts")).to_contain_text("Shut down: web-2 – Done")


def test_a_destructive_action_asks_in_its_dialog_first(site: Site, page: Page, vm: Vm) -> None:
    site.open(page, "/", site.owner)
    page.keyboard.press("Control+k")
    page.keyboard.type("delete web-1")
    expect(page.get_by_role("option", selected=True)).to_contain_text("Delete: web-1")
    page.keyboard.press("Enter")
    expect(page.locator("#dialog [name=typed_name]")).to_be_focused()
    assert Vm.objects.filter(pk=vm.pk).exists()


def test_pages_and_commands_are_there_at_once(site: Site, page: Page, vm: Vm) -> None:
    site.open(page, "/", site.owner)
    page.keyboard.press("Control+k")
    page.keyboard.type("dark")
    expect(page.get_by_role("option", name=re.compile("Dark"))).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.keyboard.press("Control+k")
    page.keyboard.type("quotas")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.url}/quotas/")


def test_slash_in_a_field_is_a_slash(site: Site, page: Page, vm: Vm) -> None:
    site.open(page, "/vms/", site.owner)
    page.locator("#q").fill("")
    page.locator("#q").press("/")
    expect(page.locator("#q")).to_have_value("/")
    expect(page.locator("#palette")).to_be_hidden()


def test_on_a_phone_it_fills_the_screen_and_is_tapped(site: Site, phone: Page, vm: Vm) -> None:
    site.open(phone, "/", site.owner)
    phone.locator("[data-palette-open]").click()
    phone.keyboard.type("web-1")
    phone.locator(f"#palette-vm-{vm.pk}").click()
    expect(phone).to_have_url(f"{site.url}/vms/{vm.pk}/")


def test_without_scripts_the_box_leads_to_results(site: Site, chromium: Browser, vm: Vm) -> None:
    context = chromium.new_context(java_script_enabled=False)
    context.set_default_timeout(60_000)
    plain = context.new_page()
    site.log_in(context, site.owner)
    plain.goto(f"{site.url}/")
    plain.locator("[data-palette-open]").click()
    plain.get_by_role("main").get_by_role("searchbox").fill("web-1")
    plain.get_by_role("main").get_by_role("button", name="Search").click()
    expect(plain.get_by_role("link", name="web-1", exact=True)).to_be_visible()
    context.close()
