"""Typing security group rules in a browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from apps.network.models import SecurityGroup
from tests.browser.conftest import PICTURES, Site

pytestmark = pytest.mark.browser


def rule(page: Page, number: int) -> Locator:
    return page.locator("[data-rules] [data-rule]").nth(number)


@pytest.mark.requirement("SG-2")
def test_rules_are_typed_refused_corrected_and_applied(site: Site, page: Page) -> None:
    site.open(page, "/security-groups/create/", site.owner)
    rows = page.locator("[data-rules] [data-rows] [data-rule]")
    started_with = rows.count()
    page.get_by_label("Name").fill("shop")

    # A service spells out its protocol and port; PPTP is two rules.
    page.get_by_role("button", name="Add rule").click()
    expect(rule(page, started_with).get_by_label("Protocol")).to_be_focused()
    rule(page, started_with).get_by_label("Address").fill("192.0.2.0/24")
    rule(page, started_with).get_by_label("Protocol").select_option(label="PPTP")
    expect(rows).to_have_count(started_with + 2)
    expect(rule(page, started_with).get_by_label("Port")).to_have_value("1723")
    gre = rule(page, started_with + 1)
    expect(gre.get_by_label("Protocol")).to_have_value("gre")
    expect(gre.get_by_label("Port")).to_have_js_property("readOnly", True)
    gre.get_by_label("Remove rule").click()

    # Rows move and go.
    rule(page, started_with).get_by_label("Move up").click()
    expect(rule(page, started_with - 1).get_by_label("Port")).to_have_value("1723")
    rule(page, 0).get_by_label("Remove rule").click()
    expect(rows).to_have_count(started_with)

    # What is wrong is told where it stands, and nothing typed is lost.
    wrong = rule(page, started_with - 2)
    wrong.get_by_label("Port").fill("90-80")
    wrong.get_by_label("Description").fill("tunnel")
    page.keyboard.press("Enter")
    expect(wrong.locator(".field-error")).to_have_text("Port: The end of the range is before its start.")
    expect(wrong.get_by_label("Description")).to_have_value("tunnel")
    expect(page.get_by_label("Name")).to_have_value("shop")
    page.screenshot(path=PICTURES / "rule-editor-refused.png", full_page=True)

    wrong.get_by_label("Port").fill("80-90")
    page.get_by_role("button", name="Create security group", exact=True).last.click()
    expect(page.get_by_role("heading", name="shop")).to_be_visible()
    expect(page.locator(".detail-title .pill")).to_have_text("Available")
    expect(page.get_by_text("80-90")).to_be_visible()
    group = SecurityGroup.objects.get(name="shop")

    page.get_by_role("link", name="Edit rules").first.click()
    rule(page, 0).get_by_label("Description").fill("first of all")
    page.screenshot(path=PICTURES / "rule-editor.png", full_page=True)
    page.get_by_role("button", name="Apply rules").last.click()
    expect(page.get_by_text("first of all")).to_be_visible()
    assert group.rules.filter(description="first of all").count() == 1
