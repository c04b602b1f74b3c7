"""SE-2 in a browser: passkeys of a virtual authenticator, an authenticator app, recovery codes, sessions.

Passkeys are bound to a name, so the site is opened as `localhost`; its address 127.0.0.1 could have none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from apps.accounts.models import User
from tests import factories
from tests.browser.conftest import Site
from tests.browser.sampled import sampled
from tests.tenancy.test_two_factor import app_code

pytestmark = [pytest.mark.browser, pytest.mark.requirement("SE-2"), sampled]

PASSWORD = "correct-horse-battery-staple"


@pytest.fixture
def person(site: Site) -> User:
    """Somebody new, whose password the site's own hashing knows."""
    assert site.owner.tenant is not None
    user = factories.make_owner(site.owner.tenant)
    user.set_password(PASSWORD)
    user.save()
    return user


@pytest.fixture
def device(page: Page) -> Iterator[None]:
    """A device with a fingerprint reader that always says yes."""
    tools = page.context.new_cdp_session(page)
    tools.send("WebAuthn.enable")
    tools.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    yield


def at(site: Site, path: str) -> str:
    return f"http://localhost:{site.platform.port}{path}"


def log_in(site: Site, page: Page, user: User) -> None:
    page.goto(at(site, "/login/"))
    page.get_by_label("Username").fill(user.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()


def enter(site: Site, page: Page, user: User) -> None:
    """Log in and wait until one is in: opening another page before would take the place of the answer."""
    log_in(site, page, user)
    expect(page).to_have_url(at(site, "/"))


def log_out(page: Page) -> None:
    page.context.clear_cookies()


def add_passkey(site: Site, page: Page, name: str) -> None:
    page.goto(at(site, "/account/security/"))
    page.get_by_role("link", name="Add").click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Add passkey").click()


def test_a_passkey_is_made_used_as_second_step_and_alone_and_removed(
    site: Site, page: Page, person: User, device: None
) -> None:
    enter(site, page, person)
    add_passkey(site, page, "Laptop")
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    codes = page.locator(".codes li")
    expect(codes).to_have_count(10)
    assert len(set(codes.all_inner_texts())) == 10
    page.get_by_role("link", name="I have saved them").click()
    expect(page.locator(".passkeys")).to_contain_text("Laptop")
    expect(page.locator(".passkeys")).to_contain_text("Never used")

    log_out(page)
    log_in(site, page, person)
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_url(at(site, "/"))

    log_out(page)
    page.goto(at(site, "/login/?next=/account/sessions/"))
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page).to_have_url(at(site, "/account/sessions/"))
    expect(page.locator(".factors li").first).to_contain_text("passkey")

    page.goto(at(site, "/account/security/"))
    expect(page.locator(".passkeys")).to_contain_text("Last used")
    page.get_by_role("link", name="Remove Laptop").click()
    page.get_by_role("button", name="Remove passkey").click()
    expect(page.get_by_text("Passkey removed.")).to_be_visible()
    log_out(page)
    enter(site, page, person)


def test_a_second_passkey_comes_without_new_recovery_codes(
    site: Site, page: Page, person: User, device: None
) -> None:
    enter(site, page, person)
    add_passkey(site, page, "Laptop")
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    # The same device says that it has one already; the page stays usable.
    add_passkey(site, page, "Laptop again")
    expect(page.get_by_text("The browser could not create a passkey.")).to_be_visible()
    expect(page.get_by_role("button", name="Add passkey")).to_be_enabled()


def test_a_passkey_that_the_site_does_not_know_is_refused_with_a_way_on(
    site: Site, page: Page, person: User, device: None
) -> None:
    enter(site, page, person)
    add_passkey(site, page, "Laptop")
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    person.authenticator_set.all().delete()  # type: ignore[attr-defined]
    log_out(page)
    page.goto(at(site, "/login/"))
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.get_by_text("The passkey was not accepted. Log in with your password.")).to_be_visible()


def test_an_authenticator_app_is_set_up_and_a_recovery_code_lets_in(
    site: Site, page: Page, person: User
) -> None:
    enter(site, page, person)
    page.goto(at(site, "/account/security/"))
    page.get_by_role("link", name="Set up").click()
    expect(page.locator(".qr svg path")).to_have_count(1)
    secret = re.sub(r"\s", "", page.locator(".secret-key .mono").inner_text())
    page.get_by_label("Code from the app").fill("000000")
    page.get_by_role("button", name="Set up").click()
    expect(page.locator("[data-field=code] .field-error")).to_contain_text("The code is wrong.")
    assert re.sub(r"\s", "", page.locator(".secret-key .mono").inner_text()) == secret
    page.get_by_label("Code from the app").fill(app_code(secret))
    page.get_by_role("button", name="Set up").click()
    code = page.locator(".codes li").first.inner_text()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert code in download.value.path().read_text()

    log_out(page)
    log_in(site, page, person)
    page.get_by_label("Authenticator app code").fill("111111")
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.get_by_text("The code is wrong or was already used.")).to_be_visible()
    page.get_by_label("Authenticator app code").fill(code)
    page.keyboard.press("Enter")
    expect(page).to_have_url(at(site, "/"))
    page.goto(at(site, "/account/security/"))
    expect(page.get_by_text("9 codes left")).to_be_visible()


def test_ending_a_session_closes_its_open_page_at_once(
    site: Site, page: Page, phone: Page, person: User
) -> None:
    for each in (page, phone):
        enter(site, each, person)
        each.goto(at(site, "/account/sessions/"))
        each.wait_for_selector("body[data-live=on]", state="attached")
    page.reload()
    page.get_by_role("link", name="End session").click()
    page.get_by_role("button", name="End session").click()
    expect(page.get_by_text("Session ended.")).to_be_visible()
    expect(phone.get_by_role("heading", name="Log in")).to_be_visible()


def test_with_the_keyboard_alone(site: Site, page: Page, person: User) -> None:
    page.goto(at(site, "/login/"))
    expect(page.get_by_label("Username")).to_be_focused()
    page.keyboard.type(person.username)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(at(site, "/"))
    page.goto(at(site, "/account/security/"))
    page.get_by_role("link", name="Set up").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Code from the app").press("Tab")
    expect(page.locator(":focus")).to_be_visible()


def test_a_browser_without_passkeys_still_logs_in(site: Site, chromium: Browser, person: User) -> None:
    context = chromium.new_context()
    context.set_default_timeout(60_000)
    context.add_init_script("delete window.PublicKeyCredential")
    page = context.new_page()
    page.goto(at(site, "/login/"))
    expect(page.get_by_role("button", name="Log in with a passkey")).to_be_hidden()
    enter(site, page, person)
    page.goto(at(site, "/account/security/passkey/"))
    expect(page.get_by_text("This browser cannot create passkeys here")).to_be_visible()
    context.close()
