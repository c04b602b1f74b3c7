"""Times are written in one style on all pages: date, time and seconds, in the reader's zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from apps.lifecycle.times import STYLE, written
from apps.portal import html

pytestmark = pytest.mark.requirement("UX-13")

BASE = Path(settings.BASE_DIR)
#: Every way of writing a time; what people read goes through `written`, `moment` or `ago`.
WAYS = re.compile(r"strftime\(|date_format\(|:%[YHd]|\|(?:date|time):|toLocale(?:Date|Time)?String\(")
#: Places that write a time for no reader of a page, or whose format a browser prescribes.
OTHERS = {
    "apps/lifecycle/times.py": "the style itself",
    "apps/portal/html.py": "the hint, with the zone",
    "apps/platform_settings/kinds.py": "below the style; a field's own format, and the same style with the zone",
    "apps/portal/exports.py": "the name of a file",
    "apps/storage/forms.py": "the proposed name of a snapshot",
    "apps/metrics/partitions.py": "the name of a table",
    "apps/drivers/libvirt/console.py": "what libvirt takes",
    "apps/audit/models.py": "for the log of a process",
    "apps/lifecycle/models/batch.py": "for the log of a process",
    "apps/reconciliation/models.py": "for the log of a process",
    "templates/portal/steps.html": "the time of a step, beside the day of its task",
    "templates/tenancy/preferences.html": "the name of the zone",
}


def test_no_page_writes_a_time_in_a_style_of_its_own() -> None:
    files = [
        *(BASE / "apps").rglob("*.py"),
        *(BASE / "templates").rglob("*.html"),
        *(BASE / "static" / "js").rglob("*.js"),
    ]
    found = {str(file.relative_to(BASE)) for file in files if WAYS.search(file.read_text())}
    assert found - set(OTHERS) == set()
    assert set(OTHERS) - found == set(), "an exception that is none any more"


def test_a_time_has_its_seconds_and_the_readers_zone() -> None:
    at = datetime(2026, 11, 29, 23, 4, 5, tzinfo=UTC)
    with timezone.override("Asia/Shanghai"):
        assert written(at) == "2026-11-30 07:04:05"
        assert ">2026-11-30 07:04:05</time>" in html.moment(at)
        assert 'title="2026-11-30 07:04:05 CST"' in html.ago(at)
    assert STYLE == "%Y-%m-%d %H:%M:%S"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (7, "0:07"), (62, "1:02"), (3599, "59:59"), (3661, "1:01:01")]
)
def test_what_runs_says_for_how_long(seconds: int, text: str) -> None:
    since = timezone.now() - timedelta(seconds=seconds)
    assert f'data-elapsed="{seconds}">{text}</time>' in html.elapsed(since)
