"""Forms in a browser: errors while one types, names typed before deletions, secrets saved, nothing typed lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from onebox.shell import wait_until
from playwright.sync_api import Page, expect

from apps.accounts.models import Project
from apps.lifecycle.models import State
from apps.network.models import SecurityGroup, Vpc
from apps.network.services.security_group import create_security_group
from apps.network.services.subnet import create_subnet
from apps.network.services.vpc import create_vpc
from tests.browser.conftest import Site
from tests.factories import actor_for_user

pytestmark = [pytest.mark.browser, pytest.mark.requirement("UX-13")]


@pytest.fixture(scope="module")
def project(site: Site) -> Project:
    return Project.objects.filter(tenant=site.owner.tenant).order_by("pk")[0]


@pytest.fixture(scope="module")
def vpc(site: Site, project: Project) -> Vpc:
    vpc = ready_vpc(site, project, "shop", "10.0.0.0/16")
    create_subnet(actor_for_user(site.owner), vpc=vpc.pk, name="web", cidr="10.0.0.0/24")
    return vpc


def ready_vpc(site: Site, project: Project, name: str, cidr: str) -> Vpc:
    """Return a new VPC once the worker has made it."""
    region = site.cloud.region.name
    create_vpc(actor_for_user(site.owner), name=name, cidr=cidr, project=project.uid, region=region)
    wait_until(lambda: Vpc.objects.filter(name=name, state=State.READY).exists(), "the VPC", seconds=60)
    return Vpc.objects.get(name=name)


def test_a_rule_is_checked_below_its_row_while_it_is_typed(site: Site, page: Page, project: Project) -> None:
    rule = {"direction": "in", "protocol": "tcp", "port": "80", "address": "10.0.0.0/8"}
    where = site.cloud.region.name
    create_security_group(
        actor_for_user(site.owner), name="web", rules=[rule], project=project.uid, region=where
    )
    wait_until(lambda: SecurityGroup.objects.filter(state=State.READY).exists(), "the group", seconds=60)
    group = SecurityGroup.objects.get()
    site.open(page, f"/security-groups/{group.pk}/rules/edit/", site.owner)
    page.get_by_role("button", name="Add rule").click()
    new = page.locator("[data-rule]").nth(1)
    new.get_by_label("Port").fill("90-80")
    expect(new.locator(".field-error")).to_have_count(1)
    expect(new.get_by_label("Port")).to_have_attribute("aria-invalid", "true")
    error, row = new.locator(".field-error").bounding_box(), new.bounding_box()
    assert error is not None and row is not None
    assert error["height"] < 30, "on one line"
    new.get_by_label("Port").fill("80-90")
    new.get_by_label("Address").fill("10.0.0.0/8")
    expect(new.locator(".field-error")).to_have_count(0)
    expect(new.get_by_label("Port")).not_to_have_attribute("aria-invalid", "true")
    assert group.rules.count() == 1


def test_a_form_that_is_being_sent_is_not_checked_any_more(site: Site, page: Page) -> None:
    assert site.owner.tenant is not None
    checked: list[str] = []
    page.on("request", lambda request: checked.append(request.url) if "?check" in request.url else None)
    page.clock.install()
    site.open(page, f"/admin/tenants/{site.owner.tenant.uid}/act-as/", site.admin)
    with page.expect_response("**/act-as/?check=1"):
        page.get_by_label("Reason").press_sequentially("Ticket 4711")
        page.clock.run_for(1000)
    checked.clear()
    # As if its answer took long.
    page.evaluate("addEventListener('submit', (event) => event.preventDefault())")
    page.keyboard.type("!")
    page.keyboard.press("Enter")
    page.clock.run_for(1000)
    assert checked == []


def test_delete_is_possible_once_the_name_is_typed(site: Site, page: Page, vpc: Vpc) -> None:
    site.open(page, f"/vpcs/{vpc.pk}/", site.owner)
    page.get_by_role("button", name="Actions").click()
    page.locator(".dropdown-menu.show").get_by_role("link", name="Delete").click()
    delete = page.get_by_role("dialog").get_by_role("button", name="Delete")
    expect(delete).to_be_disabled()
    page.get_by_label("Type shop to confirm").fill("sho")
    expect(delete).to_be_disabled()
    page.get_by_label("Type shop to confirm").fill("shop ")
    expect(delete).to_be_enabled()
    delete.click()  # refused: there is a subnet in it
    expect(page.get_by_role("dialog").get_by_role("alert")).to_be_visible()
    expect(delete).to_be_disabled()


def test_the_suggested_block_follows_the_vpc_until_another_is_typed(
    site: Site, page: Page, project: Project, vpc: Vpc
) -> None:
    other = ready_vpc(site, project, "warehouse", "172.16.0.0/16")
    site.open(page, f"/subnets/create/?vpc={vpc.pk}", site.owner)
    block = page.locator("[name=cidr]")
    expect(block).to_have_value("10.0.1.0/24")
    page.get_by_label("VPC").select_option(str(other.pk))
    expect(block).to_have_value("172.16.0.0/24")
    page.get_by_label("Name").fill("far")
    block.fill("172.16.8.0/24")
    page.get_by_label("VPC").select_option(str(vpc.pk))
    expect(block).to_have_value("172.16.8.0/24")
    expect(page.locator("[data-field=cidr] .field-error")).to_be_visible()


@pytest.mark.requirement("UX-5")
def test_what_was_typed_comes_back_after_the_session_expired(site: Site, page: Page, vpc: Vpc) -> None:
    site.open(page, f"/subnets/create/?vpc={vpc.pk}", site.owner)
    page.get_by_label("Name").fill("databases")
    page.locator("[name=cidr]").fill("10.0.9.0/24")
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    page.get_by_role("button", name="Create subnet").click()
    expect(page).to_have_url(f"{site.url}/login/?next=/subnets/create/%3Fvpc%3D{vpc.pk}")
    site.open(page, f"/subnets/create/?vpc={vpc.pk}", site.owner)
    expect(page.get_by_label("Name")).to_have_value("databases")
    expect(page.locator("[name=cidr]")).to_have_value("10.0.9.0/24")
    expect(page.get_by_text("Your earlier entries are restored.")).to_be_visible()
    # Somebody else who logs in there gets nothing of it.
    page.get_by_label("Name").fill("secret")
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    page.goto(f"{site.url}/login/")
    assert site.newcomer is not None
    site.open(page, f"/subnets/create/?vpc={vpc.pk}", site.newcomer)
    expect(page.get_by_label("Name")).to_have_value("")


def test_a_private_key_is_downloaded_as_it_is_shown(site: Site, page: Page, tmp_path: Path) -> None:
    site.open(page, "/key-pairs/create/", site.owner)
    page.get_by_label("Name").fill("laptop")
    page.get_by_role("button", name="Add SSH key").first.click()
    shown = page.locator("[data-secret]").inner_text()
    assert shown.startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download").click()
    assert waiting.value.suggested_filename == "laptop.pem"
    saved = tmp_path / "laptop.pem"
    waiting.value.save_as(saved)
    assert saved.read_text().strip() == shown.strip()


def test_save_stays_in_view_on_the_settings_page(site: Site, page: Page) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    site.open(page, "/admin/settings/", site.admin)
    save = page.get_by_role("button", name="Save settings")
    expect(save).to_be_in_viewport()
    page.locator("[data-form-nav] a").last.click()
    expect(page.locator(".form-section").last).to_be_in_viewport()
    expect(save).to_be_in_viewport()
    field = page.locator("input[type=number]").last
    field.fill("0")
    expect(page.locator("[data-field]:has(.field-error) input")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("Unsaved changes")).to_be_visible()


def test_what_grows_in_the_summary_moves_no_button(site: Site, page: Page) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    site.open(page, "/vpcs/create/", site.owner)
    create = page.locator(".create-side [type=submit]")
    before = create.bounding_box()
    page.get_by_label("Name").fill("shop")
    page.locator("[name=cidr]").fill("8.8.8.0/24")
    expect(page.locator(".summary-problems")).to_be_visible()
    assert create.bounding_box() == before
