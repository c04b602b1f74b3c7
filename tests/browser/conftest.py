"""A site to browse: web and worker processes on pretend hosts, two tenants, an admin, and something in every list."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from playwright.sync_api import Browser, BrowserContext, Page, TimeoutError, expect

from apps.accounts.models import User
from apps.accounts.recent_proof import PROVED_AT
from apps.accounts.sessions import SessionStore
from apps.infrastructure import backends
from tests import factories
from tests.compute.factories import Cloud, make_cloud
from tests.lasting_database import LastingDatabase
from tests.platform_fixtures import Platform, SharedPlatform

#: A loaded machine is slow, and a page that never changes is what a test looks for.
expect.set_options(timeout=60_000)

#: What web said last, of a page that is not let in.
LAST_LINES = 40
PICTURES = Path(__file__).resolve().parents[2] / "var" / "screenshots"


@dataclass
class Site:
    """A running platform, the people on it and its pretend region."""

    platform: Platform
    owner: User
    admin: User
    cloud: Cloud
    #: Owner of a tenant that has nothing yet, on the sites that have one.
    newcomer: User | None = None

    @property
    def url(self) -> str:
        return self.platform.url

    def log_in(self, context: BrowserContext, user: User) -> None:
        """Give the browser a session of the user, as the login would."""
        user.refresh_from_db(fields=["password"])  # a login may have renewed its hash
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session[PROVED_AT] = time.time()
        session.save()
        assert session.session_key is not None
        context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": session.session_key, "url": self.url}]
        )

    def open(self, page: Page, path: str, user: User | None = None) -> None:
        """Log in and open a page; wait until it hears of changes and has its fonts, which move what stands on it."""
        if user is not None:
            self.log_in(page.context, user)
        failed: list[str] = []
        page.on("requestfailed", lambda request: failed.append(f"{request.url}: {request.failure}"))
        page.goto(self.url + path)
        try:
            page.wait_for_selector("body[data-live=on]", state="attached")
        except TimeoutError as error:
            said = "\n".join(self.platform.log("web").splitlines()[-LAST_LINES:])
            missed = "\n".join(failed) or "none"
            raise AssertionError(
                f"{page.url} was not let in; requests without an answer: {missed}; web said last:\n{said}"
            ) from error
        page.evaluate("document.fonts.ready.then(() => null)")


@pytest.fixture(scope="module")
def site(memory_platform: Platform) -> Site:
    memory_platform.collect_static()
    memory_platform.start("web", "worker", "beat")
    tenant = factories.make_tenant("acme")
    bolt = factories.make_tenant("bolt")
    cloud = make_cloud(backends.memory_world(), hosts=3)
    return Site(
        platform=memory_platform,
        owner=factories.make_owner(tenant, "alice"),
        admin=factories.make_admin("ada"),
        newcomer=factories.make_owner(bolt, "bob"),
        cloud=cloud,
    )


#: Content of the database and the pretend region once a site is sample_site.
IN_USE = "in_use"


@pytest.fixture(scope="session")
def furnished_sites() -> list[Site]:
    """The site that was sample_site, once one was."""
    return []


@pytest.fixture(scope="module")
def sample_site(
    memory_platform: Platform,
    shared_platform: SharedPlatform,
    lasting_database: LastingDatabase,
    furnished_sites: list[Site],
    request: pytest.FixtureRequest,
) -> Site:
    """The site as in use; see `furniture`. Furnished once, and put back for each later module as it was then."""
    from tests.browser.sample_data import add_sample_data

    if furnished_sites:
        lasting_database.put_back(IN_USE)
        shared_platform.put_back_world(IN_USE)
        memory_platform.start("web", "worker", "beat")
        return furnished_sites[0]
    made: Site = request.getfixturevalue("site")
    add_sample_data(made)
    lasting_database.keep(IN_USE)
    shared_platform.keep_world(IN_USE)
    furnished_sites.append(made)
    return made


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Page]:
    """A page as wide as a phone."""
    context = chromium.new_context(viewport={"width": 390, "height": 844}, device_scale_factor=2)
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()
