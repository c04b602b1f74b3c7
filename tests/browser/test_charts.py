"""Charts of what was measured, in a browser."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from onebox.shell import wait_until
from playwright.sync_api import Locator, Page, Response, expect

from apps.accounts.keys import issue_key
from apps.accounts.models import ApiKey
from apps.compute.models import Vm
from apps.metrics.quantities import names_of
from apps.metrics.store import STEP, Subject
from apps.metrics.tiers import RAW, floor
from tests.browser.conftest import Site
from tests.browser.sampled import sampled
from tests.metrics.keeping import forget, keep

pytestmark = [pytest.mark.browser, pytest.mark.requirement("UX-9"), sampled]
GIB = 1 << 30
#: Share of an hour's canvas that the gap takes, as columns from its middle.
GAP = (timedelta(minutes=40), timedelta(minutes=20))


@pytest.fixture(scope="module")
def vm(sample_site: Site) -> Vm:
    """A VM measured for an hour, but for twenty minutes in its middle."""
    vm = Vm.objects.get(name="cache")
    forget(Subject("vm", str(vm.pk)))
    furnish_with_samples(Subject("vm", str(vm.pk)), timezone.now(), timedelta(hours=1))
    return vm


def furnish_with_samples(subject: Subject, now: datetime, length: timedelta) -> None:
    """Write samples up to now, with a gap."""
    steps = [floor(now, STEP) - number * STEP for number in range(int(length / STEP))]
    rows = [(at, values_at(at, subject.kind)) for at in steps if not now - GAP[0] < at < now - GAP[1]]
    keep(subject, RAW, rows)


def values_at(at: datetime, kind: str) -> dict[str, float]:
    wave = 1 + math.sin(at.timestamp() / 400)
    values = {name: wave * 2_000_000 * number for number, name in enumerate(names_of(kind), start=1)}
    return values | {
        "cpu_percent": 30 * wave,
        "memory_bytes": (1 + wave / 2) * GIB,
        "memory_total_bytes": 4.0 * GIB,
        "disk_read_ops_per_second": 40 * wave,
        "disk_write_ops_per_second": 90 * wave,
        "load": 3 * wave,
        "disk_used_bytes": 100.0 * GIB,
        "disk_total_bytes": 400.0 * GIB,
    }


def chart(page: Page, title: str) -> Locator:
    return page.locator("[data-chart]").filter(has=page.get_by_role("heading", name=title, exact=True))


def painted(canvas: Locator) -> list[bool]:
    """Return for each column of the plot whether the line's colour is in it."""
    return canvas.evaluate(
        """(canvas) => {
            const {width, height} = canvas;
            const data = canvas.getContext("2d").getImageData(0, 0, width, height).data;
            const probe = document.createElement("canvas").getContext("2d");
            probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--chart-1");
            probe.fillRect(0, 0, 1, 1);
            const [red, green, blue] = probe.getImageData(0, 0, 1, 1).data;
            const near = (at, one, colour) => Math.abs(data[at + one] - colour) < 12;
            const columns = [];
            for (let x = 0; x < width; x += 1) {
                let found = false;
                for (let y = 0; y < height && !found; y += 1) {
                    const at = 4 * (y * width + x);
                    found = data[at + 3] > 200 && near(at, 0, red) && near(at, 1, green) && near(at, 2, blue);
                }
                columns.push(found);
            }
            return columns;
        }"""
    )


@pytest.fixture
def monitoring(sample_site: Site, vm: Vm, page: Page) -> Iterator[Page]:
    sample_site.open(page, f"/vms/{vm.pk}/monitoring/", sample_site.owner)
    expect(page.locator("[data-status]")).to_contain_text("30 seconds")
    yield page


def test_a_gap_is_drawn_as_a_gap(monitoring: Page) -> None:
    cpu = chart(monitoring, "CPU")
    columns = painted(cpu.locator("canvas"))
    first, last = columns.index(True), len(columns) - columns[::-1].index(True)
    middle = first + (last - first) // 2
    tenth = (last - first) // 10
    assert not any(columns[middle - tenth : middle + tenth]), "a line is drawn where nothing was measured"
    for part in (columns[first : first + 2 * tenth], columns[last - 2 * tenth : last]):
        assert sum(part) > 0.9 * len(part), "the line is broken where it was measured"
    assert not cpu.locator("[data-empty]").is_visible()


def test_figures_stand_below_each_chart_and_in_its_description(monitoring: Page) -> None:
    row = chart(monitoring, "CPU").locator("tr[data-name=cpu_percent]")
    for figure in ("value", "min", "mean", "max"):
        expect(row.locator(f"[data-{figure}]")).to_contain_text("%")
    picture = monitoring.get_by_role("img", name=re.compile(r"CPU\. CPU: now .* %, lowest .* highest"))
    expect(picture).to_be_visible()
    expect(chart(monitoring, "Memory").locator("tr[data-name=memory_total_bytes] [data-max]")).to_have_text(
        "4 GiB"
    )


def test_the_cursor_shows_all_charts_values_of_its_moment(monitoring: Page) -> None:
    plot = chart(monitoring, "CPU").locator(".u-over")
    plot.hover(position={"x": 20, "y": 40})
    for title in ("CPU", "Network"):
        expect(chart(monitoring, title).locator("[data-when]")).to_contain_text(":")
    middle = plot.evaluate("(element) => element.clientWidth / 2")
    plot.hover(position={"x": middle, "y": 40})
    expect(
        chart(monitoring, "Network").locator("tr[data-name=net_rx_bytes_per_second] [data-value]")
    ).to_have_text("–")
    monitoring.locator("h1").hover()
    expect(chart(monitoring, "CPU").locator("[data-when]")).to_have_text("Now")


def test_the_range_stands_in_the_url(monitoring: Page) -> None:
    monitoring.get_by_role("link", name="15 min").click()
    expect(monitoring).to_have_url(re.compile(r"\?range=15m$"))
    expect(monitoring.get_by_role("link", name="15 min")).to_have_attribute("aria-current", "true")
    monitoring.reload()
    expect(monitoring.get_by_role("link", name="15 min")).to_have_attribute("aria-current", "true")
    monitoring.go_back()
    expect(monitoring.get_by_role("link", name="1 h", exact=True)).to_have_attribute("aria-current", "true")


def test_dragging_zooms_all_charts_in_and_the_button_out_again(monitoring: Page) -> None:
    plot = chart(monitoring, "CPU").locator(".u-over")
    box = plot.bounding_box()
    assert box is not None
    monitoring.mouse.move(box["x"] + 30, box["y"] + 50)
    monitoring.mouse.down()
    monitoring.mouse.move(box["x"] + 90, box["y"] + 50, steps=5)
    monitoring.mouse.up()
    expect(monitoring).to_have_url(re.compile(r"\?start=.*&end="))
    reset = monitoring.get_by_role("button", name="Reset zoom")
    expect(reset).to_be_visible()
    reset.click()
    expect(monitoring).to_have_url(re.compile(r"\?range=1h$"))
    expect(reset).to_be_hidden()


def test_a_change_of_theme_is_drawn_at_once(monitoring: Page) -> None:
    canvas = chart(monitoring, "CPU").locator("canvas")
    assert any(painted(canvas))
    monitoring.evaluate("document.documentElement.dataset.bsTheme = 'dark'")
    wait_until(lambda: sum(painted(canvas)) > 100, "a line in the dark theme's colour", seconds=60)


def test_the_figures_come_as_a_table_file(monitoring: Page, tmp_path: Path) -> None:
    with monitoring.expect_download() as download:
        monitoring.get_by_role("button", name="Download CSV").click()
    target = tmp_path / "figures.csv"
    download.value.save_as(target)
    head, *lines = target.read_text().splitlines()
    assert head.startswith("Time,cpu_percent (percent),memory_bytes (bytes)")
    assert len(lines) > 100
    assert any(line.endswith("Z,,,,,,,,,") for line in lines), "gaps are empty"


def test_a_push_about_the_vm_leaves_the_charts_and_says_that_it_is_stopped(
    sample_site: Site, vm: Vm, monitoring: Page
) -> None:
    monitoring.locator("canvas").first.evaluate("(canvas) => { canvas.dataset.same = '1' }")
    monitoring.get_by_role("button", name="Shut down").first.click()
    expect(monitoring.locator(".chart-why")).to_contain_text("stopped")
    expect(monitoring.locator("canvas[data-same]")).to_have_count(1)


@pytest.mark.timeout(300)
def test_new_samples_come_by_themselves(sample_site: Site, vm: Vm, page: Page) -> None:
    host = vm.host_id
    sample_site.open(page, f"/admin/hosts/{host}/monitoring/", sample_site.admin)

    def by_itself(answer: Response) -> bool:
        """Whether it answers what the page asked for without anybody; its first request may still be under way."""
        return f"/hosts/{host}/metrics" in answer.url and answer.request.headers.get("x-background") == "true"

    with page.expect_response(by_itself, timeout=240_000):
        pass  # nobody asks: the platform has measured its pretend hosts


def test_without_any_sample_the_charts_say_so(sample_site: Site, vm: Vm, page: Page) -> None:
    other = Vm.objects.get(name="mail-relay")
    with_none = f"/vms/{other.pk}/monitoring/?start=2026-09-01T00:00:00Z&end=2026-09-01T01:00:00Z"
    sample_site.open(page, with_none, sample_site.owner)
    expect(chart(page, "CPU").locator("[data-empty]")).to_be_visible()


@pytest.mark.requirement("UX-14")
def test_an_overview_draws_the_last_hour_and_shows_the_screen(sample_site: Site, page: Page) -> None:
    running = Vm.objects.get(name="shop-web-2")
    sample_site.open(page, f"/vms/{running.pk}/", sample_site.owner)
    expect(page.locator(".chart-line:not(.chart-nothing) canvas")).to_have_count(3)
    picture = page.locator(".screen-frame img")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 360


def test_it_works_on_a_phone(sample_site: Site, vm: Vm, phone: Page) -> None:
    sample_site.open(phone, f"/vms/{vm.pk}/monitoring/?range=6h", sample_site.owner)
    expect(phone.locator("[data-status]")).to_contain_text("1 minute")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_quotas_ring_changes_when_an_administrator_sets_the_limit(sample_site: Site, page: Page) -> None:
    tenant = sample_site.owner.tenant
    assert tenant is not None
    sample_site.open(page, "/quotas/", sample_site.owner)
    ring = page.locator(".ring-item").filter(has=page.get_by_role("link", name="Images"))
    expect(ring).to_contain_text("of 50")
    key = str(issue_key(sample_site.admin, "tests", ApiKey.Scope.WRITE, None)[1])
    quotas = f"/tenants/{tenant.uid}/quotas"
    sample_site.platform.client(key).ask("PATCH", quotas, {"limits": {"image": 77}})
    expect(ring).to_contain_text("of 77")
