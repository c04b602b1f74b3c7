"""One's own tasks follow from every page: under way, failed, seen."""

from __future__ import annotations

import pytest
from django.utils import timezone
from onebox.shell import wait_until
from playwright.sync_api import Page, expect

from apps.compute.models import Image
from apps.lifecycle.models import Operation, State
from apps.network.models import Subnet
from tests import factories
from tests.browser.conftest import Site
from tests.browser.sampled import sampled
from tests.compute.factories import ask_for_vms

pytestmark = [pytest.mark.browser, pytest.mark.requirement("OP-4"), sampled]


@pytest.fixture(scope="module")
def subnet(site: Site) -> Subnet:
    return site.cloud.network(site.owner.tenant)


@pytest.fixture
def doomed(site: Site, subnet: Subnet) -> Operation:
    """A creation whose image nobody has: its worker tries again and again."""
    lost = Image.objects.create(
        kind="image",
        name="Lost image",
        region=site.cloud.region,
        cluster=site.cloud.storage,
        state=State.READY,
        default_disk_gib=40,
    )
    actor = factories.actor_for_user(site.owner)
    (operation,) = ask_for_vms(actor, site.cloud, subnet, name="doomed", image=lost.pk)
    return operation


def test_the_top_bar_counts_what_is_under_way_and_what_failed_until_it_is_seen(
    site: Site, page: Page, doomed: Operation
) -> None:
    site.open(page, "/quotas/", site.owner)
    button = page.locator("[data-own-tasks]")
    expect(button).to_contain_text("1 in progress")
    Operation.objects.open().update(deadline=timezone.now())
    expect(button).to_contain_text("1 failed")
    button.focus()
    page.keyboard.press("Enter")
    item = page.locator(".own-tasks .own-task").first
    expect(item).to_contain_text("Create VM: doomed")
    expect(item).to_contain_text("Failed")
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    expect(button).not_to_contain_text("failed")


def test_a_task_between_two_attempts_says_why_and_is_cancelled(
    site: Site, page: Page, doomed: Operation
) -> None:
    site.open(page, f"/operations/{doomed.pk}/", site.owner)
    expect(page.locator(".failed-what")).to_contain_text("The last attempt failed")
    wait_until(
        lambda: Operation.objects.filter(pk=doomed.pk, attempt__gte=3).exists(),
        "a third attempt",
        seconds=100,
    )
    # Between attempts for seconds at a time; while a worker is at it for milliseconds.
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".detail-title .pill")).to_have_text("Cancelled")
    expect(page.locator(".failed-next").get_by_role("button", name="Retry")).to_be_visible()


def test_a_list_of_tasks_shows_progress_and_settles_by_itself(site: Site, page: Page, subnet: Subnet) -> None:
    site.open(page, "/operations/", site.owner)
    ask_for_vms(factories.actor_for_user(site.owner), site.cloud, subnet, name="new")
    top = page.locator("tbody tr", has_text="new").first
    expect(top.locator(".pill")).to_have_text("Done")
