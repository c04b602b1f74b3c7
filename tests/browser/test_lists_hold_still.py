"""A list does not move while what it shows changes, and none of its cells is cut."""

from __future__ import annotations

import re
from typing import Any

import pytest
from onebox.shell import wait_until
from playwright.sync_api import Browser, Page, expect

from apps.compute.models import Vm
from apps.compute.services.power import shut_down_vm, start_vm
from apps.lifecycle.models import Operation, Resource
from apps.network.models import Subnet
from tests import factories
from tests.browser.conftest import Site
from tests.browser.sampled import sampled
from tests.compute.factories import ask_for_vms

pytestmark = [pytest.mark.browser, pytest.mark.requirement("UX-13"), sampled]

COUNT = 10
LONG = "a-name-of-sixty-letters-that-would-push-all-the-columns-away"
WIDTHS = (1440, 1024, 390)
#: A cause is visible before it is put beside its pill.
PLACED = re.compile(r"\bplaced\b")

# Every layout shift, also those right after a click; and in every frame where columns begin and how high rows are.
WATCH = """() => {
  window.shifts = [];
  new PerformanceObserver((list) => window.shifts.push(...list.getEntries().map((entry) => entry.value)))
    .observe({ type: "layout-shift" });
  window.places = new Set();
  const look = () => {
    const heads = [...document.querySelectorAll("#list thead th")].map((head) => head.getBoundingClientRect().left);
    const rows = [...document.querySelectorAll("#list tbody tr")].map((row) => row.getBoundingClientRect().height);
    window.places.add(JSON.stringify([heads, rows]));
    requestAnimationFrame(look);
  };
  look();
}"""
# Cells whose content is cut without an ellipsis, or that reach beyond the list.
CUT = """() => {
  const end = document.querySelector("#list .table-wrap").getBoundingClientRect().right + 1;
  const cells = [...document.querySelectorAll("#list :is(th, td)")].filter((cell) => cell.offsetWidth);
  return cells.filter((cell) => cell.getBoundingClientRect().right > end).map((cell) => cell.innerText);
}"""


@pytest.fixture(scope="module")
def vms(site: Site) -> list[Vm]:
    """Ten VMs that run."""
    subnet: Subnet = site.cloud.network(site.owner.tenant)
    ask_for_vms(factories.actor_for_user(site.owner), site.cloud, subnet, name="web", count=COUNT)
    settle()
    found = list(Vm.objects.order_by("created_at"))
    Resource.objects.filter(pk=found[3].pk).update(name=LONG, description=f"Description of {LONG}")
    return found


def settle() -> None:
    wait_until(lambda: not Operation.objects.open().exists(), "all operations to settle", seconds=60)


def fail(vm: Vm) -> None:
    """Leave a cause on a VM, as an operation that failed does."""
    error = {"code": "host.unreachable", "message": "Host h-1 did not respond.", "hint": "Check the host."}
    Resource.objects.filter(pk=vm.pk).update(error=error)


def test_nothing_moves_while_ten_vms_change_their_state(site: Site, chromium: Browser, vms: list[Vm]) -> None:
    pages = [open_list(site, chromium, width) for width in WIDTHS]
    actor = factories.actor_for_user(site.owner)
    for act, word in ((shut_down_vm, "Stopped"), (start_vm, "Running")):
        for vm in Vm.objects.all():
            act(actor, vm)
        settle()
        for page in pages:
            expect(page.locator("#list .pill", has_text=word)).to_have_count(COUNT)
    for page, width in zip(pages, WIDTHS, strict=True):
        seen = page.evaluate("[window.shifts, [...window.places]]")
        assert seen[0] == [], f"the page shifted at {width} px"
        assert len(seen[1]) == 1, f"columns or rows moved at {width} px"
        page.context.close()


def open_list(site: Site, chromium: Browser, width: int) -> Page:
    """Open the list of VMs in a window of its own, and watch it."""
    context = chromium.new_context(viewport={"width": width, "height": 1000})
    context.set_default_timeout(60_000)
    site.log_in(context, site.owner)
    page = context.new_page()
    site.open(page, "/vms/")
    expect(page.locator("#list tbody tr")).to_have_count(COUNT)
    page.evaluate("document.fonts.ready")
    page.evaluate(WATCH)
    return page


@pytest.mark.parametrize("width", [1920, 1440, 1280, 1024, 800])
def test_no_cell_is_cut_by_the_edge_of_the_list(site: Site, page: Page, vms: list[Vm], width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    for path in ("/vms/", "/operations/", "/disks/", "/audit/", "/subnets/"):
        site.open(page, path, site.owner)
        assert page.evaluate(CUT) == [], path
        assert page.locator("#list .overflows").count() == 0


def test_what_does_not_fit_has_an_ellipsis_and_a_hint(site: Site, page: Page, vms: list[Vm]) -> None:
    site.open(page, "/vms/", site.owner)
    name = page.locator(".row-name", has_text=LONG)
    assert name.evaluate("name => getComputedStyle(name).textOverflow") == "ellipsis"
    name.hover()
    expect(name).to_have_attribute("title", LONG)


def test_columns_one_has_chosen_scroll_and_the_name_stays(site: Site, page: Page, vms: list[Vm]) -> None:
    page.set_viewport_size({"width": 1024, "height": 900})
    chosen = ["name", "state", "ip", "mac", "vpc", "subnet", "id", "created"]
    site.open(page, "/vms/", site.owner)
    token = page.locator(".columns-panel input[name=csrfmiddlewaretoken]").get_attribute("value") or ""
    form: dict[str, Any] = {
        "csrfmiddlewaretoken": token,
        "list": "portal.vm",
        "next": "/vms/",
        "columns": chosen,
    }
    keep(page, form)
    wrap = page.locator("#list .table-wrap.overflows")
    wrap.wait_for()
    name = page.locator("td.w-name").first
    before = name.bounding_box()
    wrap.evaluate("wrap => wrap.scrollTo(400, 0)")
    assert wrap.evaluate("wrap => wrap.scrollLeft") > 200
    after = name.bounding_box()
    assert before is not None and after is not None
    assert 0 <= before["x"] - after["x"] < 60, "but for the box that selects the row"
    keep(page, {**form, "do": "reset"})


def keep(page: Page, form: dict[str, Any]) -> None:
    """Send the form of the columns, and load the list."""
    script = """form => {
      const data = new FormData();
      for (const [name, value] of Object.entries(form)) for (const one of [value].flat()) data.append(name, one);
      return fetch("/lists/settings/", { method: "POST", body: data });
    }"""
    page.evaluate(script, form)
    page.reload()
    page.evaluate("document.fonts.ready.then(() => null)")


def test_the_head_stays_below_the_top_bar(site: Site, page: Page, vms: list[Vm]) -> None:
    page.set_viewport_size({"width": 1440, "height": 420})
    site.open(page, "/vms/", site.owner)
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    top, head = (
        page.locator("header.top").bounding_box(),
        page.locator("#list thead th").nth(1).bounding_box(),
    )
    assert top is not None and head is not None
    assert head["y"] == pytest.approx(top["y"] + top["height"], abs=1)


@pytest.mark.requirement("UX-10")
def test_a_cause_opens_by_keyboard_and_by_touch_and_stays_while_its_row_changes(
    site: Site, page: Page, phone: Page, vms: list[Vm]
) -> None:
    fail(vms[0])
    site.open(page, "/vms/", site.owner)
    row = page.locator(f"tr[data-id='{vms[0].pk}']")
    pill, cause = row.locator("button.pill"), row.locator(".why")
    expect(cause).to_be_hidden()
    pill.focus()
    page.keyboard.press("Enter")
    expect(cause).to_be_visible()
    expect(cause).to_contain_text("The host is not responding.")
    expect(cause.locator("code")).to_have_text("host.unreachable")
    expect(cause).to_contain_text("Retry later.")
    expect(cause).to_have_class(PLACED)
    near, box = pill.bounding_box(), cause.bounding_box()
    assert near is not None and box is not None
    assert abs(box["y"] - near["y"] - near["height"]) < 12, "beside its pill"
    shut_down_vm(factories.actor_for_user(site.owner), vms[0])
    settle()
    expect(cause).to_be_visible()
    page.keyboard.press("Escape")
    expect(row.locator(".pill")).to_have_text("Stopped")
    fail(vms[1])
    site.open(phone, "/vms/", site.owner)
    there = phone.locator(f"tr[data-id='{vms[1].pk}']")
    there.locator("button.pill").tap() if phone.evaluate("'ontouchstart' in window") else there.locator(
        "button.pill"
    ).click()
    expect(there.locator(".why")).to_be_visible()
    expect(there.locator(".why")).to_have_class(PLACED)
    box = there.locator(".why").bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390


def test_a_vm_is_stopped_and_started_on_its_row_without_a_button_that_becomes_another(
    site: Site, page: Page, vms: list[Vm]
) -> None:
    site.open(page, "/vms/", site.owner)
    row = page.locator(f"tr[data-id='{vms[5].pk}']")
    stop, start = (row.locator(".row-button").nth(place) for place in (2, 1))
    places = [stop.bounding_box(), start.bounding_box()]
    stop.focus()
    page.keyboard.press("Enter")
    expect(row.locator(".pill")).to_have_text("Stopped")
    expect(stop).to_have_attribute("aria-disabled", "true")
    expect(stop).to_be_focused()
    assert [stop.bounding_box(), start.bounding_box()] == places
    start.click()
    expect(row.locator(".pill")).to_have_text("Running")
    expect(row.get_by_role("link", name="Console")).to_have_attribute("target", "_blank")


def test_pages_are_named_and_can_be_jumped_to(site: Site, page: Page, vms: list[Vm]) -> None:
    site.open(page, "/operations/?view=all", site.owner)
    token = page.locator(".columns-panel input[name=csrfmiddlewaretoken]").get_attribute("value") or ""
    form: dict[str, Any] = {
        "csrfmiddlewaretoken": token,
        "list": "portal.operation",
        "next": "/",
        "page_size": "25",
    }
    keep(page, form)
    pager = page.get_by_role("navigation", name="Pages")
    expect(pager).to_contain_text("1–25 of ")
    pager.get_by_role("link", name="Page 2", exact=True).click()
    expect(pager).to_contain_text("26–")
    expect(pager.locator("[aria-current=page]")).to_have_text("2")
    keep(page, {**form, "do": "reset"})
