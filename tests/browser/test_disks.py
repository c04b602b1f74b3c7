"""The life of a data disk in the portal, by mouse and keyboard, on pretend hosts."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from apps.compute.models import Vm
from apps.storage.models import Disk
from tests.browser.conftest import Site
from tests.browser.dialogs import choose, expect_state, fill_in, send

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

NAME, VM = "journey", "shop-web-2"


@pytest.mark.requirement("EV-1")
@pytest.mark.requirement("EV-2")
@pytest.mark.requirement("EV-3")
@pytest.mark.requirement("EV-4")
@pytest.mark.requirement("EV-5")
def test_a_disk_is_created_attached_kept_rolled_back_grown_copied_and_deleted(
    sample_site: Site, page: Page
) -> None:
    sample_site.open(page, "/disks/create/", sample_site.owner)
    page.fill("[name=name]", NAME)
    expect(page.locator(".summary")).to_contain_text("Ready to create")
    page.get_by_role("button", name="Create disk").click()
    expect(page.locator("h1")).to_have_text(NAME)
    expect_state(page, "Available")
    disk = Disk.objects.get(name=NAME)

    attach(page)
    take_snapshot(page)
    page.get_by_role("button", name="Detach", exact=True).or_(
        page.get_by_role("link", name="Detach", exact=True)
    ).click()
    fill_in(page)
    send(page, "Detach")
    expect_state(page, "Available")

    page.locator(".snapshot-line").get_by_role("link", name="Roll back").click()
    expect(page.locator("dialog [name=snapshot_first]")).to_be_checked()
    send(page, "Roll back")
    expect(page.locator(".snapshot-line")).to_contain_text("Before roll back to before")
    expect_state(page, "Available")

    grow_and_copy(page)
    delete(page)
    assert not Disk.objects.filter(pk=disk.pk).exists()
    copy = Disk.objects.get(name="journey-copy")
    assert (copy.size_gib, copy.state, copy.copied_from) == (20, "ready", None)


def attach(page: Page) -> None:
    page.locator(".detail-title").get_by_role("link", name="Attach").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.locator("dialog [name=vm]").select_option(label=VM)
    send(page, "Attach")
    expect_state(page, "Attached")
    expect(page.locator(".connect").first).to_contain_text(VM)
    disk = Disk.objects.get(name=NAME)
    expect(page.locator(".connect").first).to_contain_text(disk.guest_path)
    assert disk.vm == Vm.objects.get(name=VM)


def take_snapshot(page: Page) -> None:
    page.get_by_role("link", name="Snapshots", exact=True).last.click()
    page.get_by_role("link", name="Create snapshot").last.click()
    fill_in(page, name="before")
    send(page, "Create snapshot")
    expect(page.locator(".snapshot-line")).to_contain_text(re.compile("before.*Available", re.DOTALL))
    expect(page.locator(".snapshot-line")).to_contain_text("File-system-consistent")


def grow_and_copy(page: Page) -> None:
    choose(page, "Expand")
    fill_in(page, size_gib="20")
    send(page, "Expand")
    expect(page.locator(".facts")).to_contain_text("20 GiB")
    expect_state(page, "Available")
    choose(page, "Clone")
    fill_in(page, name="journey-copy")
    send(page, "Clone")
    page.get_by_role("link", name="Overview", exact=True).last.click()
    copies = page.locator(".copies")
    expect(copies).to_contain_text(re.compile("journey-copy.*Available", re.DOTALL))
    expect_state(page, "Available")


def delete(page: Page) -> None:
    choose(page, "Delete")
    fill_in(page, typed_name=NAME)
    page.locator("dialog [name=with_snapshots]").check()
    send(page, "Delete")
    expect(page.get_by_text("This disk no longer exists.")).to_be_visible()
