"""The views of a list as a strip of tabs: everything, those everybody has, one's own and the tenant's shared ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from django.http import QueryDict
from django.utils.translation import gettext as _

from apps.portal.controls import query_of
from apps.portal.kinds import Text
from apps.portal.models import SavedView
from apps.portal.saved_views import views_of

if TYPE_CHECKING:
    from apps.portal.lists import ListPage

#: What is not part of a view.
_PASSING = ("page", "add", "view")


@dataclass(frozen=True)
class ListView:
    """A view that everybody has: `query` as it stands in the URL."""

    name: str
    label: Text
    query: str


@dataclass(frozen=True)
class ViewTab:
    label: Text
    link: str
    here: bool
    shared: bool = False
    default: bool = False


class ViewTabs:
    """`view=` in the URL names the one in use: "all", the name of a ListView, or the number of a saved one."""

    def __init__(self, page: ListPage) -> None:
        self.page = page
        self._named = page.request.GET.get("view", "")

    @cached_property
    def saved(self) -> Sequence[SavedView]:
        """Views of one's own and shared ones."""
        return list(views_of(self.page.actor, self.page.list_key).select_related("user"))

    @cached_property
    def current(self) -> SavedView | None:
        """The saved view in use."""
        return next((view for view in self.saved if str(view.pk) == self._named), None)

    @property
    def columns(self) -> Sequence[str]:
        """The columns of the view in use."""
        return self.current.columns if self.current is not None else []

    @property
    def is_own(self) -> bool:
        """Whether the reader may change the view in use."""
        user = self.page.actor.user
        return self.current is not None and user is not None and self.current.user_id == user.pk

    @property
    def is_changed(self) -> bool:
        """Whether the filters or the order differ from what the view in use has."""
        return self.current is not None and _parts(self.current.query) != _parts(self.query)

    @property
    def is_default(self) -> bool:
        """Whether the list opens with the view in use."""
        return self.current is not None and self.page.setting.default_view_id == self.current.pk

    @property
    def query(self) -> str:
        """Filters and order as they stand in the URL, to be kept."""
        given = self.page.request.GET.copy()
        for name in _PASSING:
            given.pop(name, None)
        return query_of(given)

    @property
    def everything(self) -> str:
        """The query of the whole list; not empty, or the default view would be shown."""
        return "?view=all"

    @property
    def default_link(self) -> str:
        """The query of the view the list opens with; "" when there is none."""
        if self.page.setting.default_view_id is None:
            return ""
        found = [v for v in self.saved if v.pk == self.page.setting.default_view_id]
        return _link(str(found[0].pk), found[0].query) if found else ""

    @property
    def tabs(self) -> list[ViewTab]:
        """All of them; none marked when the filters are nobody's."""
        default = self.page.setting.default_view_id
        plain = not self.query and self.current is None
        found = [ViewTab(_("All"), self.everything if default else "?", plain)]
        found += [
            ViewTab(view.label, _link(view.name, view.query), self._is_here(view)) for view in self.page.views
        ]
        found += [
            ViewTab(
                view.name,
                _link(str(view.pk), view.query),
                view is self.current,
                shared=view.shared,
                default=view.pk == default,
            )
            for view in self.saved
        ]
        return found

    def _is_here(self, view: ListView) -> bool:
        return self.current is None and _parts(view.query) == _parts(self.query)


def _link(name: str, query: str) -> str:
    return f"?view={name}&{query}" if query else f"?view={name}"


def _parts(query: str) -> dict[str, list[str]]:
    return {name: sorted(values) for name, values in QueryDict(query).lists()}
