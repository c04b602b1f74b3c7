"""Details of one row: header, actions, tabs with URLs of their own, properties, timeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.lifecycle.errors import Forbidden
from apps.lifecycle.legality import open_operation
from apps.lifecycle.models import Resource
from apps.lifecycle.state_labels import state_label
from apps.lifecycle.status import since
from apps.portal import html
from apps.portal.dependencies import Related, groups
from apps.portal.failures import failure_of
from apps.portal.kinds import Offer, PageKind, Text
from apps.portal.page import Page
from apps.portal.slots import FACTS, NOTICES, RELATED, cards_of, primary_of, tabs_of
from apps.portal.timeline import ALL, SHORT, VIEWS, timeline


@dataclass(frozen=True)
class Notice:
    """Something about a row that its kind does not know: a sentence, and lines that lead to more ("" leads nowhere)."""

    text: Text
    lines: Sequence[tuple[Text, str]] = ()


@dataclass(frozen=True)
class Property:
    """One line of a properties list; `value` is text or SafeString, "" shows a dash; `copy` adds a copy button."""

    label: Text
    value: object
    copy: bool = False

    def draw(self) -> object:
        """Return the value as shown."""
        if self.value in (None, ""):
            return html.nothing()
        if self.copy:
            return html.copyable(self.value)
        plain = isinstance(self.value, str) and not isinstance(self.value, SafeString)
        return html.unbroken(self.value) if plain else self.value


@dataclass(frozen=True)
class Properties:
    """A titled group of properties."""

    title: Text
    items: Sequence[Property]


@dataclass(frozen=True)
class Tab:
    """A tab: its template, and what the template gets beside `row` and `page`. `admin`: in the administration only."""

    slug: str
    label: Text
    template: str
    context: Callable[[DetailPage, Any], dict[str, Any]] = field(default=lambda page, row: {})
    admin: bool = False


def _overview(page: DetailPage, row: Any) -> dict[str, Any]:
    return {"groups": page.properties(row)}


def _activity(page: DetailPage, row: Any) -> dict[str, Any]:
    asked = page.request.GET
    show = next((view for view, _label in VIEWS if view == asked.get("show")), ALL)
    given = asked.get("page", "")
    number = max(1, int(given)) if given.isdecimal() and len(given) < 5 else 1
    shown = timeline(page.actor, row, page.area, show=show, number=number)
    return {"timeline": shown, "show": show, "views": VIEWS}


OVERVIEW = Tab("", _("Overview"), "portal/tab_overview.html", _overview)
ACTIVITY = Tab("activity", _("Activity"), "portal/tab_activity.html", _activity)


#: Verbs that only a failed resource has: shown as buttons when possible.
AFTER_FAILURE = frozenset({"retry", "roll_back", "resync", "enable"})
MOST_BUTTONS = 3


class DetailPage(Page):
    """Subclass with `of`, `properties`, and where wanted `tabs`, `facts`, `primary`, `uses`, `used_by`, `watch`."""

    template_name = "portal/detail.html"
    of: ClassVar[PageKind]
    tabs: ClassVar[Sequence[Tab]] = (OVERVIEW, ACTIVITY)
    #: Verbs shown as buttons; all others stand in the menu.
    primary: ClassVar[Sequence[str]] = ()
    related: ClassVar[Sequence[str]] = ("tenant", "project", "region")
    #: Whether the first tab ends with what it uses, what uses it and what happened last.
    has_context: ClassVar[bool] = True
    #: Whether that stands below the tab; a template of the first tab that places it itself says False.
    context_below: ClassVar[bool] = True
    #: Slug of the tab shown; set per route.
    tab: str = ""

    def properties(self, row: Any) -> Sequence[Properties]:
        """Return the groups of the overview."""
        return []

    def facts(self, row: Any) -> Sequence[Property]:
        """Return the few facts that stand in the header, addresses before all."""
        return []

    def uses(self, row: Any) -> Sequence[Related]:
        """Return what the row depends on."""
        return []

    def used_by(self, row: Any) -> Sequence[Related]:
        """Return what depends on the row, and so may keep it from being deleted."""
        return []

    def watch(self, row: Any) -> Sequence[str]:
        """Return what else the page shows, as "kind" or "kind:id": a push about it refreshes the page."""
        return []

    def get(self, request: HttpRequest, key: object) -> HttpResponse:
        """Show one tab."""
        row = self.found(key)
        tab = next(t for t in self.shown_tabs if t.slug == self.tab)
        is_resource = isinstance(row, Resource)
        offers = self.of.offers(self.rights, row, self.area)
        context = {
            "title": str(getattr(row, "name", row)),
            "row": row,
            "key": self.of.key_of(row),
            "state": state_label(row) if is_resource else None,
            "as_of": self.of.as_of(row),
            "running": open_operation(row) if is_resource else None,
            "since": since(row) if is_resource else None,
            "failure": failure_of(row, offers, self.area) if is_resource else None,
            "notices": self._notices(row),
            "facts": [*self.facts(row), *self._added_facts(row)],
            "buttons": self._buttons(offers),
            "offers": offers,
            "tab": tab,
            "tab_links": [(t, self._tab_url(t, row)) for t in self.shown_tabs],
            "list_url": self.of.url(self.area, "list"),
            "watched": " ".join([f"{self.of.kind}:{self.of.key_of(row)}", *self.watch(row)]),
            **({} if tab.slug else {"cards": cards_of(self, row)}),
            **tab.context(self, row),
            **(self._around(row) if self.has_context and not tab.slug else {}),
        }
        return self.show(context)

    def _around(self, row: Any) -> dict[str, Any]:
        """Return what stands below the first tab: dependencies and the latest moments."""
        activity = any(tab is ACTIVITY for tab in self.shown_tabs)
        added = [slot for slot in RELATED if slot.kind == self.of.kind]
        users = [*self.used_by(row), *(each for slot in added for each in slot.used_by(row))]
        uses = [*self.uses(row), *(each for slot in added for each in slot.uses(row))]
        return {
            "uses": groups(self, uses),
            "used_by": groups(self, users),
            "has_users": bool(users),
            "latest": timeline(self.actor, row, self.area, length=SHORT),
            "activity_url": self._tab_url(ACTIVITY, row) if activity else "",
        }

    def _notices(self, row: Any) -> list[Notice]:
        return [said for slot in NOTICES if slot.kind in self._kinds(row) and (said := slot.say(self, row))]

    def _added_facts(self, row: Any) -> list[Property]:
        return [fact for slot in FACTS if slot.kind in self._kinds(row) for fact in slot.facts(self, row)]

    def _kinds(self, row: Any) -> tuple[str, ...]:
        return ("", self.of.kind) if isinstance(row, Resource) else (self.of.kind,)

    def found(self, key: object) -> Any:
        """Return the row; NotFound when there is none in view."""
        return self.of.found(self.actor, key)

    @property
    def shown_tabs(self) -> list[Tab]:
        """The tabs of this area."""
        return [tab for tab in tabs_of(self.of.kind, self.tabs) if self.admin or not tab.admin]

    @property
    def _primary(self) -> list[str]:
        return [*primary_of(self.of.kind), *self.primary]

    def _buttons(self, offers: Sequence[Offer]) -> list[Offer]:
        """The primary verbs, each always in its place: what is not possible now is disabled, with its reason.

        Buttons stand at the right end of the title, so what only a failure brings comes before them: they keep still.
        """
        named = [offer for name in self._primary for offer in offers if offer.do.verb.action == name]
        steady = [offer for offer in named if offer.do.verb.action not in AFTER_FAILURE]
        # What the role forbids would never be enabled: one of these says it for all.
        steady = [offer for offer in steady if offer.judged.code != Forbidden.code] or steady[:1]
        failed = [o for o in named if o.do.verb.action in AFTER_FAILURE and o.judged.allowed]
        return failed + steady[:MOST_BUTTONS]

    def _tab_url(self, tab: Tab, row: Any) -> str:
        return self.of.url(self.area, f"tab.{tab.slug}" if tab.slug else "one", row)
