"""Pages of the user guide."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.lifecycle.errors import NotFound
from apps.portal.guide import ADMINISTRATION, GuidePage, guide
from apps.portal.page import Page


class GuideReader(Page):
    """One page of the guide, with links to all others; without a name, the list of pages."""

    template_name = "portal/guide.html"
    title = gettext_lazy("Help")

    def get(self, request: HttpRequest, key: str = "") -> HttpResponse:
        """Show it."""
        pages = self._pages()
        shown = pages.get(key)
        if key and shown is None:
            raise NotFound(_("Page not found."))
        return self.show(
            {"title": shown.title if shown else self.title, "shown": shown, "pages": pages.values()}
        )

    def _pages(self) -> dict[str, GuidePage]:
        """Return the pages for who asks."""
        hidden = frozenset() if self.admin else ADMINISTRATION
        return {slug: page for slug, page in guide().items() if slug not in hidden}
