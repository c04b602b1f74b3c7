"""Drawing the heat map's cells: a function, since there may be a thousand."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from apps.infrastructure.heat_map import (
    MEASURES,
    ORDERS,
    Cell,
    HeatMap,
    chosen,
    heat_map,
)
from apps.infrastructure.models import Host
from apps.portal import html
from apps.portal.kinds import resource_url
from apps.portal.page import Page

_ANY = UUID(int=0)


def heat_context(page: Page, hosts: QuerySet[Host]) -> dict[str, Any]:
    """Return what `heat_map.html` shows: the map by the measure and order in the URL, and the other choices."""
    asked = page.request.GET
    order = "value" if asked.get("order") == "value" else "name"
    shown = heat_map(hosts, chosen(asked.get("measure", "")), order)
    return {"heat": shown, "heat_cells": cells(shown), "measures": MEASURES, "orders": ORDERS}


def cells(shown: HeatMap) -> SafeString:
    """Return the list items of a map. The first can be reached by Tab, the others from it with the arrow keys."""
    one_url = resource_url("admin", "host", _ANY)
    # As text, once: it would be translated again for each cell.
    label = str(shown.measure.label)
    drawn = [_cell(cell, label, one_url, first=number == 0) for number, cell in enumerate(shown.cells)]
    return mark_safe("".join(drawn))  # noqa: S308  # each is made by format_html


def _cell(cell: Cell, label: str, one_url: str, *, first: bool) -> SafeString:
    state = f", {cell.state}" if cell.state else ""
    said = f"{cell.name}: {label} {cell.figure}{state}"
    # Begins with what is seen, so that who speaks to the computer can name it.
    spoken = f"{cell.name} {cell.figure}, {label}{state}"
    return format_html(
        '<li><a class="heat heat-{}{}" href="{}" tabindex="{}" title="{}" aria-label="{}">'
        '{}<span class="heat-name">{}</span> <span class="heat-figure">{}</span></a></li>',
        cell.shade,
        " heat-odd" if cell.state else "",
        one_url.replace(str(_ANY), str(cell.key)),
        0 if first else -1,
        said,
        spoken,
        html.icon(cell.icon) if cell.icon else "",
        cell.name,
        cell.figure,
    )
