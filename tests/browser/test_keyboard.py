"""Everything a person does here, with the keyboard alone; at every stop the focus can be seen."""

from __future__ import annotations

import re
from itertools import count

import pytest
from onebox.shell import wait_until
from playwright.sync_api import Locator, Page, expect

from apps.compute.models import Power, Vm
from apps.lifecycle.models import Operation
from apps.network.models import Subnet
from tests import factories
from tests.browser.conftest import Site
from tests.browser.sampled import sampled
from tests.compute.factories import ask_for_vms

pytestmark = [pytest.mark.browser, pytest.mark.requirement("UX-10"), pytest.mark.timeout(300), sampled]

MOST_STOPS = 120
_numbers = count(1)
#: What is drawn around the element that has the focus: an outline, a ring of shadow, or a border that changed.
RING = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return "nothing is focused";
  const marked = element.closest("label") ?? element;
  for (const one of [element, marked]) {
    const style = getComputedStyle(one);
    if (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1) return "";
    if (style.boxShadow !== "none") return "";
  }
  return element.outerHTML.slice(0, 200);
}"""


@pytest.fixture(scope="module")
def subnet(site: Site) -> Subnet:
    assert site.owner.tenant is not None
    return site.cloud.network(site.owner.tenant)


@pytest.fixture
def vms(site: Site, subnet: Subnet) -> list[Vm]:
    """Two that run, of a name no other test uses."""
    actor = factories.actor_for_user(site.owner)
    asked = ask_for_vms(actor, site.cloud, subnet, name=f"key{next(_numbers)}", count=2)
    wait_until(lambda: not Operation.objects.open().exists(), "all operations to settle", seconds=60)
    return list(Vm.objects.filter(pk__in=[operation.target_id for operation in asked]).order_by("name"))


def tab_to(page: Page, wanted: Locator, key: str = "Tab") -> None:
    """Press a key until the element has the focus, which must be visible at every stop on the way."""
    for _stop in range(MOST_STOPS):
        if wanted.count() == 1 and wanted.evaluate("element => element === document.activeElement"):
            assert page.evaluate(RING) == "", "the focus cannot be seen here"
            return
        page.keyboard.press(key)
        left_the_page = page.evaluate("document.activeElement === document.body")
        assert left_the_page or page.evaluate(RING) == "", "the focus cannot be seen here"
    raise AssertionError(f"{wanted} is not reached with {key}")


def press(page: Page, wanted: Locator, key: str = "Enter") -> None:
    """Go to the element and press a key on it."""
    tab_to(page, wanted)
    page.keyboard.press(key)


def opened(page: Page, path: str) -> None:
    """Wait for the page that was asked for: keys pressed before would go to the one that is left."""
    page.wait_for_url(re.compile(path))
    page.wait_for_selector("body[data-live=on]", state="attached")


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def test_log_in_skip_the_navigation_and_log_out(site: Site, page: Page) -> None:
    site.owner.set_password(factories.PASSWORD)
    site.owner.save()
    page.goto(site.url)
    expect(page.get_by_label("Username")).to_be_focused()
    page.keyboard.type(site.owner.username)
    tab_to(page, page.get_by_label("Password", exact=True))
    page.keyboard.type(factories.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("body[data-live=on]", state="attached")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    assert page.evaluate(RING) == ""
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.reload()
    press(page, page.get_by_role("banner").get_by_role("button", name=site.owner.username))
    page.keyboard.press("ArrowDown")
    tab_to(page, page.get_by_role("button", name="Log out"), "ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_create_a_vm_from_the_list(site: Site, page: Page, vms: list[Vm]) -> None:
    site.open(page, f"/vms/?q={vms[0].name[:-2]}", site.owner)
    press(page, page.get_by_role("link", name="Create VM").first)
    name = page.get_by_label("Name", exact=True)
    expect(name).to_be_focused()
    page.keyboard.type("typed")
    press(page, page.get_by_role("button", name="Create VM", exact=True))
    expect(page.get_by_role("heading", name="typed")).to_be_visible()
    assert Vm.objects.filter(name="typed").exists()


def test_stop_from_a_row_menu_and_stay_at_the_row(site: Site, page: Page, vms: list[Vm]) -> None:
    site.open(page, f"/vms/?q={vms[0].name[:-2]}", site.owner)
    menu = row(page, vms[0].name).get_by_role("button", name="Actions")
    press(page, menu)
    expect(page.locator(".dropdown-menu.show .dropdown-item").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    # By its first letters, as in any menu.
    page.keyboard.press("s")
    shut_down = page.locator(".dropdown-menu.show").get_by_role("button", name="Shut down")
    if not shut_down.evaluate("element => element === document.activeElement"):
        page.keyboard.press("s")
    expect(shut_down).to_be_focused()
    assert page.evaluate(RING) == ""
    page.keyboard.press("Enter")
    expect(row(page, vms[0].name).locator(".pill")).to_have_text("Stopped")
    expect(menu).to_be_focused()


def test_delete_after_typing_and_come_back_from_a_dialog(site: Site, page: Page, vms: list[Vm]) -> None:
    site.open(page, f"/vms/?q={vms[0].name[:-2]}", site.owner)
    menu = row(page, vms[0].name).get_by_role("button", name="Actions")
    press(page, menu)
    expect(page.locator(".dropdown-menu.show .dropdown-item").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("End")
    tab_to(page, page.locator(".dropdown-menu.show").get_by_role("link", name="Delete"), "ArrowUp")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("textbox")).to_be_focused()
    assert page.evaluate(RING) == ""
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(menu).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".dropdown-menu.show .dropdown-item").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    tab_to(page, page.locator(".dropdown-menu.show").get_by_role("link", name="Delete"), "ArrowDown")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("textbox")).to_be_focused()
    page.keyboard.type(vms[0].name)
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(row(page, vms[0].name)).to_have_count(0)
    assert not Vm.objects.filter(pk=vms[0].pk).exists()


def test_stop_several_rows_picked_with_the_space_bar(site: Site, page: Page, vms: list[Vm]) -> None:
    site.open(page, f"/vms/?q={vms[0].name[:-2]}", site.owner)
    for vm in reversed(vms):
        box = page.get_by_role("checkbox", name=f"Select {vm.name}")
        press(page, box, "Space")
        expect(box).to_be_checked()
    bar = page.get_by_role("group", name="Selected rows")
    expect(bar).to_contain_text("2 selected")
    shut_down = bar.get_by_role("button", name="Shut down")
    press(page, shut_down)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(shut_down).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    press(page, dialog.get_by_role("button", name="Shut down (2)"))
    expect(page.locator(".bulk-sum")).to_contain_text("2 done")
    assert {Vm.objects.get(pk=vm.pk).power for vm in vms} == {Power.OFF}


def test_open_a_tab_and_switch_the_theme(site: Site, page: Page, vms: list[Vm]) -> None:
    site.open(page, f"/vms/?q={vms[0].name[:-2]}", site.owner)
    press(page, page.get_by_role("link", name=vms[0].name, exact=True))
    opened(page, rf"/vms/{vms[0].pk}/$")
    press(page, page.get_by_role("navigation", name=vms[0].name).get_by_role("link", name="Disks"))
    opened(page, r"/disks/$")
    press(page, page.get_by_role("button", name="Appearance"))
    page.keyboard.press("ArrowDown")
    tab_to(page, page.get_by_role("button", name="Dark"), "ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    expect(page.get_by_role("button", name="Appearance")).to_be_focused()
    assert page.evaluate(RING) == ""


def test_every_stop_of_the_main_pages_shows_the_focus(site: Site, page: Page, vms: list[Vm]) -> None:
    site.open(page, "/", site.owner)
    for path in (
        "/",
        "/vms/",
        f"/vms/{vms[0].pk}/",
        "/vms/create/",
        "/operations/",
        "/account/",
        "/security-groups/",
    ):
        page.goto(site.url + path)
        unseen = []
        for _stop in range(MOST_STOPS):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement === document.body"):
                break
            unseen.append(page.evaluate(RING))
        assert [each for each in unseen if each] == [], path
