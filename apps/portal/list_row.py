"""One row of a list as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.portal import html
from apps.portal.row_buttons import row_button

if TYPE_CHECKING:
    from apps.portal.column import Column
    from apps.portal.lists import ListPage


@dataclass(frozen=True)
class Row:
    """stale: what it shows was seen a while ago, see `PageKind.as_of`. brief: what a phone shows below the name.

    css: the classes of its cells. buttons: the actions that stand on the row, in places of their own.
    """

    key: str
    cells: Sequence[tuple[Column, SafeString]]
    menu: str
    name: str = ""
    stale: bool = False
    brief: Sequence[str] = ()
    css: Sequence[str] = ()
    buttons: Sequence[SafeString] = ()

    @property
    def drawn(self) -> SafeString:
        """Return the cells as HTML: a template would take as long for them as for the rest of the page."""
        parts = format_html_join("", "<span>{}</span>", ((html.unbroken(part),) for part in self.brief))
        below = format_html('<div class="row-brief">{}</div>', parts) if self.brief else ""
        classes = self.css or [column.css for column, _cell in self.cells]
        cells = [
            f'<td class="{css}">{cell}' for css, (_column, cell) in zip(classes, self.cells, strict=True)
        ]
        return SafeString("</td>".join([cells[0] + below, *cells[1:], ""]))

    @property
    def acts(self) -> SafeString:
        """Return the buttons on the row."""
        return format_html_join("", "{}", ((button,) for button in self.buttons))


def row_of(page: ListPage, row: Any) -> Row:
    """Return a row of the list as it is shown."""
    shown = page.shown_columns
    brief = [column.summary(row, page) for column in shown if column.brief]
    return Row(
        key=str(page.of.key_of(row)),
        cells=[(column, column.draw(row, page)) for column in shown],
        menu=page.of.url(page.area, "menu", row) if page.of.all_actions else "",
        name=str(row),
        stale=page.of.as_of(row) is not None,
        brief=[text for text in brief if text],
        css=page.table.cell_classes,
        buttons=_buttons(page, row) if page.row_actions else (),
    )


def _buttons(page: ListPage, row: Any) -> list[SafeString]:
    offers = page.of.offers(page.rights, row, page.area, only=page.row_actions)
    by_action = {offer.do.verb.action: offer for offer in offers}
    return [row_button(by_action.get(action), row) for action in page.row_actions]
