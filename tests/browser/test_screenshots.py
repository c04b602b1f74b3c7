"""A picture of every page, for people to look at: 1440 and 390 px wide, light and dark, under var/screenshots/."""

from __future__ import annotations

import re

import pytest
from django.db.models import Model
from django.urls import URLPattern, URLResolver
from onebox.shell import wait_until
from playwright.sync_api import Browser, Page

from apps.lifecycle.models import Operation, OperationStatus, Resource, State
from apps.portal import urls
from apps.tenancy.models import User
from tests import factories
from tests.browser.conftest import PICTURES, Site
from tests.compute.factories import ask_for_vms

pytestmark = pytest.mark.browser
SIZES = {"wide": (1440, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def furnished(site: Site) -> Site:
    """Something in every list, one failure among it."""
    actor = factories.actor_for_user(site.owner)
    subnet = site.cloud.network(site.owner.tenant)
    ask_for_vms(actor, site.cloud, subnet, name="web", count=3)
    ask_for_vms(
        actor, site.cloud, subnet, name="build-runner-with-a-rather-long-name", remark="CI <b>jobs</b>"
    )
    wait_until(lambda: not Operation.objects.open().exists(), "the first VMs", seconds=60)
    broken = Operation.objects.filter(target_kind="vm").latest("created_at")
    error = {
        "code": "host.unreachable",
        "message": "Host host-2 did not answer within 20 s.",
        "hint": "Wait until the host reports again, then try again.",
        "operation": str(broken.pk),
        "verb": broken.verb,
    }
    Operation.objects.filter(pk=broken.pk).update(status=OperationStatus.FAILED, error=error)
    Resource.objects.filter(pk=broken.target_id).update(state=State.ERROR, error=error)
    return site


def paths(patterns: list[URLPattern | URLResolver], prefix: str, rows: dict[str, Model]) -> list[str]:
    """Return every page's path: one of each kind's rows stands for all."""
    found = []
    for pattern in patterns:
        if not isinstance(pattern, URLPattern):
            continue
        path = str(pattern.pattern)
        if path.endswith(("/menu/", "/toast/")) or path in {"logout/"}:
            continue
        kind = (pattern.name or "").split(".")[0]
        if "<" in path:
            if kind not in rows:
                continue
            path = re.sub(r"<[^>]*>", str(rows[kind]), path)
        found.append(prefix + path)
    return found


def rows_of(user: User) -> dict[str, Model]:
    """Return the key of one row of each kind, the newest."""
    rows = Resource.objects.filter(tenant=user.tenant) if user.tenant else Resource.objects.all()
    found = {row.kind: row.pk for row in rows.order_by("created_at")}
    found["vm"] = rows.filter(kind="vm", name__startswith="web").values_list("pk", flat=True).first()
    operation = Operation.objects.filter(status=OperationStatus.FAILED).first()
    found["operation"] = operation.pk if operation else None
    if user.is_platform_admin:
        from apps.infrastructure.models import ComputeCluster, Region, StorageCluster
        from apps.tenancy.models import Tenant

        found["region"] = Region.objects.values_list("name", flat=True).first()
        found["compute_cluster"] = ComputeCluster.objects.values_list("pk", flat=True).first()
        found["storage_cluster"] = StorageCluster.objects.values_list("pk", flat=True).first()
        found["tenant"] = Tenant.objects.values_list("uid", flat=True).first()
    return {kind: key for kind, key in found.items() if key is not None}


def shoot(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("who", ["owner", "admin"])
@pytest.mark.timeout(600)
def test_screenshots_of_every_page(
    furnished: Site, chromium: Browser, who: str, size: str, theme: str
) -> None:
    user = furnished.owner if who == "owner" else furnished.admin
    width, height = SIZES[size]
    context = chromium.new_context(viewport={"width": width, "height": height}, locale="en-GB")
    furnished.log_in(context, user)
    context.add_cookies([{"name": "theme", "value": theme, "url": furnished.url}])
    page = context.new_page()
    given = (
        paths(urls.tenant, "/", rows_of(user))
        if who == "owner"
        else paths(urls.admin, "/admin/", rows_of(user))
    )
    broken, overflowing = [], []
    for path in [*given, "/api/v1/docs", "/nowhere/"]:
        answer = page.goto(furnished.url + path)
        assert answer is not None
        if answer.status >= 500 or page.url.endswith(f"/login/?next={path}"):
            broken.append((path, answer.status))
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            overflowing.append(path)
        name = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "one", path).strip("/").replace("/", "-") or "home"
        shoot(page, f"{who}-{size}-{theme}-{name}")
    context.close()
    assert broken == []
    assert overflowing == [], "pages wider than the screen"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_screenshots_of_what_opens(furnished: Site, chromium: Browser, size: str, theme: str) -> None:
    width, height = SIZES[size]
    context = chromium.new_context(viewport={"width": width, "height": height}, locale="en-GB")
    context.add_cookies([{"name": "theme", "value": theme, "url": furnished.url}])
    page = context.new_page()
    furnished.open(page, "/vms/", furnished.owner)
    row = page.locator("tbody tr", has_text="web-1")
    row.get_by_role("button", name="Actions").click()
    row.get_by_text("Delete").wait_for()
    picture = f"owner-{size}-{theme}-open"
    page.screenshot(path=PICTURES / f"{picture}-menu.png")
    row.get_by_text("Delete").click()
    page.get_by_role("dialog").wait_for()
    page.screenshot(path=PICTURES / f"{picture}-dialog.png")
    page.keyboard.press("Escape")
    page.goto(f"{furnished.url}/vms/create/")
    page.fill("[name=name]", "")
    page.get_by_role("button", name="Create VM").click()
    page.locator(".field-wrong").first.wait_for()
    page.screenshot(path=PICTURES / f"{picture}-refused.png")
    if size == "phone":
        page.get_by_role("button", name="Navigation").click()
        page.locator("#side.show").wait_for()
        page.screenshot(path=PICTURES / f"{picture}-navigation.png")
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_screenshot_of_the_log_in(furnished: Site, chromium: Browser, theme: str) -> None:
    for size, (width, height) in SIZES.items():
        context = chromium.new_context(viewport={"width": width, "height": height})
        context.add_cookies([{"name": "theme", "value": theme, "url": furnished.url}])
        page = context.new_page()
        page.goto(f"{furnished.url}/login/")
        shoot(page, f"anyone-{size}-{theme}-login")
        context.close()
