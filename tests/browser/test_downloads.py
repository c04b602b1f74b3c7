"""Downloading an image in a browser: prepared, followed, saved as a file, broken off and resumed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from apps.compute.models import Image
from apps.uploads.models import Export
from tests import factories
from tests.browser.conftest import PICTURES, Site
from tests.compute.factories import make_image

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.requirement("IM-3")]


@pytest.fixture(scope="module")
def image(site: Site) -> Image:
    tenant = site.owner.tenant
    assert tenant is not None
    return make_image(site.cloud.storage, "golden", tenant=tenant, project=factories.default_project(tenant))


def test_an_administrator_prepares_and_saves_an_image(site: Site, page: Page, image: Image) -> None:
    site.open(page, f"/admin/images/{image.pk}/download/", site.admin)
    page.get_by_role("button", name="Prepare download").first.click()
    save = page.get_by_role("button", name="Download", exact=True)
    expect(save).to_be_visible()
    export = Export.objects.get(resource=image)
    expect(page.get_by_text(export.sha256)).to_be_visible()
    with page.expect_download() as begun:
        save.click()
    assert begun.value.suggested_filename == "golden.qcow2"
    content = Path(begun.value.path()).read_bytes()
    assert hashlib.sha256(content).hexdigest() == export.sha256


def test_a_program_resumes_it_through_the_proxy(site: Site, image: Image) -> None:
    """By the whole way that a request takes: nginx, the web process, its event loop."""
    headers = {"Authorization": f"Bearer {factories.api_token(site.admin)}"}
    with httpx.Client(base_url=site.url, headers=headers) as client:
        link = client.post(f"/api/v1/images/{image.pk}/download").json()
        with client.stream("GET", link["url"]) as whole:
            assert (whole.status_code, whole.headers["accept-ranges"]) == (200, "bytes")
            got = next(whole.iter_bytes(100_000))
        rest = client.get(
            link["url"], headers={"Range": f"bytes={len(got)}-", "If-Range": whole.headers["etag"]}
        )
    assert rest.status_code == 206
    assert hashlib.sha256(got + rest.content).hexdigest() == link["sha256"]


def test_the_pages_fit_a_phone_and_the_dark(site: Site, chromium: Browser, image: Image) -> None:
    other = make_image(site.cloud.storage, "not-prepared")
    PICTURES.mkdir(parents=True, exist_ok=True)
    paths = {
        "ready": f"/admin/images/{image.pk}/download/",
        "none": f"/admin/images/{other.pk}/download/",
        "uploads": "/admin/uploads/",
        "import": "/admin/images/create/",
    }
    for width in (1440, 390):
        for theme in ("light", "dark"):
            context = chromium.new_context(
                viewport={"width": width, "height": 900},
                color_scheme=theme,  # type: ignore[arg-type]
            )
            page = context.new_page()
            for name, path in paths.items():
                site.open(page, path, site.admin)
                assert not page.evaluate(
                    "document.documentElement.scrollWidth > document.documentElement.clientWidth"
                ), (name, width)
                shot = PICTURES / f"download-{name}-{theme}-{width}.png"
                page.screenshot(path=shot, full_page=True, animations="disabled")
            context.close()
