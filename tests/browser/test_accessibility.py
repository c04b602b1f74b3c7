"""axe-core finds no serious or critical violation: on pages in both themes, wide and on a phone, and on what opens.

Each page is loaded once: the dark theme and the phone's width are put on it in place. `make test` looks at a sample of
the pages, chosen by what changed (tests/sampling.py), `make campaign` at all.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Site
from tests.browser.sample_data import SHOWN
from tests.browser.tour import PORTALS, SIZES, Visit, files_of, pages
from tests.sampling import at_most, changes, choose, chosen_now, is_whole

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

AXE = (Path(__file__).resolve().parents[1] / "vendor" / "axe" / "axe.min.js").read_text()
#: WCAG 2.2 AA, with its targets of 24 px.
RULES = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
COLOURS = {"type": "rule", "values": ["color-contrast"]}
#: What the width decides.
LAYOUT = {
    "type": "rule",
    "values": ["target-size", "scrollable-region-focusable", "link-name", "button-name", "label"],
}

#: What every page is made of.
FURNITURE = ("templates/", "static/", "apps/portal/")
OWN = ("tests/browser/test_accessibility.py", "tests/browser/tour.py", "tests/browser/sample_data.py")
SHARE = 5
#: No more than so many of a portal, whatever changed: each is looked at in four forms.
MOST = 18
#: A key differs from run to run, a page does not.
KEYS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\b\d+\b")


def sample(paths: list[str], config: pytest.Config, portal: str) -> list[str]:
    """Return the pages to look at: those whose app changed, and a share of the others; all in `make campaign`."""
    if is_whole(config):
        return paths
    chosen = choose(
        paths,
        changes(),
        name=lambda path: re.sub(KEYS, "", path),
        paths=lambda path: (*OWN, *files_of(path)),
        core=[paths[0]],
        engine=FURNITURE,
        share=SHARE,
    )
    chosen = at_most(MOST, chosen, changes().rotation, name=str, core=[paths[0]])
    chosen_now(config, f"pages looked at by axe, {portal}", len(chosen), len(paths))
    return chosen


def wear(page: Page, theme: str) -> None:
    """Put a theme on the page as its theme switch does."""
    page.evaluate("theme => document.documentElement.setAttribute('data-bs-theme', theme)", theme)


def violations(page: Page, run_only: dict[str, Any] = RULES) -> list[str]:
    """Return what axe-core finds that is serious or critical."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
        # Colours on their way from one to the other are neither.
        page.emulate_media(reduced_motion="reduce")
    found: dict[str, Any] = page.evaluate(
        "only => axe.run({runOnly: only, resultTypes: ['violations']})", run_only
    )
    return [
        f"{violation['id']}: {node['html'][:160]}"
        for violation in found["violations"]
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"][:3]
    ]


def complaints(page: Page) -> list[str]:
    """Return what is wrong with an open page, light and dark, wide and on a phone."""
    found = violations(page)
    wear(page, "dark")
    found += [f"dark: {complaint}" for complaint in violations(page, COLOURS)]
    wear(page, "light")
    page.set_viewport_size({"width": 390, "height": 844})
    # What the summary covers at the bottom of the screen is reached by scrolling: it is not too small.
    page.add_style_tag(content=".create-side { position: static !important; }")
    found += [f"phone: {complaint}" for complaint in violations(page, LAYOUT)]
    if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        found.append("wider than a phone")
    page.set_viewport_size({"width": 1440, "height": 900})
    return found


@pytest.mark.campaign_itself
@pytest.mark.requirement("UX-10")
@pytest.mark.parametrize("portal", PORTALS)
def test_no_page_has_a_serious_violation(
    sample_site: Site, chromium: Browser, portal: str, pytestconfig: pytest.Config
) -> None:
    context = Visit(portal).context(sample_site, chromium, bypass_csp=True)
    page = context.new_page()
    found: dict[str, list[str]] = {}
    paths = [*pages(sample_site, portal, verbs=False), "/api/v1/docs", "/nowhere/"]
    for path in sample(paths, pytestconfig, portal):
        page.goto(sample_site.url + path)
        if page.locator(".shell, .plain-main").count():
            for complaint in complaints(page):
                found.setdefault(complaint, []).append(path)
    context.close()
    told = [f"{complaint}\n  {len(paths)} pages, first {paths[0]}" for complaint, paths in found.items()]
    assert told == [], "\n".join(told)


@pytest.mark.requirement("UX-10")
def test_what_opens_has_no_serious_violation(sample_site: Site, chromium: Browser) -> None:
    context = Visit("tenant").context(sample_site, chromium, bypass_csp=True)
    page = context.new_page()
    found: dict[str, list[str]] = {}

    def look(name: str) -> None:
        wear(page, "light")
        found[name] = violations(page)
        wear(page, "dark")
        found[name] += violations(page, COLOURS)

    sample_site.open(page, "/vms/")
    row = page.locator("tbody tr", has_text=SHOWN).first
    row.get_by_role("button", name="Actions").click()
    row.get_by_text("Delete").wait_for()
    look("a row's menu")
    row.get_by_text("Delete").click()
    page.get_by_role("dialog").wait_for()
    look("a dialog")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    row.get_by_role("button", name="Actions").click()
    row.get_by_text("Rename").click()
    page.get_by_role("dialog").get_by_label("Name").fill("")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").locator(".field-wrong").wait_for()
    look("a refused dialog")
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("button", name="Navigation").click()
    page.locator("#side.show").wait_for()
    look("the phone's navigation")
    context.close()
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.requirement("UX-10")
def test_the_log_in_has_no_serious_violation(sample_site: Site, chromium: Browser) -> None:
    context = Visit("tenant").context(sample_site, chromium, bypass_csp=True)
    context.clear_cookies(name="sessionid")
    page = context.new_page()
    page.goto(f"{sample_site.url}/login/")
    assert complaints(page) == []
    page.get_by_role("button", name="Log in").first.click()
    assert complaints(page) == []
    context.close()


@pytest.mark.requirement("UX-10")
@pytest.mark.parametrize("path", ["/", "/vms/", "/vpcs/create/"])
def test_a_page_zoomed_to_200_percent_needs_no_sideways_scrolling(
    sample_site: Site, chromium: Browser, path: str
) -> None:
    context = Visit("tenant").context(sample_site, chromium)
    page = context.new_page()
    # What the window shows at 200 %.
    width, height = SIZES["wide"][0] // 2, SIZES["wide"][1] // 2
    page.set_viewport_size({"width": width, "height": height})
    page.goto(sample_site.url + path)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    context.close()
