"""From the commit of a change to the changed cell in an open page, with 1, 100 and 1,000 pages of the tenant open."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.test import override_settings
from playwright.sync_api import Browser, Page

from apps.accounts.models import User
from apps.compute.models import Vm
from apps.lifecycle import push
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.models import Resource
from apps.settings_pages.services import change_settings
from tests import factories
from tests.bench.processes import cpu_seconds, tree
from tests.bench.report import Figure, report
from tests.bench.test_lists import by_session, insert_vms
from tests.compute.factories import make_cloud, make_subnet
from tests.platform_fixtures import Platform

pytestmark = [pytest.mark.bench, pytest.mark.browser, pytest.mark.timeout(900)]

SESSIONS = (1, 100, 1_000)
VMS = 200
CHANGES, WARM_UP = 30, 3
#: While all fetch: with 1,000 pages each change keeps the server busy for half a minute.
CHANGES_FETCHED = 5
#: Seconds from one change to the next: each is measured by itself.
PAUSE = 0.5
#: Milliseconds that a change may take to be seen, for nineteen of twenty.
AIM = 500
WATCH = """
window.seen = {};
const body = document.querySelector("tbody");
const look = () => {
  for (const name of body.querySelectorAll(".row-name")) window.seen[name.textContent] ??= Date.now();
};
new MutationObserver(look).observe(body, { childList: true, subtree: true, characterData: true });
"""


@pytest.fixture(scope="module")
def owner(memory_platform: Platform) -> Iterator[User]:
    from apps.infrastructure import backends

    cloud = make_cloud(backends.memory_world(), hosts=1)
    tenant = factories.make_tenant("acme")
    subnet = make_subnet(cloud.region, factories.default_project(tenant), "10.0.0.0/16")
    insert_vms(tenant, VMS, subnet, cloud.hosts[0], cloud.image, cloud.small)
    # All pages are of one session here.
    change_settings(SYSTEM, {"open_pages_per_user": 10_000, "open_pages_per_session": 10_000})
    memory_platform.collect_static()
    memory_platform.start("web")
    # This process stands for a worker: its pushes go where the web process listens.
    layer: dict[str, Any] = settings.CHANNEL_LAYERS["default"]
    config = {**layer["CONFIG"], "hosts": [settings.REDIS_URL]}
    with override_settings(CHANNEL_LAYERS={"default": {**layer, "CONFIG": config}}):
        yield factories.make_owner(tenant)


@pytest.mark.requirement("UX-2")
def test_a_change_is_seen_in_an_open_page(memory_platform: Platform, owner: User, chromium: Browser) -> None:
    figures = []
    for count in SESSIONS:
        with others(memory_platform, owner, count - 1, fetch="") as told:
            before = cpu_seconds({"web": tree(_pid(memory_platform))})["web"]
            times = seen_after(memory_platform, owner, chromium, CHANGES)
            spent = cpu_seconds({"web": tree(_pid(memory_platform))})["web"] - before
        figures += _figures(f"{count} open", times, AIM)
        # The browser's own fetches are in it: what the others cost is what it is above that of one open page.
        figures.append(Figure(f"{count} open, web CPU per change", 1000 * spent / (WARM_UP + CHANGES), "ms"))
        if count > 1:
            assert told["messages"] >= CHANGES * (count - 1)
    report("push", figures)


def test_all_who_look_at_the_row_that_changes_fetch_it(
    memory_platform: Platform, owner: User, chromium: Browser
) -> None:
    """What so many people in front of one list would cost."""
    figures = []
    for count in SESSIONS[1:]:
        with others(memory_platform, owner, count - 1, fetch="/vms/?rows={id}&new=") as told:
            before = cpu_seconds({"web": tree(_pid(memory_platform))})["web"]
            times = seen_after(memory_platform, owner, chromium, CHANGES_FETCHED)
            spent = cpu_seconds({"web": tree(_pid(memory_platform))})["web"] - before
        name = f"{count} that all fetch"
        figures += _figures(name, times, None)
        changes = WARM_UP + CHANGES_FETCHED
        figures.append(Figure(f"{name}, web CPU per change", spent / changes, "s"))
        each = len(told["fetch_ms"]) / count / changes
        figures.append(Figure(f"{name}, fetches per page and change", each, ""))
    report("push-fetched", figures)


def _figures(name: str, times: list[float], aim: float | None) -> list[Figure]:
    return [
        Figure(f"{name}, p50", median(times), "ms"),
        Figure(f"{name}, p95", quantiles(times, n=20)[-1], "ms", aim),
    ]


def _pid(platform: Platform) -> int:
    pid = platform.pid("web")
    assert pid is not None
    return pid


@contextmanager
def others(platform: Platform, owner: User, count: int, fetch: str) -> Iterator[dict[str, Any]]:
    """Keep so many other pages of the tenant open; what they saw is told afterwards."""
    told: dict[str, Any] = {"messages": 0, "fetch_ms": []}
    if not count:
        yield told
        return
    script = Path(__file__).with_name("page_clients.py")
    task = {"port": platform.port, "count": count, "fetch": fetch, "cookie": by_session(owner)["Cookie"]}
    with subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin and process.stdout
        process.stdin.write(json.dumps(task) + "\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["ready"] == count
        yield told
        process.stdin.close()
        told |= json.loads(process.stdout.readline())


def seen_after(platform: Platform, owner: User, chromium: Browser, changes: int) -> list[float]:
    """Change one row again and again; return how many milliseconds each change took to be seen in a browser."""
    page = opened(platform, owner, chromium)
    vm = Vm.objects.filter(tenant=owner.tenant).order_by("-created_at")[0]
    times = []
    for number in range(WARM_UP + changes):
        name = f"{time.monotonic_ns()}"
        committed = change(vm, name)
        page.wait_for_function("name => window.seen[name]", arg=name, timeout=120_000)
        if number >= WARM_UP:
            times.append(page.evaluate("name => window.seen[name]", name) - committed)
        time.sleep(PAUSE)
    page.context.close()
    return times


def opened(platform: Platform, owner: User, chromium: Browser) -> Page:
    """Return the list of VMs in a browser that hears of changes."""
    name, _, value = by_session(owner)["Cookie"].partition("=")
    assert name == settings.SESSION_COOKIE_NAME
    page = chromium.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.context.add_cookies([{"name": name, "value": value, "url": platform.url}])
    page.goto(f"{platform.url}/vms/")
    page.wait_for_selector("body[data-live=on]", state="attached")
    page.evaluate(WATCH)
    return page


def change(vm: Vm, name: str) -> float:
    """Rename a VM and push it; return when it was committed, in milliseconds."""
    stamps: list[float] = []
    with transaction.atomic():
        Resource.objects.filter(pk=vm.pk).update(name=name)
        transaction.on_commit(lambda: stamps.append(1000 * time.time()))
        push.resource_changed(vm)
    return stamps[0]
