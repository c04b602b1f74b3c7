"""One search over everything the asker may see: the search of every list of the area, asked at once.

So whatever a list finds by name, id, address, MAC or description is found here too, and a new kind's list is searched
without being named anywhere. Each kind costs a bounded number of queries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.accounts.rights import Rights
from apps.accounts.single_line import composed
from apps.api.filters import ResourceFilter
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Resource
from apps.lifecycle.state_labels import StateLabel, state_label
from apps.portal import navigation
from apps.portal.kind_registry import list_pages
from apps.portal.kinds import Do, Offer, PageKind, Text
from apps.portal.lists import ListPage

#: Of one kind this many are named in the palette, and on the page of results.
FEW, MANY = 5, 20
#: Longer texts find nothing anyway.
LONGEST = 100
#: Rows of one name whose kinds are looked at: exact names come first, whatever is newer.
SAME_NAME = 50
_THREE = re.compile(r"[^\W_]{3}")


@dataclass(frozen=True)
class Found:
    """One resource."""

    kind: PageKind
    row: Any
    url: str
    state: StateLabel | None

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.row)

    @property
    def key(self) -> str:
        """What stands for it in paths."""
        return str(self.kind.key_of(self.row))

    @property
    def beside(self) -> str:
        """What stands beside the name: addresses and the like, or the description."""
        return str(self.kind.beside(self.row) or getattr(self.row, "description", ""))


@dataclass(frozen=True)
class FoundKind:
    """What was found of one kind; `url` is its list with the same search when there is more than is named."""

    kind: PageKind
    found: Sequence[Found]
    url: str


@dataclass(frozen=True)
class FoundAction:
    """A verb typed before a name: "start web-1"."""

    offer: Offer
    on: Found


def resources(actor: Actor, area: str, text: str, few: int = FEW) -> list[FoundKind]:
    """Return what the text finds, kind by kind in the order of the paths; exact names first."""
    text = _cleaned(text)
    if not text:
        return []
    same = _same_names(actor, text)
    found = [_of_kind(actor, area, page, text, same, few) for page in _searched(area)]
    return [kind for kind in found if kind.found]


def actions(actor: Actor, area: str, text: str) -> list[FoundAction]:
    """Return what "start web-1" may mean: the verb on each of the few it finds, judged."""
    found = []
    rights = Rights(actor)
    for page, do, rest in _verbs(area, _cleaned(text)):
        for each in _of_kind(actor, area, page, rest, _same_names(actor, rest), FEW).found:
            offers = page.of.offers(rights, each.row, area)
            found += [FoundAction(offer, each) for offer in offers if offer.do is do]
    return found


def creations(actor: Actor, area: str, text: str) -> list[navigation.Link]:
    """Return the forms for something new that the text means and the actor may use."""
    rights = Rights(actor)
    makers = [(page.of.create, page.of.icon, page.of.create_url(area)) for page in list_pages(area).values()]
    return [
        navigation.Link(verb.label, icon, url, here=False)
        for verb, icon, url in makers
        if verb is not None and url and _has_words(verb.label, text) and rights.may_somewhere(verb)
    ]


def pages(area: str, text: str) -> list[navigation.Link]:
    """Return the entries of the navigation whose name holds the text."""
    entries = [link for _label, links in navigation.links(area, "") for link in links]
    return [link for link in entries if text.strip() and _has_words(link.label, text)]


def _cleaned(text: str) -> str:
    return composed(text.replace("\x00", "").strip())[:LONGEST]


def _searched(area: str) -> list[type[ListPage]]:
    return [page for page in list_pages(area).values() if page.in_search and page.has_detail]


def _of_kind(
    actor: Actor, area: str, page: type[ListPage], text: str, same: Mapping[str, Sequence[UUID]], few: int
) -> FoundKind:
    kind = page.of
    given = _matching(page, kind.visible(actor), text)
    # Keys first: with all a list shows joined in, the database would no longer find the best way to so few rows.
    keys = list(given.order_by(*page.order).values_list("pk", flat=True)[: few + 1])
    exact = same.get(kind.kind, ())
    wanted = list(dict.fromkeys([*exact, *keys]))
    rows = {row.pk: row for row in kind.rows(actor).filter(pk__in=wanted)} if wanted else {}
    named = [rows[key] for key in wanted if key in rows]
    url = f"{kind.url(area, 'list')}?{urlencode({'q': text})}" if len(named) > few else ""
    return FoundKind(kind, [_found(kind, area, row) for row in named[:few]], url)


def _matching(page: type[ListPage], rows: QuerySet[Any], text: str) -> QuerySet[Any]:
    """Ask the list's own search; where that knows only names, short texts must begin the name.

    The index on parts of names knows threes: for less the database would read every row of every kind.
    """
    only_names = issubclass(page.filter, ResourceFilter) and page.filter.search is ResourceFilter.search
    if only_names and not _THREE.search(text):
        return rows.filter(name__istartswith=text)
    given: QuerySet[Any] = page.filter({"q": text}, queryset=rows).qs
    return given


def _found(kind: PageKind, area: str, row: Any) -> Found:
    state = state_label(row) if isinstance(row, Resource) else None
    return Found(kind, row, kind.url(area, "one", row), state)


def _same_names(actor: Actor, text: str) -> dict[str, list[UUID]]:
    """Return by kind the ids of what is called just this. Only a kind's own selector decides what of it is shown."""
    if not text:
        return {}
    rows = Resource.objects.filter(name__iexact=text)
    if actor.tenant is not None:
        rows = rows.filter(Q(tenant=actor.tenant) | Q(tenant__isnull=True))
    found: dict[str, list[UUID]] = {}
    for kind, key in rows.values_list("kind", "pk")[:SAME_NAME]:
        found.setdefault(kind, []).append(key)
    return found


def _verbs(area: str, text: str) -> Iterator[tuple[type[ListPage], Do, str]]:
    """Yield kind, action and the rest of the text for every action the text begins with."""
    folded = text.casefold()
    for page in _searched(area):
        for do in page.of.all_actions:
            names = [str(name).casefold() for name in (do.verb.label, do.also) if name]
            name = next((name for name in names if folded.startswith(f"{name} ")), "")
            if name:
                yield page, do, text[len(name) :].strip()


def _has_words(label: Text, text: str) -> bool:
    folded = str(label).casefold()
    return all(word in folded for word in text.casefold().split())
