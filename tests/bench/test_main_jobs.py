"""Clicks, typed fields and seconds of five main jobs, with one region and with three, by a hand that knows its way."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from onebox.shell import wait_until
from playwright.sync_api import Locator, Page, expect

from apps.infrastructure import backends
from apps.lifecycle.models import Operation, Resource, State
from apps.network.services.default_network import create_default_network
from tests import factories
from tests.bench.report import Figure, report
from tests.browser.conftest import Site, site
from tests.compute.factories import make_cloud

__all__ = ["site"]

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]


@dataclass
class Hand:
    """Works on a page and counts what it does."""

    page: Page
    clicks: int = 0
    fields: int = 0

    def click(self, what: Locator) -> None:
        self.clicks += 1
        what.click()

    def type(self, where: Locator, text: str) -> None:
        self.fields += 1
        where.fill(text)


def _create_vm(site: Site, hand: Hand, name: str) -> None:
    hand.click(hand.page.get_by_role("link", name="Create VM").first)
    hand.type(hand.page.get_by_label("Name", exact=True), name)
    expect(hand.page.locator(".create-side")).to_contain_text("Ready to create")
    hand.click(hand.page.get_by_role("button", name="Create VM"))
    expect(hand.page.get_by_text("Running", exact=True).first).to_be_visible(timeout=60_000)


def _open_console(site: Site, hand: Hand, name: str) -> None:
    hand.click(hand.page.get_by_role("link", name="Virtual machines").first)
    row = hand.page.get_by_role("row", name=name)
    with hand.page.context.expect_page() as opened:
        hand.click(row.get_by_role("link", name="Console"))
    expect(opened.value.locator(".console-bar, #screen").first).to_be_visible()
    opened.value.close()


def _create_group(site: Site, hand: Hand, name: str) -> None:
    hand.click(hand.page.get_by_role("link", name="Security groups").first)
    hand.click(hand.page.get_by_role("link", name="Create security group").first)
    hand.type(hand.page.get_by_label("Name", exact=True), name)
    hand.click(hand.page.get_by_role("button", name="Add rule"))
    rule = hand.page.locator("[data-rules] [data-rows] [data-rule]").last
    hand.type(rule.get_by_label("Port"), "443")
    hand.type(rule.get_by_label("Address"), "0.0.0.0/0")
    hand.click(hand.page.get_by_role("button", name="Create security group", exact=True).last)
    expect(hand.page.get_by_role("heading", name=name)).to_be_visible()


def _stop_many(site: Site, hand: Hand, name: str) -> None:
    hand.click(hand.page.get_by_role("link", name="Virtual machines").first)
    hand.click(hand.page.get_by_role("checkbox", name=re.compile("Select all", re.IGNORECASE)).first)
    hand.click(hand.page.get_by_role("group", name="Selected rows").get_by_role("button", name="Shut down"))
    hand.click(hand.page.get_by_role("dialog").get_by_role("button", name=re.compile("^Shut down")))
    expect(hand.page).to_have_url(re.compile("/bulk/"))


def _create_tenant(site: Site, hand: Hand, name: str) -> None:
    hand.click(hand.page.get_by_role("link", name="Tenants").first)
    hand.click(hand.page.get_by_role("link", name="Create tenant").first)
    hand.type(hand.page.get_by_label("Name", exact=True), name)
    hand.type(hand.page.get_by_label(re.compile("^(Owner|Username)")).first, f"{name}-owner")
    hand.click(hand.page.get_by_role("button", name="Create tenant"))
    expect(hand.page.get_by_text("Shown only once").first).to_be_visible()


#: Job, where it starts, who does it. Names differ with each round.
JOBS: list[tuple[str, str, Callable[[Site, Hand, str], None]]] = [
    ("create a VM", "/", _create_vm),
    ("open its console", "/", _open_console),
    ("create a group with one rule more", "/", _create_group),
    ("shut down all VMs of the list", "/", _stop_many),
    ("create a tenant", "/admin/", _create_tenant),
]


def _network(site: Site) -> None:
    assert site.owner.tenant is not None
    create_default_network(factories.actor_for_user(site.owner), factories.default_project(site.owner.tenant))
    wait_until(lambda: not Operation.objects.open().exists(), "the networks", seconds=60)
    Resource.objects.filter(tenant=site.owner.tenant).exclude(state=State.READY).update(state=State.READY)


def _figures(site: Site, page: Page, regions: int) -> list[Figure]:
    found: list[Figure] = []
    for job, start, work in JOBS:
        site.open(page, start, site.admin if start == "/admin/" else site.owner)
        hand, began = Hand(page), time.monotonic()
        work(site, hand, f"job-{regions}")
        seconds = time.monotonic() - began
        where = f"{job}, {regions} region{'s' if regions > 1 else ''}"
        found += [
            Figure(f"{where}: clicks", hand.clicks, ""),
            Figure(f"{where}: fields typed", hand.fields, ""),
            Figure(f"{where}: time", seconds, "s"),
        ]
    return found


def test_clicks_and_seconds_of_five_main_jobs(site: Site, page: Page) -> None:
    _network(site)
    figures = _figures(site, page, 1)
    for _ in range(2):
        make_cloud(backends.memory_world(), hosts=3)
    figures += _figures(site, page, 3)
    report("main-jobs", figures)
