"""The page in a browser, on a real screen: a guest under a host's QEMU that echoes what it is sent.

Web and console proxy run as they do in production; the test takes the worker's and the agent's part, so that it decides
what a ticket finds. The whole way, on a guest with an operating system, is in test_journey.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, Route, expect

from apps.accounts.models import ProjectUserObjectPermission, Role, User
from apps.accounts.secrets import unseal
from apps.compute.models import Power, Vm
from apps.console.models import ConsoleTicket
from apps.console.services import mark_opened
from apps.infrastructure import backends
from apps.lifecycle.models import Operation
from apps.lifecycle.tenant_texts import CAUSES
from tests import factories
from tests.browser.conftest import PICTURES, Site
from tests.browser.test_accessibility import violations
from tests.compute.factories import make_cloud
from tests.console.conftest import wait_until
from tests.console.factories import make_vm
from tests.console.guest import EchoGuest, running_guest
from tests.console.viewer import native_viewer
from tests.onebox_fixtures import Onebox
from tests.platform_fixtures import Platform

pytestmark = [
    pytest.mark.browser,
    pytest.mark.requirement("VN-1"),
    pytest.mark.campaign("guests on real hosts", ("apps/console/", "static/js/console"), share=2),
]

EVERY_KEY = "the QUICK brown fox 0123456789 `-=[]\\;',./ ~!@#$%^&*()_+{}|:\"<>?"
PAINTED = """() => {
    const canvas = document.querySelector('#screen canvas');
    if (!canvas || !canvas.width) return 0;
    const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    let painted = 0;
    for (let at = 0; at < data.length; at += 4) if (data[at] || data[at + 1] || data[at + 2]) painted++;
    return painted;
}"""


@dataclass
class ConsoleSite:
    """A site, somebody who operates VMs on it, and a screen."""

    site: Site
    operator: User
    guest: EchoGuest

    def vm(self, power: str = Power.ON) -> Vm:
        """Make a VM whose screen is the guest's."""
        project = factories.default_project(self.site.owner.tenant)
        return make_vm(project, self.site.cloud.hosts[0], power)

    def open(self, page: Page, vm: Vm) -> None:
        """Log in and open the VM's console page."""
        self.site.open(page, f"/vms/{vm.pk}/console/", self.operator)

    def answer(self, vm: Vm) -> ConsoleTicket:
        """Wait for the page's ticket and open the guest's VNC server for it."""
        waiting = ConsoleTicket.objects.filter(vm=vm, opened_at__isnull=True)
        ticket = wait_until(waiting.first, "the page asked for no ticket")
        self.guest.let_in(unseal(ticket.sealed_screen_password))
        mark_opened(ticket.pk, *self.guest.where)
        return ticket

    def show(self, page: Page) -> Vm:
        """Open a page and bring it to its picture."""
        vm = self.vm()
        self.open(page, vm)
        self.answer(vm)
        expect(page.locator("#notice")).to_be_hidden()
        wait_until(lambda: page.evaluate(PAINTED) > 100, "nothing but black on the screen")
        return vm


@pytest.fixture(scope="module")
def guest(onebox: Onebox) -> Iterator[EchoGuest]:
    with running_guest(onebox) as running:
        yield running


@pytest.fixture(scope="module")
def idle_site(memory_platform: Platform) -> Site:
    """A site without workers: nobody but the test answers tickets."""
    memory_platform.collect_static()
    memory_platform.start("web", "console")
    owner = factories.make_owner(factories.make_tenant("acme"))
    return Site(memory_platform, owner, factories.make_admin(), make_cloud(backends.memory_world(), hosts=1))


@pytest.fixture
def console(idle_site: Site, guest: EchoGuest) -> ConsoleSite:
    assert idle_site.owner.tenant is not None
    return ConsoleSite(idle_site, factories.make_member(idle_site.owner.tenant, Role.OPERATOR), guest)


def test_the_screen_is_shown_and_takes_keys(console: ConsoleSite, page: Page) -> None:
    console.show(page)
    page.keyboard.type("uname -a")
    assert console.guest.typed(8) == "uname -a", "the screen does not have the focus"
    page.screenshot(path=_picture("console"))


def test_pasted_text_is_typed_key_by_key(console: ConsoleSite, page: Page) -> None:
    console.show(page)
    page.get_by_role("button", name="Paste text").click()
    page.get_by_label("Text", exact=True).fill(f"{EVERY_KEY}é\n")
    expect(page.locator("#paste-note")).to_contain_text("é")
    page.get_by_role("button", name="Type text").click()
    assert console.guest.typed(len(EVERY_KEY) + 1) == f"{EVERY_KEY}\r"
    expect(page.locator("#paste-dialog")).to_be_hidden()


def test_ctrl_alt_del_restarts_a_machine_without_an_operating_system(
    console: ConsoleSite, onebox: Onebox, page: Page
) -> None:
    with running_guest(onebox, 1) as console.guest:
        console.show(page)
        page.get_by_role("button", name="Ctrl+Alt+Del").click()
        console.guest.wait_for_event("RESET")


def test_combinations_the_browser_keeps_are_buttons(console: ConsoleSite, page: Page) -> None:
    console.show(page)
    page.locator("#keys summary").click()
    page.get_by_role("button", name="Ctrl+C", exact=True).click()
    assert console.guest.typed(1) == "\x03"


def test_the_screen_fits_the_window_or_shows_every_pixel(console: ConsoleSite, page: Page) -> None:
    console.show(page)
    canvas = page.locator("#screen canvas")
    fitted = canvas.bounding_box()
    page.get_by_role("button", name="Fit").click()
    natural = canvas.bounding_box()
    assert fitted is not None and natural is not None
    assert (natural["width"], natural["height"]) == (720, 400)
    assert fitted["width"] > 900


def test_a_stopped_vm_is_said_to_be_and_connected_to_when_it_starts(console: ConsoleSite, page: Page) -> None:
    vm = console.vm(Power.OFF)
    console.open(page, vm)
    expect(page.locator("#notice-hint")).to_have_text(
        "The console connects automatically when the VM starts."
    )
    page.screenshot(path=_picture("console-stopped"))
    console.site.open(other := page.context.new_page(), f"/vms/{vm.pk}/")
    other.get_by_role("button", name="Start", exact=True).first.click()
    console.answer(vm)
    page.bring_to_front()
    expect(page.locator("#notice")).to_be_hidden()


@pytest.mark.parametrize("asked", ["the ticket", "its credentials"])
def test_a_vm_deleted_while_its_console_is_being_opened_is_said_to_be_gone(
    console: ConsoleSite, page: Page, asked: str
) -> None:
    vm = console.vm()
    pattern = "**/console-tickets/*/credentials" if asked == "its credentials" else "**/console-tickets/*"
    held: list[Route] = []
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(pattern, hold, times=1)
    console.open(page, vm)
    if asked == "its credentials":
        console.answer(vm)
    wait_until(lambda: (page.wait_for_timeout(20), held)[1], "the page asked for no ticket")
    vm.delete()
    held[0].continue_()
    expect(page.locator("#notice-title")).to_have_text("The VM was deleted.")
    expect(page.locator("#connect-again")).to_be_hidden()


def test_the_tab_of_a_deleted_vm_says_so_and_leads_to_the_others(console: ConsoleSite, page: Page) -> None:
    vm = console.show(page)
    vm.delete()
    expect(page.locator("#notice-title")).to_have_text("The VM was deleted.")
    expect(page).to_have_title(re.compile(f"^The VM was deleted. · .*{vm.name}"))
    expect(page.locator("h1")).to_have_text(vm.name)
    expect(page.locator("#power button")).to_have_count(0)
    expect(page.get_by_role("button", name="Reconnect")).to_be_disabled()
    page.screenshot(path=_picture("console-deleted"))
    page.get_by_role("link", name="Show virtual machines").click()
    expect(page).to_have_url(re.compile("/vms/$"))


def test_the_bar_powers_the_vm_off_after_a_question(console: ConsoleSite, page: Page) -> None:
    vm = console.show(page)
    bar = page.get_by_role("group", name="Power")
    expect(bar.get_by_role("button", name=re.compile("^Start"))).to_have_attribute("aria-disabled", "true")
    bar.get_by_role("link", name="Power off").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("unsaved data in the guest is lost")
    page.screenshot(path=_picture("console-power-off"))
    dialog.get_by_role("button", name="Power off").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#vm-state .pill")).to_contain_text("Powering off")
    assert Operation.objects.filter(target_id=vm.pk, verb="vm.power_off").count() == 1
    expect(bar.get_by_role("button", name=re.compile("^Restart"))).to_have_attribute("aria-disabled", "true")


def test_who_loses_the_role_sees_why_and_cannot_come_back(console: ConsoleSite, page: Page) -> None:
    console.show(page)
    ProjectUserObjectPermission.objects.filter(user=console.operator).delete()
    expect(page.locator("#notice-title")).to_have_text("You have no access to this console.")
    page.get_by_role("button", name="Connect again").click()
    expect(page.locator("#notice-title")).to_contain_text("not found")


def test_a_screen_that_does_not_answer_is_named_and_tried_again_on_request(
    console: ConsoleSite, page: Page
) -> None:
    vm = console.vm()
    console.open(page, vm)
    ticket = wait_until(ConsoleTicket.objects.filter(vm=vm).first, "the page asked for no ticket")
    mark_opened(ticket.pk, console.guest.host.management_ip, 6_899)  # of VNC, with nothing there
    expect(page.locator("#notice-title")).to_have_text("The VM is not running.")
    page.get_by_role("button", name="Connect again").click()
    console.answer(vm)
    expect(page.locator("#notice")).to_be_hidden()


def test_what_the_worker_says_about_a_failure_is_shown(console: ConsoleSite, page: Page) -> None:
    vm = console.vm()
    console.open(page, vm)
    ticket = wait_until(ConsoleTicket.objects.filter(vm=vm).first, "the page asked for no ticket")
    Operation.objects.filter(pk=ticket.operation_id).update(
        status="failed",
        error={"code": "host.unreachable", "message": "Host h-1 did not respond.", "hint": "Wait."},
    )
    said = CAUSES["host.unreachable"]
    expect(page.locator("#notice-title")).to_have_text(said.message)
    expect(page.locator("#notice-hint")).to_have_text(said.hint)


@pytest.mark.requirement("VN-2")
def test_login_data_for_a_native_client_is_shown_once_and_works(console: ConsoleSite, page: Page) -> None:
    vm = console.show(page)
    page.get_by_role("button", name="VNC client").click()
    console.answer(vm)
    password = page.locator("#native-password")
    expect(password).not_to_be_empty()
    address = page.locator("#native-address").inner_text(), int(page.locator("#native-port").inner_text())
    viewer = native_viewer(address, password.inner_text())
    viewer.press("v")
    assert console.guest.typed(1) == "v"
    page.screenshot(path=_picture("console-native"))
    page.get_by_role("button", name="Close").click()
    expect(password).to_be_empty()


@pytest.mark.requirement("UX-10")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_the_page(console: ConsoleSite, page: Page, theme: str) -> None:
    page.context.add_cookies([{"name": "theme", "value": theme, "url": console.site.url}])
    console.show(page)
    assert violations(page) == []
    page.get_by_role("button", name="Paste text").click()
    assert violations(page) == []
    page.screenshot(path=_picture(f"console-paste-{theme}"))


def test_the_page_fits_a_phone(console: ConsoleSite, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    console.show(page)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    box = page.get_by_role("button", name="Ctrl+Alt+Del").bounding_box()
    assert box is not None and box["height"] >= 40
    page.screenshot(path=_picture("console-phone"))
    page.get_by_role("button", name="Phone keyboard").click()
    page.keyboard.type("Ab")
    page.keyboard.press("Backspace")
    page.keyboard.press("Enter")
    assert console.guest.typed(4) == "Ab\b\r", "a phone's keyboard types into a field"


def _picture(name: str) -> str:
    PICTURES.mkdir(parents=True, exist_ok=True)
    return str(PICTURES / f"{name}.png")
