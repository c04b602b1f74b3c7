"""What is written by hand of a kind for the tests that hold of all kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from apps.compute.models import Vm
from tests.compute.factories import Cloud
from tests.recovery.crash.recipe import Recipe
from tests.security.words import MARK, Rows

if TYPE_CHECKING:
    from tests.security.world import World

Body = Callable[["World"], dict[str, Any]]
#: Makes something of the kind appear where a VM is, without a row.
Plant = Callable[[Cloud, Vm], None]

RENAME: Body = lambda w: {"name": f"{MARK} new name", "description": "new"}  # noqa: E731


@dataclass(frozen=True)
class KindCase:
    """One kind. A test that misses something of it names the field.

    api, pages, admin: who gets which answer (tests/security/answers.py says what the words mean). body: what the API's
    POST of a new one holds; form: what the page's does, by default the same. bodies, forms: of its other requests, by
    action ("set_rules"); renaming, and one for many rows, are known. key: makes a row of tenant A and returns its key.
    recipes: of each verb with a handler, by action. stray: one without a row, where the kind is reconciled.
    """

    kind: str
    plural: str
    model: type[Any]
    api: Rows
    pages: Rows
    key: Callable[[World], object]
    admin: Rows = field(default_factory=dict)
    body: Body | None = None
    form: Body | None = None
    bodies: Mapping[str, Body] = field(default_factory=dict)
    forms: Mapping[str, Body] = field(default_factory=dict)
    recipes: Mapping[str, Recipe] = field(default_factory=dict)
    stray: Plant | None = None

    @property
    def api_bodies(self) -> dict[str, Body]:
        """The bodies by row of the API's table."""
        created = {f"api:{self.plural} POST": self.body} if self.body else {}
        return created | {
            f"api:{self.plural}-{action.replace('_', '-')} POST": body for action, body in self.bodies.items()
        }

    @property
    def page_forms(self) -> dict[str, Body]:
        """The forms by name of the page."""
        form = self.form or self.body
        usual = {
            "rename": RENAME,
            "bulk": lambda w: {"action": "delete", "key": str(w.keys[self.plural])},
            **({"create": form} if form else {}),
        }
        there = {row.split(":")[1].removesuffix(" POST") for row in (*self.pages, *self.admin)}
        named = {f"{self.kind}.{action}": each for action, each in {**usual, **self.forms}.items()}
        return {name: each for name, each in named.items() if name in there}
