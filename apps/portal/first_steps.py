"""What a new tenant does first, and the one thing that a tenant does most."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse

from apps.portal.kinds import Text
from apps.portal.page import Page
from apps.portal.slots import FIRST_STEPS, FirstStepSlot


@dataclass(frozen=True)
class FirstStep:
    """One step; `url` is "" where the reader's role does not allow it."""

    label: Text
    text: Text
    url: str
    done: bool
    last: bool


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
