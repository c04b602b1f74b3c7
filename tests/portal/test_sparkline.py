"""Small charts: points, gaps, and what stands alone."""

from __future__ import annotations

import re

import pytest

from apps.portal.sparkline import sparkline

pytestmark = pytest.mark.requirement("UX-14")


def lines(*values: float | None, top: float = 100) -> list[str]:
    return re.findall(r'points="([^"]*)"', sparkline(values, "CPU", top))


def test_a_line_goes_from_nothing_at_the_bottom_to_all_at_the_top() -> None:
    assert lines(0, 50, 100, 400) == ["0,23.0 1,12.0 2,1.0 3,1.0"]


def test_what_was_not_measured_is_a_gap() -> None:
    assert lines(0, 0, None, 100, 100) == ["0,23.0 1,23.0", "3,1.0 4,1.0"]


def test_a_value_between_gaps_is_a_short_stroke() -> None:
    assert lines(None, 100, None) == ["1,1.0 1.5,1.0"]


def test_nothing_measured_draws_nothing_and_a_name_is_escaped() -> None:
    assert lines(None, None) == []
    assert "&lt;b&gt;" in sparkline([1.0], "<b>")
