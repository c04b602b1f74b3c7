"""The administration in a browser: live load, the heat map by keyboard, acting as a tenant."""

from __future__ import annotations

import re

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.audit.models import AuditEntry
from apps.compute.models import Vm
from apps.infrastructure.models import Host
from apps.lifecycle import push
from tests.browser.conftest import Site

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.mark.requirement("UX-9")
def test_the_heat_map_follows_the_load_without_reloading(site: Site, page: Page) -> None:
    host = site.cloud.hosts[0]
    site.open(page, f"/admin/compute-clusters/{site.cloud.cluster.pk}/?measure=allocated", site.admin)
    cell = page.locator("[data-heat-map] a", has_text=host.name)
    expect(cell).to_contain_text("0 %")
    page.evaluate("window.sameDocument = true")
    half = host.memory_capacity_mib // 2
    columns = {"name": "large", "cluster": host.cluster, "host": host, "vcpu": 1, "memory_mib": half}
    Vm.objects.create(
        kind="vm", hostname="large", **columns
    )  # what is promised to nobody is soon counted away
    Host.objects.filter(pk=host.pk).update(memory_reserved_mib=half, vcpu_reserved=1)
    push.row_changed("compute_cluster", site.cloud.cluster.pk)
    # Its agent goes on reporting, and what a host keeps for itself changes with it.
    expect(cell).to_contain_text(re.compile(r"5\d\s%"))
    assert page.evaluate("window.sameDocument")


@pytest.mark.requirement("UX-2")
def test_closing_a_host_shows_at_once_on_its_clusters_map(site: Site, page: Page) -> None:
    host = site.cloud.hosts[1]
    site.open(page, f"/admin/compute-clusters/{site.cloud.cluster.pk}/", site.admin)
    other = page.context.new_page()
    site.open(other, f"/admin/hosts/{host.pk}/")
    other.get_by_role("link", name="Disable scheduling").first.click()
    dialog = other.get_by_role("dialog")
    expect(dialog).to_contain_text(f"No new VM is placed on {host.name}.")
    dialog.get_by_role("button", name="Disable scheduling").click()
    expect(page.locator("[data-heat-map] a", has_text=host.name)).to_have_accessible_name(
        re.compile(f"{host.name} .*, CPU load, Scheduling disabled")
    )
    expect(other.locator("main")).to_contain_text("Scheduling disabled")


@pytest.mark.requirement("UX-10")
def test_the_heat_map_is_one_stop_for_tab_and_the_arrows_lead_through_it(site: Site, page: Page) -> None:
    site.open(page, f"/admin/compute-clusters/{site.cloud.cluster.pk}/", site.admin)
    cells = page.locator("[data-heat-map] a")
    cells.first.focus()
    page.keyboard.press("ArrowRight")
    expect(cells.nth(1)).to_be_focused()
    page.keyboard.press("End")
    expect(cells.last).to_be_focused()
    page.keyboard.press("Home")
    expect(cells.first).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("[data-heat-map] a:focus")).to_have_count(0)
    cells.nth(1).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/hosts/**")


@pytest.mark.requirement("UX-11")
def test_an_admin_acts_as_a_tenant_and_comes_back_with_the_keyboard_alone(site: Site, page: Page) -> None:
    assert site.owner.tenant is not None
    log = AuditEntry.objects.filter(tenant=site.owner.tenant)
    before = log.count()
    site.open(page, f"/admin/tenants/{site.owner.tenant.uid}/", site.admin)
    page.get_by_role("link", name="Act as this tenant").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/act-as/")
    page.get_by_label("Reason").focus()
    page.keyboard.type("Ticket 4711")
    page.keyboard.press("Enter")
    banner = page.locator(".acting")
    expect(banner).to_contain_text("You are acting as acme.")
    expect(banner).to_contain_text("Ticket 4711")
    page.goto(site.url + "/vms/")
    expect(banner).to_be_visible()
    banner.get_by_role("button", name="Stop acting").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/tenants/**")
    expect(page.locator(".acting")).to_have_count(0)
    verbs = log.order_by("pk").values_list("verb", flat=True)[before:]
    assert [verb for verb in verbs if "act" in verb] == ["tenant.act_as", "tenant.stop_acting"]


@pytest.mark.requirement("UX-9")
def test_a_map_of_200_hosts_stays_readable_on_a_phone(site: Site, phone: Page) -> None:
    from tests import factories

    crowd = factories.make_cluster(site.cloud.region, "crowd")
    for number in range(200):
        factories.make_host(crowd, f"node{number:03}", driver="agent", load_percent=number % 100)
    Host.objects.filter(cluster=crowd).update(last_report_at=timezone.now())
    site.open(phone, f"/admin/compute-clusters/{crowd.pk}/", site.admin)
    cells = phone.locator("[data-heat-map] a")
    expect(cells).to_have_count(200)
    assert phone.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    box = cells.nth(50).bounding_box()
    assert box is not None
    assert box["width"] >= 24 and box["height"] >= 24, box
    Host.objects.filter(cluster=crowd).delete()
