"""Fixtures for tests marked `browser`: Debian's Chromium, a fresh profile for each test, a picture when one fails."""

import re
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

PICTURES = Path(__file__).resolve().parent.parent / "var" / "test-results"
# Root needs --no-sandbox; the rest keeps Chromium from calling home, which a closed network refuses slowly.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
FAILED = pytest.StashKey[bool]()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for the run."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS, timeout=120_000)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page with no history, cookies or storage. Script errors and CSP violations fail the test at its end."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB", timezone_id="UTC")
    context.set_default_timeout(60_000)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console", lambda said: complaints.append(said.text) if is_complaint(said.type, said.text) else None
    )
    yield page
    if request.node.stash.get(FAILED, False) or complaints:
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(
            path=PICTURES / f"{re.sub(r'[^a-z0-9]+', '-', request.node.nodeid.lower())}.png", full_page=True
        )
    context.close()
    assert complaints == [], "the browser's console reported errors"


def is_complaint(kind: str, text: str) -> bool:
    """Errors, but for answers of 4xx and 5xx, which a test may want and looks at itself."""
    return kind == "error" and not text.startswith("Failed to load resource")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report
