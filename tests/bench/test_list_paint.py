"""How soon a browser shows the list of 20,000 VMs: its first paint and the table, since the navigation began."""

from __future__ import annotations

import csv
import http.client
import io
import time
from collections.abc import Callable, Iterator
from statistics import median

import pytest
from django.db import connection
from playwright.sync_api import Browser, Page

from apps.accounts.models import User
from tests import factories
from tests.bench.processes import resident_mib, tree
from tests.bench.report import Figure, report
from tests.bench.test_lists import asker, by_session, insert_vms
from tests.browser.conftest import Site, site
from tests.compute.factories import make_subnet

__all__ = ["site"]

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

VMS = 20_000
ROUNDS, WARM_UP = 12, 3

_PAINT = """
() => new Promise((done) => {
  const told = () => {
    const paint = performance.getEntriesByName("first-contentful-paint")[0];
    if (!paint || !document.querySelector("#list table tbody tr")) return setTimeout(told, 5);
    const page = performance.getEntriesByType("navigation")[0];
    const server = page.responseStart - page.requestStart;
    done({ paint: paint.startTime, table: page.domContentLoadedEventEnd, server });
  };
  told();
})
"""


@pytest.fixture(scope="module")
def owner(site: Site) -> Iterator[User]:
    """The owner of a tenant with 20,000 VMs."""
    tenant = factories.make_tenant("many")
    subnet = make_subnet(site.cloud.region, factories.default_project(tenant), "10.0.0.0/16")
    insert_vms(tenant, VMS, subnet, site.cloud.hosts[0], site.cloud.image, site.cloud.small)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    yield factories.make_owner(tenant)


def test_the_first_paint_of_a_list_of_twenty_thousand(site: Site, chromium: Browser, owner: User) -> None:
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    site.log_in(context, owner)
    page = context.new_page()
    seen = [painted(page, f"{site.url}/vms/") for _ in range(WARM_UP + ROUNDS)][WARM_UP:]
    context.close()
    ask = {
        name: asker(site.platform.port, path, by_session(owner))
        for name, path in {
            "sorted by name": "/vms/?sort=name",
            "sorted by address": "/vms/?sort=ip",
            "search by part of a name": "/vms/?q=vm-199",
            "search by the beginning of an address": "/vms/?q=10.0.7.",
            "filter: running, not failed": "/vms/?power=on&state=error&not=state",
            "page 300": "/vms/?page=300",
        }.items()
    }
    figures = [
        Figure(f"first contentful paint, out of {VMS}", median(each["paint"] for each in seen), "ms", 1000),
        Figure("slowest of them", max(each["paint"] for each in seen), "ms", 1000),
        Figure("table in the document", median(each["table"] for each in seen), "ms", 1000),
        Figure("of that the server", median(each["server"] for each in seen), "ms"),
    ]
    figures += [Figure(f"HTML, {name}", 1000 * quickest(each), "ms", 500) for name, each in ask.items()]
    report("list_paint", [*figures, *exported(site, owner)])


def painted(page: Page, url: str) -> dict[str, float]:
    """Open the page again and return its times in milliseconds since the navigation began."""
    page.goto("about:blank")
    page.goto(url)
    times: dict[str, float] = page.evaluate(_PAINT)
    return times


def quickest(ask: Callable[[], float]) -> float:
    """Return the median of a few."""
    return median([ask() for _ in range(WARM_UP + ROUNDS)][WARM_UP:])


def exported(site: Site, owner: User) -> list[Figure]:
    """Fetch all as CSV; return how long that takes, to the first byte and whole, and what it costs in memory."""
    web = http.client.HTTPConnection("127.0.0.1", site.platform.port, timeout=120)
    before, started = resident(site), time.perf_counter()
    web.request("GET", "/vms/?format=csv", headers=by_session(owner))
    response = web.getresponse()
    first = time.perf_counter() - started
    text, most = b"", 0.0
    while piece := response.read(1 << 16):
        text += piece
        most = max(most, resident(site))
    whole = time.perf_counter() - started
    rows = list(csv.reader(io.StringIO(text.decode())))
    assert len(rows) == VMS + 1
    return [
        Figure("CSV, first byte", 1000 * first, "ms"),
        Figure(f"CSV, all {VMS} rows", whole, "s"),
        Figure("CSV, memory of the web process more than before", most - before, "MiB", 60),
    ]


def resident(site: Site) -> float:
    """Return the resident memory of the web processes in MiB."""
    pid = site.platform.pid("web")
    assert pid is not None
    return sum(resident_mib({"web": tree(pid)}).values())
