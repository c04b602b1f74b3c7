"""Which kinds an area has, read from its paths: whatever has a list there is found, without being named twice."""

from __future__ import annotations

from functools import cache

from django.urls import URLPattern, get_resolver

from apps.portal.kinds import Text
from apps.portal.lists import ListPage


@cache
def list_pages(area: str) -> dict[str, type[ListPage]]:
    """Return the list page of every kind of an area ("portal", "admin"), by the kind's name, in the paths' order."""
    found: dict[str, type[ListPage]] = {}
    # From Django, which has read them: they import every page, and pages import this.
    _prefix, paths = get_resolver().namespace_dict[area]
    for pattern in paths.url_patterns:
        if not isinstance(pattern, URLPattern) or not str(pattern.name).endswith(".list"):
            continue
        view = getattr(pattern.callback, "view_class", None)
        if view is not None and issubclass(view, ListPage):
            found[view.of.kind] = view
    return found


def kind_word(kind: str) -> Text:
    """Return what people call a kind ("virtual machine"); its plain name where no list is kept of it."""
    listing = (list_pages("admin") | list_pages("portal")).get(kind)
    return listing.of.one if listing else kind.replace("_", " ")
