"""What apps add to the overviews of the portals: cards, and the first steps of a new tenant.

An app fills `HOME_CARDS` and `FIRST_STEPS` in its own `slots.py`, as those of `apps.portal.slots`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from django.urls import NoReverseMatch, reverse

from apps.lifecycle.slots import Slot
from apps.lifecycle.verbs import Text, Verb
from apps.portal.page import Page


@dataclass(frozen=True)
class HomeCardSlot:
    """A card on an area's overview, in the wide column. show: what its template gets as `card`; None shows no card."""

    area: str
    template: str
    show: Callable[[Page], dict[str, Any] | None]


@dataclass(frozen=True)
class FirstStepSlot:
    """A step of a new tenant: create something of the kind, by the verb. It is done once there is one.

    text: what it is for. last: the step that the others lead to; its button stays when all are done.
    """

    kind: str
    order: int
    verb: Verb
    text: Text
    last: bool = False


HOME_CARDS: Slot[HomeCardSlot] = Slot()
FIRST_STEPS: Slot[FirstStepSlot] = Slot()


@dataclass(frozen=True)
class FirstStep:
    """One step; `url` is "" where the reader's role does not allow it."""

    label: Text
    text: Text
    url: str
    done: bool
    last: bool


def home_cards(page: Page) -> list[tuple[str, dict[str, Any]]]:
    """Return template and content of the cards on the overview of a page's area."""
    shown = [(slot.template, slot.show(page)) for slot in HOME_CARDS if slot.area == page.area]
    return [(template, content) for template, content in shown if content is not None]


def first_steps(page: Page, existing: Collection[str]) -> list[FirstStep]:
    """Return the steps in their order; `existing`: kinds of which the tenant has something."""
    return [
        FirstStep(slot.verb.label, slot.text, _url(page, slot), slot.kind in existing, slot.last)
        for slot in sorted(FIRST_STEPS, key=lambda slot: slot.order)
    ]


def _url(page: Page, slot: FirstStepSlot) -> str:
    if not page.rights.may_somewhere(slot.verb):
        return ""
    try:
        return reverse(f"{page.area}:{slot.kind}.create")
    except NoReverseMatch:
        return ""
