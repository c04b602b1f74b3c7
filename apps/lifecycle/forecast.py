"""What a create would come to: what would be refused, and what it would take of the tenant's quotas.

Quotas are counted by an app above the kits that show forecasts. It registers how they are read, when it is ready.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from apps.lifecycle.errors import Forbidden, Refused
from apps.lifecycle.verbs import Text


class Counted(Protocol):
    """What is counted: its stored name, its label, and its unit, "" for plain counts."""

    @property
    def name(self) -> str: ...
    @property
    def label(self) -> Text: ...
    @property
    def unit(self) -> str: ...


@dataclass(frozen=True)
class QuotaLine:
    """One metric before and after, in its own unit."""

    metric: Counted
    used: int
    asked: int
    limit: int

    @property
    def after(self) -> int:
        """What would be used."""
        return self.used + self.asked

    @property
    def short(self) -> bool:
        """Whether the limit does not allow it."""
        return self.asked > 0 and self.after > self.limit


@dataclass(frozen=True)
class Forecast:
    """What a create would come to. Kinds that can say more (hosts, addresses) subclass it."""

    refusals: list[Refused] = field(default_factory=list)
    quotas: list[QuotaLine] = field(default_factory=list)

    @property
    def possible(self) -> bool:
        """Whether the real call would be accepted, as things are now."""
        return not self.refusals

    @property
    def forbidden(self) -> bool:
        """Whether the role does not allow it."""
        return any(isinstance(error, Forbidden) for error in self.refusals)


#: Metric → (used, limit) of a tenant.
Use = Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class QuotaReader:
    """How quotas are read. Tenants are named by primary key, amounts by metric in its unit."""

    used_by: Callable[[int], Use]
    #: Lines for what was taken from one reading to the next, and what was requested but refused.
    lines_between: Callable[[Use, Use, Mapping[str, int]], list[QuotaLine]]
    #: Lines for amounts that nobody has asked for yet; metrics that are not counted are left out.
    lines_for: Callable[[int, Mapping[str, int]], list[QuotaLine]]


_readers: list[QuotaReader] = []


def register_quota_reader(reader: QuotaReader) -> None:
    """Have quotas read by `reader`."""
    _readers[:] = [reader]


def quota_reader() -> QuotaReader:
    """Return how quotas are read. Raises IndexError where no app registered."""
    return _readers[0]
