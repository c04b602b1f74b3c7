"""The columns of a list page: which there are, which are shown, and how wide."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from apps.portal.column import Column
from apps.portal.slots import columns_of
from apps.portal.widths import buttons_room, rooms

if TYPE_CHECKING:
    from apps.portal.lists import ListPage


class ListColumns:
    """What the view names, or the reader has chosen, or the list's own."""

    def __init__(self, page: ListPage) -> None:
        self.page = page

    @cached_property
    def of_area(self) -> list[Column]:
        """The columns there are in this area."""
        own = columns_of(self.page.of.kind, self.page.columns)
        return [column for column in own if self.page.admin or not column.admin]

    @cached_property
    def _chosen(self) -> list[Column]:
        names = self.page.view_tabs.columns or self.page.setting.columns
        by_name = {column.name: column for column in self.of_area}
        return [by_name[name] for name in names if name in by_name]

    @cached_property
    def shown(self) -> list[Column]:
        """The columns shown, in their order."""
        return self._chosen or [column for column in self.of_area if not column.hidden]

    @cached_property
    def buttons_css(self) -> str:
        """The classes of the cells with a row's buttons."""
        count = len(self.page.row_actions)
        left_out = "" if self._chosen else buttons_room(count)
        return " ".join(filter(None, ("row-acts", f"acts-{count}", left_out)))

    @property
    def others(self) -> list[Column]:
        """The columns that are not shown."""
        return [column for column in self.of_area if column not in self.shown]

    @cached_property
    def cell_classes(self) -> list[str]:
        """The classes of a row's cells, made once for all rows."""
        return [css for _column, css in self.heads]

    @cached_property
    def heads(self) -> list[tuple[Column, str]]:
        """The columns shown, with the classes of their cells."""
        page = self.page
        # What one has chosen is shown at any width, and scrolls. Of the usual columns the last ones are left out.
        left_out = [""] * len(self.shown)
        if not self._chosen:
            left_out = rooms(
                self.shown,
                picks=bool(page.bulk_url),
                buttons=len(page.row_actions),
                menu=bool(page.of.all_actions),
            )
        pairs = zip(self.shown, left_out, strict=True)
        return [(column, " ".join(filter(None, (column.css, room)))) for column, room in pairs]
