"""Open pages follow what happens, without a reload and without polling."""

from __future__ import annotations

import pytest
from django.utils import timezone
from onebox.shell import wait_until
from playwright.sync_api import Browser, Page, Route, expect

from apps.compute.models import Image, Vm
from apps.compute.services.power import shut_down_vm
from apps.lifecycle.models import Operation, State
from apps.lifecycle.tenant_texts import CAUSES
from apps.network.models import Subnet
from apps.storage.models import Disk
from tests import factories
from tests.browser.conftest import Site
from tests.browser.sampled import sampled
from tests.compute.factories import ask_for_vms
from tests.storage.factories import ask_for_disks

pytestmark = [pytest.mark.browser, sampled]


@pytest.fixture(scope="module")
def subnet(site: Site) -> Subnet:
    return site.cloud.network(site.owner.tenant)


def new_vm(site: Site, subnet: Subnet, name: str) -> Vm:
    """Return a VM that runs."""
    (operation,) = ask_for_vms(factories.actor_for_user(site.owner), site.cloud, subnet, name=name)
    settle()
    return Vm.objects.get(pk=operation.target_id)


def settle() -> None:
    wait_until(lambda: not Operation.objects.open().exists(), "all operations to settle", seconds=60)


def mark(page: Page) -> None:
    """Leave a mark that a reload would wipe."""
    page.evaluate("window.notReloaded = true")


def not_reloaded(page: Page) -> bool:
    return bool(page.evaluate("window.notReloaded === true"))


@pytest.mark.requirement("UX-2")
def test_a_new_row_comes_on_top_and_its_state_changes_by_itself(
    site: Site, page: Page, subnet: Subnet
) -> None:
    new_vm(site, subnet, "first")
    site.open(page, "/vms/", site.owner)
    mark(page)
    new_vm(site, subnet, "second")
    top = page.locator("tbody tr").first
    expect(top).to_contain_text("second")
    expect(top.locator(".pill")).to_have_text("Running")
    assert not_reloaded(page)


@pytest.mark.requirement("UX-3")
def test_a_vm_is_shut_down_from_its_page_and_the_page_follows(site: Site, page: Page, subnet: Subnet) -> None:
    vm = new_vm(site, subnet, "shop")
    site.open(page, f"/vms/{vm.pk}/", site.owner)
    mark(page)
    page.get_by_role("button", name="Shut down").first.click()
    # Its end is told for some seconds, and state and buttons are those of a stopped VM.
    expect(page.locator("#toasts")).to_contain_text("Shut down: shop – Done")
    expect(page.locator(".detail-title .pill")).to_have_text("Stopped")
    expect(page.locator(".actions > form").get_by_role("button", name="Start", exact=True)).to_be_visible()
    assert not_reloaded(page)


@pytest.mark.requirement("UX-8")
def test_the_topology_of_a_vpc_follows_its_vms(site: Site, page: Page, subnet: Subnet) -> None:
    site.open(page, f"/vpcs/{subnet.vpc_id}/topology/", site.owner)
    mark(page)
    vm = new_vm(site, subnet, "drawn")
    machine = page.locator(".topology-machine", has_text="drawn")
    expect(machine.locator(".pill")).to_have_text("Running")
    shut_down_vm(factories.actor_for_user(site.owner), vm)
    expect(machine.locator(".pill")).to_have_text("Stopped")
    assert not_reloaded(page)


@pytest.mark.requirement("OP-4")
def test_a_failure_of_what_one_asked_for_is_told_with_its_cause(
    site: Site, page: Page, subnet: Subnet
) -> None:
    lost = Image.objects.create(
        kind="image",
        name="Lost image",
        region=site.cloud.region,
        cluster=site.cloud.storage,
        state=State.READY,
        default_disk_gib=40,
    )
    site.open(page, "/vms/create/", site.owner)
    page.fill("[name=name]", "doomed")
    page.check(f"[name=image][value='{lost.pk}']")
    page.get_by_role("button", name="Create VM").click()
    expect(page.locator(".under-way")).to_contain_text(CAUSES["volumes.image_missing"].message)
    # Its worker would try again for minutes: the image may be on its way.
    Operation.objects.open().update(deadline=timezone.now())
    note = page.locator("#toasts .toast-error")
    expect(note).to_contain_text("Create VM: doomed – Failed")
    settle()
    expect(note).to_contain_text(CAUSES["volumes.image_missing"].message)
    expect(page.locator(".detail-title .pill")).to_have_text("Failed")
    expect(page.locator(".detail-head .failed")).to_be_visible()


@pytest.mark.requirement("UX-4")
def test_deleting_asks_for_the_name_in_a_dialog_and_the_row_goes(
    site: Site, page: Page, subnet: Subnet
) -> None:
    new_vm(site, subnet, "old")
    site.open(page, "/vms/", site.owner)
    mark(page)
    row = page.locator("tbody tr", has_text="old").first
    row.get_by_role("button", name="Actions").click()
    row.get_by_text("Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("system disk")
    expect(dialog.locator("[name=typed_name]")).to_be_focused()
    page.keyboard.type("odl")
    expect(dialog.get_by_role("button", name="Delete")).to_be_disabled()
    dialog.locator("[name=typed_name]").fill("old")
    expect(dialog.get_by_role("button", name="Delete")).to_be_enabled()
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(page.locator("tbody tr", has_text="old")).to_have_count(0)
    assert not_reloaded(page)


@pytest.mark.requirement("UX-10")
def test_a_row_menu_is_worked_with_the_keyboard(site: Site, page: Page, subnet: Subnet) -> None:
    new_vm(site, subnet, "keys")
    site.open(page, "/vms/", site.owner)
    button = page.locator("tbody tr", has_text="keys").get_by_role("button", name="Actions")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".dropdown-menu.show .dropdown-item").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".dropdown-menu.show .dropdown-item").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(button).to_be_focused()


@pytest.mark.requirement("UX-1")
def test_the_search_box_narrows_the_list_and_the_url_and_back_undoes_it(
    site: Site, page: Page, subnet: Subnet
) -> None:
    for name in ("needle", "hay"):
        new_vm(site, subnet, name)
    site.open(page, "/vms/", site.owner)
    page.fill("#q", "needle")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page).to_have_url(f"{site.url}/vms/?q=needle")
    page.go_back()
    expect(page.locator("tbody tr", has_text="hay")).to_have_count(1)
    expect(page).to_have_url(f"{site.url}/vms/")


@pytest.mark.requirement("UX-10")
def test_a_theme_is_kept(site: Site, page: Page, subnet: Subnet) -> None:
    site.open(page, "/", site.owner)
    page.get_by_role("button", name="Appearance").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


@pytest.mark.requirement("UX-2")
def test_after_a_lost_connection_the_page_catches_up(site: Site, chromium: Browser, subnet: Subnet) -> None:
    vm = new_vm(site, subnet, "gap")
    # Not the `page` fixture: failing to connect is an error in the browser's console, and wanted here.
    page = chromium.new_context().new_page()
    page.set_default_timeout(60_000)
    site.open(page, "/vms/", site.owner)
    mark(page)
    site.platform.kill("web")
    expect(page.locator("#live-lost")).to_be_visible()
    Vm.objects.filter(pk=vm.pk).update(name="after-the-gap")
    site.platform.start("web")
    expect(page.locator("#live-lost")).to_be_hidden()
    expect(page.locator("tbody")).to_contain_text("after-the-gap")
    assert not_reloaded(page)
    page.context.close()


def test_a_menu_shows_nothing_old_that_its_answer_would_replace(
    site: Site, page: Page, subnet: Subnet
) -> None:
    vm = new_vm(site, subnet, "menu-twice")
    site.open(page, "/vms/", site.owner)
    row = page.locator(f"tr[data-id='{vm.pk}']")
    menu = row.locator(".dropdown-menu")
    actions = row.get_by_role("button", name="Actions")
    actions.click()
    expect(menu.get_by_text("Rename")).to_be_visible()
    actions.click()
    expect(menu).to_be_hidden()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/menu/", hold)
    actions.click()
    wait_until(lambda: (page.wait_for_timeout(20), held)[1], "the menu to be asked for", seconds=60)
    assert menu.get_by_text("Rename").count() == 0
    held[0].continue_()
    menu.get_by_text("Rename").click()
    expect(page.get_by_role("dialog").get_by_label("Name")).to_be_visible()


#: A connection that is made only when the test says so.
LATE = """
const Real = WebSocket;
window.WebSocket = class {
  constructor(url) {
    window.connectNow = () => {
      const real = new Real(url);
      real.onmessage = (event) => this.onmessage(event);
      real.onclose = (event) => this.onclose(event);
    };
  }
};
"""


@pytest.mark.requirement("UX-2")
def test_what_ended_while_the_page_was_connecting_is_shown(site: Site, page: Page) -> None:
    owner = factories.actor_for_user(site.owner)
    wanted = [ask_for_disks(owner, site.cloud, name=name) for name in ("original", "its-copy")]
    source, copy = (operation.target_id for (operation,) in wanted)
    settle()
    Disk.objects.filter(pk=copy).update(copied_from=source, independent_at=None)
    page.add_init_script(LATE)
    site.log_in(page.context, site.owner)
    page.goto(f"{site.url}/disks/{source}/")
    copies = page.locator(".copies")
    expect(copies).to_contain_text("copying")
    Disk.objects.filter(pk=copy).update(independent_at=timezone.now())
    page.evaluate("connectNow()")
    expect(copies).to_contain_text("Available")


@pytest.mark.requirement("UX-2")
def test_what_could_not_be_fetched_is_fetched_once_more(site: Site, page: Page, subnet: Subnet) -> None:
    vm = new_vm(site, subnet, "hiccup")
    site.open(page, f"/vms/{vm.pk}/", site.owner)
    refused: list[str] = []

    def refuse_once(route: Route) -> None:
        refused.append(route.request.url)
        route.fulfill(status=503) if len(refused) == 1 else route.continue_()

    page.route(f"**/vms/{vm.pk}/", refuse_once)
    shut_down_vm(factories.actor_for_user(site.owner), vm)
    settle()
    expect(page.locator(".detail-title .pill")).to_have_text("Stopped")
    assert refused


@pytest.mark.requirement("UX-2")
def test_a_page_that_lost_a_script_is_loaded_once_more_and_no_more(site: Site, page: Page) -> None:
    loads: list[str] = []
    page.on("request", lambda sent: loads.append(sent.url) if sent.is_navigation_request() else None)

    def lose_at_the_first(route: Route) -> None:
        if len(loads) == 1:
            route.abort("aborted")
        else:
            route.continue_()

    page.route("**/static/js/live.*.js", lose_at_the_first)
    site.open(page, "/vms/", site.owner)
    assert len(loads) == 2
    page.route("**/static/js/palette.*.js", lambda route: route.abort("aborted"))
    page.goto(site.url + "/vms/")
    expect(page.locator("body")).to_have_attribute("data-live", "on")
    assert len(loads) == 3, "within a minute it stays as it is"


@pytest.mark.requirement("UX-2")
def test_what_a_button_answers_is_shown_though_its_row_was_renewed_meanwhile(
    site: Site, page: Page, subnet: Subnet
) -> None:
    vm = new_vm(site, subnet, "renewed")
    site.open(page, "/vms/", site.owner)
    row = page.locator(f"tr[data-id='{vm.pk}']")
    row.evaluate("row => { row.querySelector('[hx-post$=\"/shut-down/\"]').click(); row.remove(); }")
    expect(page.locator("#toasts")).to_contain_text("renewed")
    settle()
