"""Creating in a browser: the summary while one types, nothing lost on a refusal, the call, the keyboard alone."""

from __future__ import annotations

import json
import re

import pytest
from onebox.shell import wait_until
from playwright.sync_api import Page, Route, expect

from apps.compute.models import Vm
from apps.compute.services.instance_type import create_default_types
from apps.infrastructure.models import Host, Region
from apps.lifecycle.models import Operation, Resource, State
from apps.network.models import SecurityGroup, Subnet
from apps.network.services.default_network import create_default_network
from tests import factories
from tests.browser.conftest import Site
from tests.compute.factories import ask_for_vms, make_image

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

CLIPBOARD = "navigator.clipboard.readText()"


@pytest.fixture(autouse=True)
def network(site: Site) -> None:
    """A subnet and a group to create in, once."""
    if not Subnet.objects.filter(tenant=site.owner.tenant).exists():
        assert site.owner.tenant is not None
        actor = factories.actor_for_user(site.owner)
        create_default_network(actor, factories.default_project(site.owner.tenant))
        Resource.objects.filter(tenant=site.owner.tenant).update(state=State.READY)
        make_image(site.cloud.storage, "Debian 12", os_name="Debian 12", min_disk_gib=4)
        make_image(site.cloud.storage, "Old appliance", cloud_init=False)
        for number in range(8):
            make_image(site.cloud.storage, f"Rocky {number}", os_name=f"Rocky Linux {number}")
        first = site.cloud.hosts[0]
        Host.objects.filter(pk=first.pk).update(accepts_vms=False)


@pytest.fixture
def creating(site: Site, page: Page) -> Page:
    site.open(page, "/vms/create/", site.owner)
    return page


@pytest.mark.requirement("UX-5")
def test_the_summary_follows_while_one_types(creating: Page) -> None:
    summary = creating.locator(".create-side")
    expect(summary).to_contain_text("Missing: Name")
    creating.get_by_label("Name", exact=True).type("web", delay=30)
    expect(summary).to_contain_text("Ready to create")
    creating.get_by_label("Number of VMs").fill("3")
    expect(summary).to_contain_text("web-1, web-2, web-3")
    expect(summary).to_contain_text("0 → 3 of 50")
    expect(summary).to_contain_text("2 of 3 have enough capacity")
    expect(summary).to_contain_text("1 host has scheduling disabled")
    creating.get_by_label("Number of VMs").fill("11")
    expect(creating.locator("[data-field=count] .field-error")).to_be_visible()
    expect(creating.get_by_label("Number of VMs")).to_have_attribute("aria-invalid", "true")
    expect(summary).to_contain_text("1 problem")
    expect(creating.get_by_label("Name", exact=True)).to_have_value("web")
    expect(creating.get_by_label("Number of VMs")).to_be_focused()
    creating.get_by_label("Number of VMs").fill("2")
    expect(creating.locator(".field-error")).to_have_count(0)
    expect(creating.get_by_label("Number of VMs")).not_to_have_attribute("aria-invalid", "true")
    assert not Vm.objects.exists()


@pytest.mark.requirement("UX-5")
def test_a_refusal_loses_nothing_and_leads_to_the_first_wrong_field(creating: Page) -> None:
    creating.get_by_label("Name", exact=True).fill("kept")
    creating.get_by_role("radio", name=re.compile("Rocky 3")).check()
    creating.get_by_label("System disk").fill("99999")
    creating.get_by_label(re.compile("^Password")).fill("Secret-pass-1")
    creating.get_by_role("button", name="Create VM").click()
    expect(creating.locator("#form-errors")).to_contain_text("invalid")
    expect(creating.get_by_label("System disk")).to_be_focused()
    expect(creating.get_by_label("System disk")).to_have_value("99999")
    expect(creating.get_by_label("Name", exact=True)).to_have_value("kept")
    expect(creating.get_by_role("radio", name=re.compile("Rocky 3"))).to_be_checked()
    expect(creating.get_by_label(re.compile("^Password"))).to_have_value("")
    expect(creating.locator("[data-field=password]")).to_contain_text("Enter it again")
    assert not Vm.objects.exists()


@pytest.mark.requirement("UX-5")
def test_pickers_are_searched_and_an_images_traits_decide_what_is_asked(creating: Page) -> None:
    images = creating.locator("[data-field=image]")
    images.get_by_role("searchbox").fill("rocky 5")
    expect(images.locator(".pick:visible")).to_have_count(1)
    images.get_by_role("searchbox").press("Enter")
    expect(creating.get_by_role("radio", name=re.compile("Rocky 5"))).to_be_checked()
    expect(creating.locator(".create-side")).to_contain_text("Rocky 5")
    password = creating.get_by_label(re.compile("^Password"))
    expect(password).to_be_visible()
    images.get_by_role("searchbox").fill("")
    creating.get_by_role("radio", name=re.compile("Old appliance")).check()
    expect(password).to_be_hidden()
    expect(creating.get_by_text("does not support cloud-init")).to_be_visible()


@pytest.mark.requirement("UX-5")
def test_the_call_is_copied_with_a_click_and_does_the_same(site: Site, creating: Page) -> None:
    creating.context.grant_permissions(["clipboard-read", "clipboard-write"])
    creating.get_by_label("Name", exact=True).fill("copied")
    expect(creating.locator(".create-side")).to_contain_text("Ready to create")
    opener = creating.get_by_role("button", name="Copy as API call")
    opener.click()
    dialog = creating.get_by_role("dialog")
    dialog.get_by_role("button", name="Copy").nth(1).click()
    wait_until(lambda: creating.evaluate(CLIPBOARD).startswith("{"), "the call in the clipboard", seconds=60)
    body = json.loads(creating.evaluate(CLIPBOARD))
    creating.keyboard.press("Escape")
    expect(opener).to_be_focused()
    answer = factories.api_client(site.owner).post("/api/v1/vms?dry_run=1", body, format="json")
    assert answer.data["possible"], answer.data
    assert (body["name"], answer.data["names"]) == ("copied", ["copied"])


@pytest.mark.requirement("UX-5")
@pytest.mark.requirement("UX-10")
def test_on_a_phone_the_summary_is_a_bar_that_unfolds(site: Site, phone: Page) -> None:
    site.open(phone, "/vms/create/", site.owner)
    head = phone.locator("#create-head")
    expect(head).to_be_in_viewport()
    expect(phone.locator("#create-summary")).to_be_hidden()
    expect(phone.get_by_role("button", name="Create VM")).to_be_in_viewport()
    head.click()
    expect(phone.locator("#create-summary")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.requirement("UX-5")
@pytest.mark.requirement("UX-10")
def test_the_keyboard_alone_makes_a_vm_and_another_one_like_it(site: Site, creating: Page) -> None:
    expect(creating.get_by_label("Name", exact=True)).to_be_focused()
    creating.keyboard.type("typed-1")
    for _ in range(3):
        creating.keyboard.press("Tab")
    creating.keyboard.press("Control+Enter")
    creating.wait_for_url(re.compile(r"/vms/[0-9a-f-]{36}/"))
    expect(creating.locator(".detail-title .pill")).to_contain_text("Running")
    creating.get_by_role("button", name="Actions").first.click()
    creating.get_by_text("Create a similar one").click()
    expect(creating.get_by_label("Name", exact=True)).to_have_value("typed-2")
    expect(creating.locator(".create-side")).to_contain_text("Ready to create")
    expect(creating.locator(".create-side")).to_contain_text("1 → 2 of 50")


@pytest.mark.requirement("UX-5")
def test_nobody_waits_for_an_answer_that_is_out_of_date(creating: Page) -> None:
    """Of several changes in quick succession only the last one's answer is shown."""
    given_up: list[str] = []
    held: list[Route] = []
    creating.on("requestfailed", lambda request: given_up.append(request.url))
    creating.route(
        "**/vms/create/?preview=1", lambda route: route.continue_() if held else held.append(route)
    )
    name = creating.get_by_label("Name", exact=True)
    with creating.expect_request("**/vms/create/?preview=1"):
        name.fill("first")
    with creating.expect_response("**/vms/create/?preview=1"):
        name.fill("second")
    expect(creating.locator(".summary-names")).to_have_text("second")
    assert len(given_up) == 1, "the older request was not given up"


@pytest.mark.requirement("OP-5")
def test_a_double_click_on_create_makes_one_vm(site: Site, creating: Page) -> None:
    creating.get_by_label("Name", exact=True).fill("twice")
    expect(creating.locator(".create-side")).to_contain_text("Ready to create")
    creating.get_by_role("button", name="Create VM").dblclick()
    expect(creating.locator(".detail-title")).to_contain_text("twice")
    assert Vm.objects.filter(name="twice", tenant=site.owner.tenant).count() == 1


@pytest.mark.requirement("OP-5")
def test_a_double_click_on_an_action_asks_for_it_once(site: Site, page: Page) -> None:
    subnet = Subnet.objects.filter(tenant=site.owner.tenant).first()
    assert subnet is not None
    (creating,) = ask_for_vms(factories.actor_for_user(site.owner), site.cloud, subnet, name="clicked")
    wait_until(lambda: not Operation.objects.open().exists(), "the VM", seconds=60)
    site.open(page, f"/vms/{creating.target_id}/", site.owner)
    page.get_by_role("button", name="Shut down").first.dblclick()
    expect(page.locator(".detail-title .pill")).to_have_text("Stopped")
    asked = Operation.objects.filter(target_id=creating.target_id).exclude(pk=creating.pk)
    assert [operation.verb for operation in asked] == ["vm.shut_down"]


@pytest.mark.requirement("UX-5")
def test_another_region_chosen_chooses_its_things_again_and_says_when_nothing_is_filtered(
    site: Site, page: Page
) -> None:
    assert site.owner.tenant is not None
    region = factories.make_region("zz-second")
    try:
        create_default_types(factories.make_cluster(region))
        make_image(factories.make_storage(region), "Elsewhere")
        create_default_network(
            factories.actor_for_user(site.owner), factories.default_project(site.owner.tenant)
        )
        Resource.objects.filter(tenant=site.owner.tenant).update(state=State.READY)
        # What its worker has not ended yet would take the error away again below.
        wait_until(lambda: not Operation.objects.open().exists(), "the default network", seconds=100)
        group = SecurityGroup.objects.get(region=region)
        site.open(page, "/vms/create/", site.owner)
        page.get_by_label("Region").select_option("zz-second")
        for name in ("image", "instance_type", "subnet", "security_group"):
            chosen = page.locator(f"[data-field={name}] .pick:has(input:checked)")
            expect(chosen).to_have_attribute("data-place", "zz-second")
        summary = page.locator(".create-side")
        expect(summary).to_contain_text("default")
        expect(summary.locator("[data-unfiltered]")).to_have_count(0)
        SecurityGroup.objects.filter(pk=group.pk).update(state=State.ERROR)
        site.open(page, "/vms/create/", site.owner)
        page.get_by_label("Region").select_option("zz-second")
        expect(summary.locator("[data-unfiltered]")).to_contain_text("traffic is not filtered")
    finally:
        Region.objects.filter(pk=region.pk).update(open_to_tenants=False)
