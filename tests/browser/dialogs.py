"""What journeys through the portal do with dialogs and with the head of a resource's page."""

from __future__ import annotations

from playwright.sync_api import Page, expect


def fill_in(page: Page, **fields: str) -> None:
    """Wait for the dialog, and fill in its fields."""
    expect(page.get_by_role("dialog")).to_be_visible()
    for name, value in fields.items():
        page.locator(f"dialog [name={name}]").fill(value)


def send(page: Page, label: str) -> None:
    """Confirm the dialog."""
    page.get_by_role("dialog").get_by_role("button", name=label, exact=True).click()
    expect(page.get_by_role("dialog")).to_be_hidden()


def expect_state(page: Page, word: str) -> None:
    """Wait until the head of the page says this state."""
    expect(page.locator(".detail-title .pill")).to_contain_text(word)


def choose(page: Page, label: str) -> None:
    """Take an action from the menu of the page."""
    page.locator(".detail-title").get_by_role("button", name="Actions").click()
    page.locator(".detail-title .dropdown-menu").get_by_text(label, exact=True).click()


def press(page: Page, label: str) -> None:
    """Take an action that stands beside the title."""
    page.locator(".detail-title").get_by_role("link", name=label, exact=True).click()
