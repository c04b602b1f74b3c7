"""What a look has seen: where, and how it differs from the rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from apps.reconciliation.models import Rule


@dataclass(frozen=True)
class Place:
    """Where something was looked at; one of the three is given. `name` is for people."""

    name: str
    host: UUID | None = None
    storage_cluster: int | None = None
    region: int | None = None


@dataclass(frozen=True)
class Difference:
    """One difference a look has seen. `values` are those of the sentence besides the place's name."""

    rule: Rule
    kind: str
    target: UUID
    place: Place
    aspect: str = ""
    name: str = ""
    resource: UUID | None = None
    tenant: int | None = None
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[Any, ...]:
        """What makes it the same difference in the next look."""
        place = self.place
        return (
            self.rule,
            self.aspect,
            self.kind,
            self.target,
            place.host,
            place.storage_cluster,
            place.region,
        )
