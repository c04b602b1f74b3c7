"""The life of an EIP and of an elastic NIC in the portal, by mouse and keyboard, on pretend hosts."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from apps.compute.models import Vm
from apps.network.models import Eip, Eni
from tests.browser.conftest import Site
from tests.browser.dialogs import choose, expect_state, fill_in, press, send

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

VM, OTHER = "shop-web-3", "shop-web-2"


def create(page: Page, what: str, name: str) -> None:
    page.fill("[name=name]", name)
    expect(page.locator(".summary")).to_contain_text("Ready to create")
    page.get_by_role("button", name=f"Create {what}").click()
    expect(page.locator("h1")).to_have_text(name)
    expect_state(page, "Unbound")


def card(page: Page, title: str) -> Locator:
    return page.locator("section.card").filter(has=page.get_by_role("heading", name=title, exact=True))


def network_of(site: Site, name: str) -> str:
    return f"{site.url}/vms/{Vm.objects.get(name=name).pk}/network/"


@pytest.mark.requirement("EI-2", "EI-3", "EI-4")
def test_an_eip_is_created_bound_on_the_vms_page_unbound_and_released(sample_site: Site, page: Page) -> None:
    sample_site.open(page, "/eips/create/", sample_site.owner)
    expect(page.locator("label.pick", has_text="default route").first.get_by_role("radio")).to_be_checked()
    create(page, "EIP", "journey-eip")
    eip = Eip.objects.get(name="journey-eip")
    expect(page.locator(".facts")).to_contain_text(eip.address)

    page.goto(network_of(sample_site, VM))
    eips = card(page, "EIPs")
    expect(eips).to_contain_text("No default egress")
    eips.get_by_role("row", name="journey-eip").get_by_role("button").last.click()
    expect(eips).to_contain_text(re.compile(rf"{eip.address}.*Bound", re.DOTALL))
    expect(eips).to_contain_text(f"Default egress: {eip.address}.")
    expect(page.locator(".facts")).to_contain_text(eip.address)

    page.set_viewport_size({"width": 390, "height": 844})
    hidden = "all => all.map(each => each.scrollWidth - each.clientWidth)"
    assert page.locator(".table-wrap").evaluate_all(hidden) == [0] * 4, "buttons are off a phone's screen"
    page.set_viewport_size({"width": 1440, "height": 900})
    eips.get_by_role("button", name="Unbind: journey-eip").click()
    fill_in(page)
    send(page, "Unbind")
    expect(eips).to_contain_text("No EIPs are bound to this VM.")

    page.goto(f"{sample_site.url}/eips/{eip.pk}/")
    expect_state(page, "Unbound")
    choose(page, "Release")
    fill_in(page, typed_name="journey-eip")
    send(page, "Release")
    expect(page.get_by_text("This EIP no longer exists.")).to_be_visible()
    assert not Eip.objects.filter(pk=eip.pk).exists()


@pytest.mark.requirement("EN-1", "EN-2", "EN-3")
def test_an_elastic_nic_is_created_bound_moved_unbound_and_deleted(sample_site: Site, page: Page) -> None:
    sample_site.open(page, "/enis/create/", sample_site.owner)
    expect(page.locator("[data-field=segment]")).to_be_hidden()
    page.get_by_label("External: in an external segment").check()
    expect(page.locator("[data-field=subnet]")).to_be_hidden()
    create(page, "elastic NIC", "journey-nic")
    eni = Eni.objects.get(name="journey-nic")

    for vm in (VM, OTHER):
        press(page, "Bind")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.locator("dialog [name=vm]").select_option(label=vm)
        send(page, "Bind")
        expect(page.locator(".facts")).to_contain_text(vm)
        expect_state(page, "Bound")
    page.goto(network_of(sample_site, OTHER))
    expect(card(page, "Elastic NICs")).to_contain_text(eni.address)

    page.goto(f"{sample_site.url}/enis/{eni.pk}/")
    press(page, "Unbind")
    fill_in(page)
    send(page, "Unbind")
    expect_state(page, "Unbound")
    choose(page, "Delete")
    fill_in(page, typed_name="journey-nic")
    send(page, "Delete")
    expect(page.get_by_text("This elastic NIC no longer exists.")).to_be_visible()
