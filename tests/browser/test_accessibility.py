"""axe-core finds no serious or critical violation on the portals' pages, light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from apps.portal import urls
from tests.browser.conftest import Site
from tests.browser.test_screenshots import furnished, paths, rows_of

__all__ = ["furnished"]
pytestmark = pytest.mark.browser

AXE = (Path(__file__).resolve().parents[1] / "vendor" / "axe" / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]


def violations(page: Page) -> list[str]:
    page.evaluate(AXE)
    found: dict[str, Any] = page.evaluate("tags => axe.run({runOnly: tags})", RULES)
    return [
        f"{violation['id']}: {node['html'][:140]}"
        for violation in found["violations"]
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"][:3]
    ]


@pytest.mark.requirement("UX-10")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("who", ["owner", "admin"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_has_a_serious_violation(furnished: Site, chromium: Browser, who: str, theme: str) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, bypass_csp=True)
    context.add_cookies([{"name": "theme", "value": theme, "url": furnished.url}])
    page = context.new_page()
    user = furnished.owner if who == "owner" else furnished.admin
    furnished.log_in(context, user)
    given = (
        paths(urls.tenant, "/", rows_of(user))
        if who == "owner"
        else paths(urls.admin, "/admin/", rows_of(user))
    )
    found = {}
    for path in given:
        page.goto(furnished.url + path)
        if complaints := violations(page):
            found[path] = complaints
    context.close()
    assert found == {}
