"""What one app adds to the pages of another that does not know it. An app fills these in its own `slots.py`.

| slot | adds | shown |
| --- | --- | --- |
| `ACTIONS` | a button, or a link to a page | detail, menus, bulk, search box |
| `TABS` | a tab | detail |
| `NOTICES` | a sentence with links | top of every tab |
| `FACTS` | a fact | header of a detail page |
| `COLUMNS` | a column | list, its column chooser, CSV |
| `TIMELINES` | entries | timeline, its tab and the overview |
| `RELATED` | what uses a row, what it uses | below the overview |
| `CARDS` | a card | overview of a detail page, where its template has a place for them |
| `BADGES` | a number | beside an entry of the menu |
| `TILES` | how many there are of a kind | overview |
| `MENU` | an entry | menu of an area, in its section |

Rights hold for all of them: an action is judged by its verb, and everything else is asked with the page, whose `actor`
and `admin` say who reads. What is `admin` shows in the administration only.
Slots of the portals' overviews are in `apps.portal.home`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.lifecycle.actor import Actor
from apps.lifecycle.slots import Slot

if TYPE_CHECKING:
    from apps.portal.columns import Column
    from apps.portal.dependencies import Related
    from apps.portal.detail import DetailPage, Notice, Property, Tab
    from apps.portal.kinds import Do
    from apps.portal.timeline import Moment

Item = TypeVar("Item")


@dataclass(frozen=True)
class ActionSlot:
    """An action of a kind. after: the action that it stands behind; None: last. primary: a button of its own."""

    kind: str
    do: Do
    after: str | None = None
    primary: bool = False


@dataclass(frozen=True)
class TabSlot:
    """A tab of a kind's detail page. after: slug of the tab that it stands behind; None: last."""

    kind: str
    tab: Tab
    after: str | None = None


@dataclass(frozen=True)
class NoticeSlot:
    """A notice on a kind's detail page. kind: "" for every resource. say: None says nothing."""

    say: Callable[[DetailPage, Any], Notice | None]
    kind: str = ""


@dataclass(frozen=True)
class FactSlot:
    """Facts in the header of a kind's detail page, behind its own. kind: "" for every resource."""

    kind: str
    facts: Callable[[DetailPage, Any], Sequence[Property]]


@dataclass(frozen=True)
class ColumnSlot:
    """A column of a kind's list. after: name of the column that it stands behind; None: last."""

    kind: str
    column: Column
    after: str | None = None


@dataclass(frozen=True)
class TimelineSlot:
    """Entries of a kind's timeline. kind: "" for every resource.

    source: a name of their own. rows: those the actor may see of a row; they have `at` and a whole number as key.
    moments: draws those of these keys, in an area.
    """

    source: str
    rows: Callable[[Actor, Any], QuerySet[Any]]
    moments: Callable[[Sequence[int], str], Mapping[int, Moment]]
    kind: str = ""


@dataclass(frozen=True)
class RelatedSlot:
    """What a row of a kind uses, and what uses it and so may keep it from being deleted."""

    kind: str
    uses: Callable[[Any], Sequence[Related]] = lambda row: ()
    used_by: Callable[[Any], Sequence[Related]] = lambda row: ()


@dataclass(frozen=True)
class CardSlot:
    """A card on the overview of a kind's detail page. show: what its template gets as `card`; None shows no card."""

    kind: str
    template: str
    show: Callable[[DetailPage, Any], dict[str, Any] | None]


@dataclass(frozen=True)
class BadgeSlot:
    """A number beside an entry of the menu, which is named by area and URL name: "admin:finding.list"."""

    entry: str
    count: Callable[[], int]


@dataclass(frozen=True)
class TileSlot:
    """How many there are of a kind, on the overviews: its place in that of the tenant and of the administration.

    rows: what is counted of a kind of which one may use more than one's own.
    """

    kind: str
    portal: int | None = None
    admin: int | None = None
    rows: Callable[[Actor], QuerySet[Any]] | None = None


class Section(Enum):
    """The parts of the menus, in their order. value: a name, and the heading."""

    TOP = ("top", "")
    COMPUTE = ("compute", _("Compute"))
    NETWORK = ("network", _("Network"))
    ACCOUNT = ("account", _("Account"))
    PLATFORM = ("platform", _("Platform"))
    RESOURCES = ("resources", _("Resources"))
    OPERATION = ("operation", _("Operations"))

    @property
    def label(self) -> str | Promise:
        label: str | Promise = self.value[1]
        return label


@dataclass(frozen=True)
class MenuSlot:
    """An entry of the menu: its page by URL name, and its section and place there in each area that shows it."""

    name: str
    label: str | Promise
    icon: str
    portal: tuple[Section, int] | None = None
    admin: tuple[Section, int] | None = None


ACTIONS: Slot[ActionSlot] = Slot()
TABS: Slot[TabSlot] = Slot()
NOTICES: Slot[NoticeSlot] = Slot()
FACTS: Slot[FactSlot] = Slot()
COLUMNS: Slot[ColumnSlot] = Slot()
TIMELINES: Slot[TimelineSlot] = Slot()
RELATED: Slot[RelatedSlot] = Slot()
CARDS: Slot[CardSlot] = Slot()
BADGES: Slot[BadgeSlot] = Slot()
TILES: Slot[TileSlot] = Slot()
MENU: Slot[MenuSlot] = Slot(
    MenuSlot("home", _("Overview"), "layout-dashboard", portal=(Section.TOP, 1), admin=(Section.TOP, 1)),
    MenuSlot(
        "operation.list",
        _("Tasks"),
        "list-check",
        portal=(Section.ACCOUNT, 10),
        admin=(Section.OPERATION, 10),
    ),
)


def actions_of(kind: str, own: Sequence[Do]) -> list[Do]:
    """Return a kind's actions with those of apps above in their places."""
    added = [(slot.do, slot.after) for slot in ACTIONS if slot.kind == kind]
    return _placed(own, added, lambda do: do.verb.action)


def primary_of(kind: str) -> list[str]:
    """Return the actions of apps above that are buttons of their own."""
    return [slot.do.verb.action for slot in ACTIONS if slot.kind == kind and slot.primary]


def tabs_of(kind: str, own: Sequence[Tab]) -> list[Tab]:
    """Return the tabs of a kind's detail page with those of apps above in their places."""
    return _placed(own, [(slot.tab, slot.after) for slot in TABS if slot.kind == kind], lambda tab: tab.slug)


def columns_of(kind: str, own: Sequence[Column]) -> list[Column]:
    """Return the columns of a kind's list with those of apps above in their places."""
    added = [(slot.column, slot.after) for slot in COLUMNS if slot.kind == kind]
    return _placed(own, added, lambda column: column.name)


def tiles_of(area: str) -> tuple[str, ...]:
    """Return the kinds with a tile on an area's overview, in their order."""
    places = [(slot.admin if area == "admin" else slot.portal, slot.kind) for slot in TILES]
    return tuple(
        kind for _place, kind in sorted((place, kind) for place, kind in places if place is not None)
    )


def cards_of(page: DetailPage, row: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return template and content of the cards on a row's overview."""
    shown = [(slot.template, slot.show(page, row)) for slot in CARDS if slot.kind == page.of.kind]
    return [(template, content) for template, content in shown if content is not None]


def menu_of(area: str) -> list[tuple[Section, list[MenuSlot]]]:
    """Return the sections of an area's menu with their entries, both in their order."""
    placed = [(slot.admin if area == "admin" else slot.portal, slot) for slot in MENU]
    entries = sorted(
        ((place, slot) for place, slot in placed if place is not None), key=lambda entry: entry[0][1]
    )
    return [
        (section, slots)
        for section in Section
        if (slots := [slot for (there, _number), slot in entries if there is section])
    ]


def _placed(
    own: Sequence[Item], added: Iterable[tuple[Item, str | None]], name: Callable[[Item], str]
) -> list[Item]:
    items = list(own)
    for item, after in added:
        places = [place for place, each in enumerate(items, 1) if name(each) == after]
        items.insert(places[0] if places else len(items), item)
    return items
