"""Small charts in a row of a table or beside a figure: drawn by the server, without axes; the figure stands beside."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

HEIGHT = 24


def sparkline(values: Sequence[float | None], label: object, top: float = 100) -> SafeString:
    """Return the course of a quantity from 0 to `top`; what was not measured is a gap."""
    width = max(len(values) - 1, 1)
    lines = format_html_join(
        "", '<polyline points="{}"></polyline>', ((each,) for each in _lines(values, top))
    )
    return format_html(
        '<svg class="sparkline" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>',
        width,
        HEIGHT,
        label,
        lines,
    )


def _lines(values: Sequence[float | None], top: float) -> list[str]:
    """Return the points of each line; one value alone becomes a short stroke."""
    drawn = []
    for there, part in groupby(enumerate(values), key=lambda point: point[1] is not None):
        if there:
            points = [(float(at), _height(value or 0, top)) for at, value in part]
            if len(points) == 1:
                points.append((points[0][0] + 0.5, points[0][1]))
            drawn.append(" ".join(f"{x:g},{y:.1f}" for x, y in points))
    return drawn


def _height(value: float, top: float) -> float:
    # A line of 1.5 px at the very edge would be cut.
    return HEIGHT - 1 - (HEIGHT - 2) * min(max(value / top, 0), 1) if top else HEIGHT - 1
