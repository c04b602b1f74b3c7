"""Uploading an image in a browser: part by part, broken off by a reload and by a lost connection, and resumed."""

from __future__ import annotations

import hashlib
import os
import re
import struct
from pathlib import Path

import pytest
from onebox.shell import wait_until
from playwright.sync_api import Browser, Page, Route, expect

from apps.compute.models import Image
from apps.lifecycle.models import State
from apps.uploads.models import Upload
from apps.uploads.services import MOST_PART_BYTES, start_upload
from tests import factories
from tests.browser.conftest import PICTURES, Site

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.requirement("IM-2")]

PARTS = 12


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A qcow2 file of 1 GiB, as far as pretend pools look at one."""
    path = tmp_path / "debian-12.qcow2"
    head = struct.pack(">4sIQIIQ", b"QFI\xfb", 3, 0, 0, 16, 1 << 30)
    path.write_bytes(head + os.urandom(PARTS * MOST_PART_BYTES - len(head) + 1000))
    return path


def received() -> int:
    return Upload.objects.values_list("received", flat=True).get()


def picture(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"upload-{name}.png", full_page=True, animations="disabled")


def test_an_upload_goes_on_after_a_reload_and_a_lost_connection_and_becomes_an_image(
    site: Site, page: Page, file: Path
) -> None:
    site.open(page, "/images/create/", site.owner)
    sent: list[str] = []

    def some(route: Route) -> None:
        """Let four parts pass; the rest hangs, as on a line that is gone."""
        if route.request.method == "PATCH":
            sent.append(route.request.headers.get("upload-checksum", ""))
            if len(sent) > 4:
                return
        route.continue_()

    page.route(re.compile(r"/api/v1/tus/"), some)
    page.get_by_label("Upload a file").set_input_files(file)
    for _ in range(300):  # in the page's own time: the routes above are served only while it is waited for
        if len(sent) > 4 and received() >= 4 * MOST_PART_BYTES:
            break
        page.wait_for_timeout(200)
    assert received() == 4 * MOST_PART_BYTES
    expect(page.get_by_role("button", name="Import image")).to_be_disabled()
    picture(page, "running")
    assert all(each.startswith("sha256 ") for each in sent)

    page.unroute_all(behavior="ignoreErrors")
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    expect(page.get_by_text("Choose the same file again to continue.")).to_be_visible()
    before, offsets, failed = received(), [], []

    def flaky(route: Route) -> None:
        """Break the second part off, once."""
        if route.request.method == "PATCH":
            offsets.append(int(route.request.headers["upload-offset"]))
            if len(offsets) == 2 and not failed:
                failed.append(True)
                route.abort("connectionreset")
                return
        route.continue_()

    page.route(re.compile(r"/api/v1/tus/"), flaky)
    page.get_by_label("Upload a file").set_input_files(file)
    expect(page.get_by_text("Upload complete.")).to_be_visible()
    assert offsets[0] == before
    upload = Upload.objects.get()
    assert (upload.is_complete, upload.name) == (True, file.name)
    expect(page.get_by_label("Uploaded file")).to_have_value(str(upload.pk))
    directory = site.platform.instance.var / "uploads"
    assert (
        hashlib.sha256((directory / str(upload.pk)).read_bytes()).digest()
        == hashlib.sha256(file.read_bytes()).digest()
    )
    picture(page, "complete")

    page.get_by_label("Name", exact=True).fill("debian")
    page.get_by_role("button", name="Import image").click()
    wait_until(
        lambda: Image.objects.filter(name="debian", state=State.READY).exists(), "no image", seconds=60
    )
    wait_until(
        lambda: not Upload.objects.exists() and not (directory / str(upload.pk)).exists(),
        "the upload stayed",
        seconds=30,
    )


def test_an_upload_is_paused_resumed_and_given_up(site: Site, page: Page, file: Path) -> None:
    site.open(page, "/images/create/", site.owner)
    page.route(
        re.compile(r"/api/v1/tus/"),
        lambda route: (page.wait_for_timeout(150), route.continue_())[1],
    )
    page.get_by_label("Upload a file").set_input_files(file)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused.")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Upload complete.")).to_be_visible()
    Upload.objects.all().delete()


def test_an_upload_of_another_browser_is_resumed_with_its_file_only(
    site: Site, page: Page, file: Path, tmp_path: Path
) -> None:
    content = file.read_bytes()
    owner = factories.actor_for_user(site.owner)
    upload = start_upload(owner, size=len(content), name=file.name)
    Upload.objects.filter(pk=upload.pk).update(received=MOST_PART_BYTES)
    spool = site.platform.instance.var / "uploads"
    (spool / str(upload.pk)).write_bytes(content[:MOST_PART_BYTES])
    site.open(page, "/uploads/", site.owner)
    picture(page, "list")
    page.get_by_role("link", name=re.compile("Resume")).click()
    resume = page.get_by_role("button", name=re.compile("Resume.+"))
    other = tmp_path / "other.qcow2"
    other.write_bytes(b"something else")
    with page.expect_file_chooser() as asked:
        resume.click()
    asked.value.set_files(other)
    expect(page.get_by_text("This is another file.")).to_be_visible()
    with page.expect_file_chooser() as asked:
        resume.click()
    asked.value.set_files(file)
    expect(page.get_by_text("Upload complete.")).to_be_visible()
    assert Upload.objects.get().pk == upload.pk, "gone on with, not begun anew"
    whole = (spool / str(upload.pk)).read_bytes()
    assert hashlib.sha256(whole).digest() == hashlib.sha256(content).digest()
    Upload.objects.all().delete()


def test_why_an_upload_is_refused_is_shown(site: Site, page: Page, file: Path) -> None:
    from apps.quotas.models import Quota

    Quota.objects.filter(tenant=site.owner.tenant, metric="upload_gib").update(limit=0)
    site.open(page, "/images/create/", site.owner)
    page.get_by_label("Upload a file").set_input_files(file)
    expect(page.locator(".upload-failed")).to_contain_text("Quota exceeded.")
    Quota.objects.filter(tenant=site.owner.tenant, metric="upload_gib").update(limit=200)


def test_the_page_fits_a_phone_and_the_dark(site: Site, chromium: Browser) -> None:
    for user, path in ((site.owner, "/images/create/"), (site.admin, "/admin/images/create/")):
        for width in (1440, 390):
            for theme in ("light", "dark"):
                context = chromium.new_context(
                    viewport={"width": width, "height": 900},
                    color_scheme=theme,  # type: ignore[arg-type]
                )
                page = context.new_page()
                site.open(page, path, user)
                assert page.evaluate(
                    "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
                )
                picture(page, f"{user.username}-{width}-{theme}")
                context.close()
