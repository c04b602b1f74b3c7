"""The pages of a list: which rows of how many, and the way to every other page."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

#: Rows are counted up to here: counting all of 100,000 would cost more than showing 50 of them.
COUNTED = 10_000
#: The last page that can be requested; a number with more digits is none.
MOST_PAGES, MOST_DIGITS = 100_000, 20
#: Pages named on either side of the one shown.
BESIDE = 2


@dataclass(frozen=True)
class Pages:
    """number: the page shown, from 1. size: rows of a page. shown: rows on this one. found: all, as far as counted."""

    number: int
    size: int
    shown: int
    found: int

    @property
    def first(self) -> int:
        """Place of the first row shown."""
        return (self.number - 1) * self.size + 1

    @property
    def last(self) -> int:
        """Place of the last row shown."""
        return self.first + self.shown - 1

    @property
    def total(self) -> str:
        """How many rows there are, in words."""
        if self.found <= COUNTED:
            return f"{self.found:,}"
        return _("more than %(n)s") % {"n": f"{COUNTED:,}"}

    @property
    def range(self) -> str:
        """ "51–100 of 1,204"."""
        named = {"first": f"{self.first:,}", "last": f"{self.last:,}", "total": self.total}
        return _("%(first)s–%(last)s of %(total)s") % named

    @property
    def count(self) -> int:
        """The last page that is known of."""
        return max(-(-min(self.found, COUNTED) // self.size), self.number)

    @property
    def more(self) -> bool:
        """Whether a page follows."""
        return self.last < self.found or (self.found > COUNTED and self.shown == self.size)

    @property
    def before(self) -> int:
        """The page before."""
        return self.number - 1

    @property
    def after(self) -> int:
        """The page that follows."""
        return self.number + 1

    @property
    def is_counted(self) -> bool:
        """Whether all rows were counted, so that the last page is known."""
        return self.found <= COUNTED

    @property
    def numbers(self) -> list[int]:
        """The pages to name: the first, the last and those around the one shown; 0 for what is left out between."""
        near = range(self.number - BESIDE, self.number + BESIDE + 1)
        named = sorted({1, self.count, *(n for n in near if 1 <= n <= self.count)})
        found = [named[0]]
        for before, number in pairwise(named):
            found += [number] if number == before + 1 else [0, number]
        return found

    @property
    def many(self) -> bool:
        """Whether there are pages that are not named, so that one wants to type a number."""
        return 0 in self.numbers


def page_number(given: str) -> int:
    """Return which page is requested; the first for what is no number."""
    return max(1, min(int(given), MOST_PAGES)) if given.isdecimal() and len(given) < MOST_DIGITS else 1


def counted(rows: QuerySet[Any], start: int, got: int, size: int) -> int:
    """Return how many rows there are, counted no further than one more than `COUNTED`. got: from `start` on."""
    if got <= size and (got or not start):
        return start + got
    return rows.order_by()[: COUNTED + 1].values("pk").count()
