"""A picture of every page, for people to look at: `make screenshots` writes var/screenshots/<theme>/<size>/….

Both portals at 1440 and 390 px, light and dark, in English; every list, detail and form in the other languages too,
under their code. Those of the README and the quick start come from here as well: var/screenshots/readme/.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Error, Page, expect

from apps.compute.models import Vm
from apps.infrastructure.models import ComputeCluster
from tests.browser.conftest import PICTURES, Site
from tests.browser.sample_data import SHOWN
from tests.browser.tour import PORTALS, SIZES, THEMES, Visit, pages

pytestmark = [pytest.mark.browser, pytest.mark.pictures, pytest.mark.timeout(1200)]

#: What Chromium says of a file, and of an answer without a body: the path takes forms only.
NO_PAGE = ("Download is starting", "ERR_HTTP_RESPONSE_CODE_FAILURE")
OTHERS = [code for code, _name in settings.LANGUAGES if code != "en"]


def folder(visit: Visit) -> Path:
    """Return where a visit's pictures go."""
    within = PICTURES if visit.language == "en" else PICTURES / visit.language
    return within / visit.theme / visit.size


def shoot(page: Page, visit: Visit, name: str, *, whole: bool = True) -> None:
    """Take a picture; `whole`: of all one could scroll to."""
    folder(visit).mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder(visit) / f"{visit.portal}-{name}.png", full_page=whole, animations="disabled")


def named(path: str) -> str:
    """Return a path as a file name, keys left out: "vms-one-network"."""
    name = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|/\d+/", "/one/", path.removeprefix("/admin"))
    return re.sub(r"/+", "-", name.strip("/")) or "home"


def walk(site: Site, chromium: Browser, visit: Visit, paths: list[str]) -> list[str]:
    """Photograph the pages; return what is wrong with them: errors, logins, wider than the screen."""
    context = visit.context(site, chromium)
    page = context.new_page()
    wrong = []
    for path in paths:
        try:
            answer = page.goto(site.url + path)
        except Error as error:
            if not any(said in error.message for said in NO_PAGE):
                raise
            page.close()  # it is about to show Chromium's own error, which would interrupt what comes next
            page = context.new_page()
            continue
        assert answer is not None
        if page.locator(".shell, .plain-main, .screen-page").count() == 0:
            continue  # a fragment
        if answer.status >= 500 or "/login/" in page.url:
            wrong.append(f"{path}: {answer.status} at {page.url}")
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            wrong.append(f"{path}: wider than the screen")
        page.wait_for_function(
            "document.fonts.status === 'loaded' && !document.querySelector('.htmx-request')"
        )
        shoot(page, visit, named(path))
    context.close()
    return wrong


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("portal", PORTALS)
def test_screenshots_of_every_page(
    sample_site: Site, chromium: Browser, portal: str, size: str, theme: str
) -> None:
    # Confirmations have one template: once is enough.
    verbs = (size, theme) in {("wide", "light"), ("phone", "dark")}
    paths = [*pages(sample_site, portal, verbs=verbs), "/api/v1/docs", "/nowhere/"]
    assert walk(sample_site, chromium, Visit(portal, size, theme), paths) == []


@pytest.mark.parametrize("portal", PORTALS)
@pytest.mark.parametrize("language", OTHERS)
def test_screenshots_in_other_languages(
    sample_site: Site, chromium: Browser, portal: str, language: str
) -> None:
    paths = pages(sample_site, portal, verbs=False)
    assert walk(sample_site, chromium, Visit(portal, language=language), paths) == []
    assert walk(sample_site, chromium, Visit(portal, "phone", "dark", language), paths[:12]) == []


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES)
def test_screenshots_of_what_opens(sample_site: Site, chromium: Browser, size: str, theme: str) -> None:
    visit = Visit("tenant", size, theme)
    context = visit.context(sample_site, chromium)
    page = context.new_page()
    sample_site.open(page, "/vms/")
    row = page.locator("tbody tr", has_text=SHOWN).first
    row.get_by_role("button", name="Actions").click()
    row.get_by_text("Delete").wait_for()
    shoot(page, visit, "open-menu", whole=False)
    row.get_by_text("Delete").click()
    page.get_by_role("dialog").wait_for()
    shoot(page, visit, "open-dialog", whole=False)
    page.keyboard.press("Escape")
    page.goto(f"{sample_site.url}/vpcs/create/")
    page.fill("[name=name]", "")
    page.locator("main form button[type=submit]").last.click()
    page.locator(".field-wrong").first.wait_for()
    shoot(page, visit, "open-refused", whole=False)
    if size == "phone":
        page.get_by_role("button", name="Navigation").click()
        page.locator("#side.show").wait_for()
        shoot(page, visit, "open-navigation", whole=False)
    context.close()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES)
def test_screenshots_of_a_newcomer(sample_site: Site, chromium: Browser, size: str, theme: str) -> None:
    """The login, and what one sees who has nothing yet."""
    visit = Visit("newcomer", size, theme)
    context = visit.context(sample_site, chromium)
    context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    page = context.new_page()
    page.goto(f"{sample_site.url}/login/")
    shoot(page, visit, "login")
    assert sample_site.newcomer is not None
    sample_site.log_in(context, sample_site.newcomer)
    for path in ("/", "/vms/", "/disks/", "/images/"):
        page.goto(sample_site.url + path)
        shoot(page, visit, named(path))
    context.close()


#: The largest picture of the documentation, in bytes.
MOST_BYTES = 150_000
SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ me@laptop"


def shoot_for_docs(page: Page, name: str) -> None:
    """Take a picture for docs/images, as small as documents need it."""
    expect(page.locator("h1")).to_be_visible()
    page.wait_for_load_state("networkidle")
    asked = {"format": "webp", "quality": 82}
    taken = page.context.new_cdp_session(page).send("Page.captureScreenshot", asked)
    (PICTURES / "readme").mkdir(parents=True, exist_ok=True)
    picture = PICTURES / "readme" / f"{name}.webp"
    picture.write_bytes(base64.b64decode(taken["data"]))
    assert picture.stat().st_size < MOST_BYTES


def test_screenshots_for_the_readme(sample_site: Site, chromium: Browser) -> None:
    vm = Vm.objects.get(name=SHOWN)
    cluster = ComputeCluster.objects.get(pk=sample_site.cloud.cluster.pk)
    chosen = {
        "vms": (Visit("tenant"), "/vms/"),
        "vm": (Visit("tenant", theme="dark"), f"/vms/{vm.pk}/monitoring/"),
        "cluster": (Visit("admin"), f"/admin/compute-clusters/{cluster.pk}/"),
        "quick-start-vm": (Visit("tenant"), f"/vms/{vm.pk}/"),
    }
    for name, (visit, path) in chosen.items():
        context = visit.context(sample_site, chromium)
        page = context.new_page()
        sample_site.open(page, path)
        shoot_for_docs(page, name)
        context.close()


def test_screenshots_of_the_quick_starts_forms(sample_site: Site, chromium: Browser) -> None:
    context = Visit("tenant").context(sample_site, chromium)
    page = context.new_page()
    sample_site.open(page, f"/key-pairs/create/?{urlencode({'name': 'laptop', 'public_key': SSH_KEY})}")
    shoot_for_docs(page, "quick-start-key")
    sample_site.open(page, "/vms/create/?name=web-1")
    expect(page.get_by_text("Ready to create")).to_be_visible()
    shoot_for_docs(page, "quick-start-create")
    context.close()


def test_screenshots_of_the_quick_starts_second_tenant(sample_site: Site, chromium: Browser) -> None:
    context = Visit("admin").context(sample_site, chromium)
    page = context.new_page()
    sample_site.open(page, "/admin/tenants/create/")
    page.fill("[name=name]", "second")
    page.fill("[name=username]", "sam")
    page.locator("main form button[type=submit]").last.click()
    expect(page.locator("h1")).to_have_text("Tenant created")
    shoot_for_docs(page, "quick-start-tenant")
    assert sample_site.newcomer is not None
    sample_site.open(page, "/vms/", sample_site.newcomer)
    shoot_for_docs(page, "quick-start-second")
    context.close()
